"""Who was in which call, when and how long, kept in a file."""
