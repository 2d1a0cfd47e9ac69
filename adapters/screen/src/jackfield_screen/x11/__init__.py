"""X11: what the server tells of its screens and windows, and how to follow one of them."""
