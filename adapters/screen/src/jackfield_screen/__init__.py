"""Screens and windows as sources of a call: X11, macOS, Windows."""
