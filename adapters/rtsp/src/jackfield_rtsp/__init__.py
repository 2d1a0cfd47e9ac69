"""IP cameras for Jackfield: RTSP, with H.264 passed on as the camera made it."""
