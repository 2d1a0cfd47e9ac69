"""Calls that the server keeps in files: who may ask for it, the process that records, and what was kept."""
