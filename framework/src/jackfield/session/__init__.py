"""One call: its state, actions, events, publications and playback."""
