"""Cameras on Linux for Jackfield: found by udev, read by V4L2 ioctls of our own, with a deadline on every picture."""
