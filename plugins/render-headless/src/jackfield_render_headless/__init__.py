"""A renderer that draws nothing."""
