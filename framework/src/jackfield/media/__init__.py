"""What media needs on its way: clocks, jitter buffers, mixing, resampling, statistics."""
