"""Video decoding on Windows (Direct3D 11) for Jackfield."""
