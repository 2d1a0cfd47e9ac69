"""What a plugin's author tests with: one contract class per role, fakes and a clock."""
