"""Video encoding and decoding on Macs (VideoToolbox) for Jackfield."""
