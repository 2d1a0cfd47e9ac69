"""Participants made with software that is not ours, each driven by a test over its standard input and output."""
