"""A renderer that draws a call in a terminal."""
