"""What clients and servers hold in memory, and how it grows."""
