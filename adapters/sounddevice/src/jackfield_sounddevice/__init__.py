"""Microphones and loudspeakers through PortAudio."""
