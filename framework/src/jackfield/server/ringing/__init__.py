"""People call each other: who is rung, and what they answer."""
