"""What all commands stand on: finding them, exit codes, output."""
