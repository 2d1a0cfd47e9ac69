"""Records a call, as it arrives, into Matroska files."""
