"""VP8, H.264 and Opus in software for Jackfield."""
