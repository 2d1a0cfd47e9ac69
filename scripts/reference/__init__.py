"""Makes the reference from the code."""
