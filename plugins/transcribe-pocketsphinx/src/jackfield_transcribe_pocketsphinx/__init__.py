"""Live captions of US English in Jackfield, by PocketSphinx."""
