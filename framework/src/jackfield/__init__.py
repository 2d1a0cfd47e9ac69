"""Live calls in Python in which every part that touches a machine or a service is a plugin."""
