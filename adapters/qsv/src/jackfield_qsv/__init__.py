"""Video encoding and decoding on Intel GPUs (Quick Sync) for Jackfield."""
