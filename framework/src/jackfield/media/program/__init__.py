"""Programs whose output is media: run, read, held to a rate, started again, and ended with all that they started."""
