"""The dependency descriptor of a stream with one layer (AOM "RTP Payload Format For AV1", appendix A).

From it receivers and servers know which frames a frame needs, without a look into AV1. Ours needs the one before, and a
keyframe none; both templates stand in the descriptor of each keyframe's first packet. Chromium shows one layer without
it as well (layers it does not), but goes by it where it comes.
"""

from __future__ import annotations

import secrets

from jackfield.media.bits import BitWriter
from jackfield.values.media import EncodedFrame

_KEY, _DELTA, _TEMPLATES = 0, 1, 2
_IDS = 64
#: "A switch is possible here" (table A.1): the stream has one layer, and every frame belongs to it.
_SWITCH = 2


class DescriptorWriter:
    """Describes one stream's frames, in the order in which they are sent."""

    def __init__(self) -> None:
        self._number = secrets.randbits(16)
        self._offset = 0
        self._size: tuple[int, int] | None = None

    def describe(self, frame: EncodedFrame, packets: int) -> list[bytes]:
        """One descriptor for each of the frame's packets."""
        size = (frame.width, frame.height)
        if frame.keyframe and size != self._size:
            if self._size is not None:  # another structure has other template ids (section A.8.3)
                self._offset = (self._offset + _TEMPLATES) % _IDS
            self._size = size
        template = (self._offset + (_KEY if frame.keyframe else _DELTA)) % _IDS
        self._number = (self._number + 1) & 0xFFFF
        return [self._one(template, index, packets, with_structure=frame.keyframe) for index in range(packets)]

    def _one(self, template: int, index: int, packets: int, *, with_structure: bool) -> bytes:
        bits = BitWriter().put(index == 0, 1).put(index == packets - 1, 1).put(template, 6).put(self._number, 16)
        if with_structure and index == 0:
            bits.put(0b10000, 5)  # the structure follows; nothing of this frame differs from its template
            self._structure(bits)
        return bits.bytes()

    def _structure(self, bits: BitWriter) -> None:
        """``template_dependency_structure`` (section A.8.2): two templates, one decode target, one chain."""
        bits.put(self._offset, 6).put(0, 5)
        bits.put(0, 2).put(3, 2)  # layers: the same again, and no more
        bits.put(_SWITCH, 2).put(_SWITCH, 2)
        bits.put(0, 1).put(1, 1).put(0, 4).put(0, 1)  # frame differences: none; one, and no more
        bits.put(1, 1).put(0, 4).put(1, 4)  # chains: one; the key begins it, each other follows the one before
        width, height = self._size or (0, 0)
        if not (0 < width <= 0x10000 and 0 < height <= 0x10000):
            bits.put(0, 1)
            return
        bits.put(1, 1).put(width - 1, 16).put(height - 1, 16)
