"""Fetches call tokens for Jackfield from a service, with a log-in."""
