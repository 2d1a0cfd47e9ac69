"""Commands as cameras and microphones for Jackfield: what they print is published."""
