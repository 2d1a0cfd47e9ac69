"""Mints call tokens for Jackfield on this machine, with an API key and secret."""
