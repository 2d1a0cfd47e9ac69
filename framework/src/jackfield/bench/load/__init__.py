"""Load for an SFU: rooms of synthetic participants that signal, connect, send, and decrypt without decoding."""
