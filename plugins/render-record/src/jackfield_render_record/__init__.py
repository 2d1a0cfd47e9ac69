"""Records every participant of a Jackfield call without re-encoding."""
