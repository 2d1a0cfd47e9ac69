"""A picture's way over a bad network: shaped traces, a tunnel that carries them, and what each peer makes of them."""
