"""Echo cancellation, noise suppression and gain for microphones, rotation and cropping for cameras, in Jackfield."""
