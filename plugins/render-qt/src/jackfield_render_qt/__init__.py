"""A call as a Qt widget."""
