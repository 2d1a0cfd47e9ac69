"""Keys by index, derived from what people share, and ratcheted forward."""

from __future__ import annotations

import hashlib

from attrs import define, field
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SALT = b"LKFrameEncryptionKey"
#: Of PBKDF2 with HMAC-SHA-256; the key is one of AES-128.
ITERATIONS = 100_000
KEY_BYTES, MATERIAL_BYTES = 16, 32
#: Keys that the last byte of a frame tells apart.
RING_SIZE = 16


@define(eq=False, repr=False)
class Key:
    """One key. Making one takes some 50 ms of a core: off the event loop."""

    material: bytes
    cipher: AESGCM = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.cipher = AESGCM(_derived(self.material, KEY_BYTES))

    def ratcheted(self) -> Key:
        """The next key, from which this one cannot be found."""
        return Key(_derived(self.material, MATERIAL_BYTES))


def _derived(material: bytes, size: int) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", material, SALT, ITERATIONS, size)


class KeyRing:
    """The keys of a call; ``current`` is the index of the one that we encrypt with. Used on the event loop."""

    def __init__(self, key: Key, index: int = 0) -> None:
        self._keys: dict[int, Key] = {}
        self.current = index
        #: Changes with each key that is set: what failed before may be tried again.
        self.generation = 0
        self.set(key, index)

    def set(self, key: Key, index: int, *, use: bool = True) -> None:
        """``key`` is the one of this index, and with ``use`` the one that we encrypt with from now on."""
        if not 0 <= index < RING_SIZE:
            raise ValueError(f"keys have an index of 0 to {RING_SIZE - 1}; this is {index}")
        self._keys[index] = key
        self.generation += 1
        if use:
            self.current = index

    def get(self, index: int) -> Key | None:
        """The key of this index."""
        return self._keys.get(index)

    @property
    def key(self) -> Key:
        """The key that we encrypt with."""
        return self._keys[self.current]
