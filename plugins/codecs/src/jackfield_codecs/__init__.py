"""VP8, H.264, VP9, AV1 and Opus in software for Jackfield."""
