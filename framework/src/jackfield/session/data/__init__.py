"""What people of a call send each other beside media: streams of text and bytes, and calls of each other's methods."""
