"""The system's libopus: what PyAV's codec does not show of it (in-band error correction, DTX, a live bitrate).

Its C interface has been stable since version 1.0 (``opus.h``, ``opus_defines.h``); nothing else is loaded or needed.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jackfield.values.errors import EncoderError

INSTALL = "libopus is not installed on this machine: apt-get install libopus0, dnf install opus, or brew install opus"
APPLICATIONS = {"voip": 2048, "audio": 2049, "lowdelay": 2051}
#: ``OPUS_SET_…_REQUEST``.
BITRATE, VBR, INBAND_FEC, PACKET_LOSS, DTX, VBR_CONSTRAINT = 4002, 4006, 4012, 4014, 4016, 4020
#: The longest packet there is, and the longest sound in one: 120 ms at 48 kHz.
_PACKET_MAX, _SAMPLES_MAX = 1500, 5760
_STATE, _INT, _INT32 = ctypes.c_void_p, ctypes.c_int, ctypes.c_int32
_SIGNATURES: dict[str, tuple[Any, Sequence[Any]]] = {
    "opus_encoder_create": (_STATE, [_INT32, _INT, _INT, ctypes.POINTER(_INT)]),
    "opus_encoder_ctl": (_INT, [_STATE, _INT]),  # and a number: it is variadic
    "opus_encode": (_INT32, [_STATE, ctypes.c_void_p, _INT, ctypes.c_char_p, _INT32]),
    "opus_encoder_destroy": (None, [_STATE]),
    "opus_decoder_create": (_STATE, [_INT32, _INT, ctypes.POINTER(_INT)]),
    "opus_decode": (_INT, [_STATE, ctypes.c_char_p, _INT32, ctypes.c_void_p, _INT, _INT]),
    "opus_decoder_destroy": (None, [_STATE]),
    "opus_strerror": (ctypes.c_char_p, [_INT]),
}


@cache
def library() -> Any:
    """The library with its functions' types; `EncoderError` says what to install."""
    found = ctypes.util.find_library("opus")
    try:
        loaded = ctypes.CDLL(found) if found else None
        for name, (result, arguments) in _SIGNATURES.items() if loaded is not None else ():
            function = getattr(loaded, name)
            function.restype, function.argtypes = result, list(arguments)
    except (OSError, AttributeError) as exc:
        raise EncoderError(f"libopus does not load: {exc}", details={"library": "libopus"}) from exc
    if loaded is None:
        raise EncoderError(INSTALL, details={"library": "libopus"})
    return loaded


class Encoder:
    """One encoder's state."""

    _state: int | None = None  # until it is open: what fails before that has nothing to give back

    def __init__(self, rate: int, channels: int, application: str) -> None:
        error = _INT(0)
        self._channels, self._packet = channels, ctypes.create_string_buffer(_PACKET_MAX)
        self._state = library().opus_encoder_create(rate, channels, APPLICATIONS[application], ctypes.byref(error))
        _check(error.value, f"open at {rate} Hz for {channels} channels")

    def set(self, request: int, value: int) -> None:
        """Turns one of libopus's knobs."""
        _check(library().opus_encoder_ctl(self._state, request, _INT32(value)), f"set {request} to {value}")

    def encode(self, samples: NDArray[np.int16]) -> bytes:
        """The packet for a block, shape (samples, channels); one or two bytes where DTX has nothing to say."""
        block = np.ascontiguousarray(samples, np.int16)
        size = library().opus_encode(self._state, block.ctypes.data, len(block), self._packet, _PACKET_MAX)
        _check(size, "encode")
        return self._packet.raw[:size]

    def close(self) -> None:
        """The state is given back."""
        state, self._state = self._state, None
        if state:
            library().opus_encoder_destroy(state)

    __del__ = close


class Decoder:
    """One decoder's state, at 48 kHz."""

    _state: int | None = None

    def __init__(self, channels: int) -> None:
        error = _INT(0)
        self._sound = np.zeros((_SAMPLES_MAX, channels), np.int16)
        self._state = library().opus_decoder_create(48_000, channels, ctypes.byref(error))
        _check(error.value, f"open for {channels} channels")

    def decode(self, packet: bytes | None, samples: int = _SAMPLES_MAX, *, fec: bool = False) -> NDArray[np.int16]:
        """The sound of a packet; with ``fec`` so many samples before it, out of it; of None, what may have come."""
        size, into = len(packet) if packet else 0, self._sound.ctypes.data
        count = library().opus_decode(self._state, packet or None, size, into, min(samples, _SAMPLES_MAX), fec)
        _check(count, f"decode {size} bytes")
        return self._sound[:count].copy()

    def close(self) -> None:
        """The state is given back."""
        state, self._state = self._state, None
        if state:
            library().opus_decoder_destroy(state)

    __del__ = close


def _check(code: int, doing: str) -> None:
    if code < 0:
        said = library().opus_strerror(code).decode("ascii", "replace")
        raise EncoderError(f"libopus failed to {doing}: {said}", details={"library": "libopus"})
