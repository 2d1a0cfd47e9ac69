"""Synthetic camera, microphone and speaker for Jackfield: test card, tone, media file."""
