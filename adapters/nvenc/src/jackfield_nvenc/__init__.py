"""Video encoding and decoding on NVIDIA cards (NVENC, NVDEC) for Jackfield."""
