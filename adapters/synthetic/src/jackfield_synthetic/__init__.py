"""Made-up cameras, microphones and a loudspeaker for Jackfield, and readers that recognise what they made."""
