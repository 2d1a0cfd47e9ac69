"""Checks Jackfield's call settings against limits from configuration."""
