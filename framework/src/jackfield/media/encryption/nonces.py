"""Nonces that are never used twice with a key (NIST SP 800-38D section 8.2.1)."""

from __future__ import annotations

import secrets

#: Bytes of a nonce of AES-GCM.
NONCE_BYTES = 12
_FIXED, _BASE = 8, 255


class Nonces:
    """Those of one stream: a random part of its own, and a counter.

    No byte of them is 0: in H.264 zeros are escaped, and libwebrtc's transformer takes the nonce from a frame before it
    has undone that.
    """

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._fixed = bytes(1 + secrets.randbelow(_BASE) for _ in range(_FIXED))
        self._count = 0

    def next(self) -> bytes:
        """One that was not used before."""
        count, self._count = self._count, self._count + 1
        if self._count == _BASE ** (NONCE_BYTES - _FIXED):
            self._begin()
        digits = []
        for _ in range(NONCE_BYTES - _FIXED):
            count, digit = divmod(count, _BASE)
            digits.append(digit + 1)
        return self._fixed + bytes(reversed(digits))
