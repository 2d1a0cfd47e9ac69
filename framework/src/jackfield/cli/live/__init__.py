"""What the commands that take part in a call share: joining, watching, checking."""
