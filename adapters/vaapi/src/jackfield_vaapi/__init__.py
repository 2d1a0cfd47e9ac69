"""Video encoding and decoding through VA-API (Intel and AMD GPUs on Linux) for Jackfield."""
