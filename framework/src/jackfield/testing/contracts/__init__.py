"""One contract class per role. Inherit it, name your plugin, and pytest runs every clause."""
