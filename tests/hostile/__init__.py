"""What peers may send that no standard allows: mutations of what is right, and each reader that has to bear them."""
