"""Which pictures the host has asked for: the streaming interface's probe and commit (Video Class 1.1, 4.3.1.1)."""

from __future__ import annotations

import struct

from attrs import frozen

from tests.lab.vm.fakecam.controls import GET_CUR, GET_DEF, GET_INFO, GET_LEN, GET_MAX, GET_MIN
from tests.lab.vm.fakecam.descriptors import RATES
from tests.lab.vm.fakecam.store import SIZES

PROBE, COMMIT = 1, 2
#: The most that one bulk transfer carries.
PAYLOAD_BYTES = 16_384
_LAYOUT = struct.Struct("<HBBIHHHHHIIIBBBB")


@frozen
class Wish:
    """One of the formats that the camera has, a size and a rate."""

    formats: tuple[str, ...]
    format_index: int = 1
    size_index: int = 1
    interval_100ns: int = 10_000_000 // RATES[0]

    @classmethod
    def read(cls, data: bytes, formats: tuple[str, ...]) -> Wish:
        """The nearest to what the host proposes."""
        format_index, size_index, interval = struct.unpack_from("<BBI", data, 2)
        offered = [10_000_000 // rate for rate in RATES]
        return cls(
            formats,
            min(max(format_index, 1), len(formats)),
            min(max(size_index, 1), len(SIZES)),
            min(offered, key=lambda each: abs(each - interval)),
        )

    @property
    def format(self) -> str:
        return self.formats[self.format_index - 1]

    @property
    def size(self) -> tuple[int, int]:
        return SIZES[self.size_index - 1]

    @property
    def fps(self) -> float:
        return 10_000_000 / self.interval_100ns

    def packed(self) -> bytes:
        width, height = self.size
        head = (1, self.format_index, self.size_index, self.interval_100ns, 0, 0, 0, 0, 0)
        return _LAYOUT.pack(*head, width * height * 2, PAYLOAD_BYTES, 48_000_000, 0, 0, 0, 0)


class Negotiation:
    """What was proposed last."""

    def __init__(self, formats: tuple[str, ...]) -> None:
        self.proposed = self._first = Wish(formats)
        self._last = Wish(formats, len(formats), len(SIZES), 10_000_000 // min(RATES))

    def answer(self, request: int) -> bytes | None:
        """What a GET request is answered with; None where it is refused."""
        answers = {
            GET_INFO: b"\x03",
            GET_LEN: struct.pack("<H", _LAYOUT.size),
            GET_CUR: self.proposed.packed(),
            GET_MIN: self._first.packed(),
            GET_MAX: self._last.packed(),
            GET_DEF: self._first.packed(),
        }
        return answers.get(request)
