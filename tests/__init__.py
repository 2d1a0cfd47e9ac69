"""What no single member owns: whole calls, interop with foreign clients, house rules."""
