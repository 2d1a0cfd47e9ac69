"""A Jackfield renderer that draws nothing, for bots and servers."""
