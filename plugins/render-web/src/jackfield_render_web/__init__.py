"""A call shown in a browser on the same machine."""
