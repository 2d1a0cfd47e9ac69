"""A Matroska file (RFC 9559) that can be played whenever its writer stops, however it stops.

The head has room to spare: tracks are added to it in place, at any time. Media follows in whole clusters, each handed
to the operating system in one write. Closing adds what makes seeking quick: the duration, the cues, and where they are.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from attrs import frozen

from jackfield_render_record.ebml import element, endless, padded, real, size, text, unsigned, void

_EBML, _SEGMENT, _SEEK_HEAD, _INFO, _TRACKS, _CLUSTER, _CUES = (
    0x1A45DFA3, 0x18538067, 0x114D9B74, 0x1549A966, 0x1654AE6B, 0x1F43B675, 0x1C53BB6B,
)  # fmt: skip
_SEEK_ROOM, _INFO_ROOM, _TRACKS_ROOM = 128, 512, 16_384
#: Matroska counts from the first instant of 2001.
_EPOCH_NS = 978_307_200 * 1_000_000_000
_MOST_TRACKS = 100
_LEAST_VOID = 9


@frozen
class _Block:
    time_ms: int
    track: int
    keyframe: bool
    data: bytes


class MatroskaFile:
    """One file, written by one thread. Times are in milliseconds from its beginning, ``began_ns`` of the epoch."""

    def __init__(self, path: Path, *, title: str, began_ns: int, cluster_ms: int = 1000) -> None:
        self.path = path
        self._title, self._began_ns, self._cluster_ms = title, began_ns, cluster_ms
        self._file = path.open("xb", buffering=0)
        self._tracks: list[bytes] = []
        self._blocks: list[_Block] = []
        self._cues: list[bytes] = []
        self._last_ms = 0
        self._write_head()

    def add_track(self, *content: bytes) -> int:
        """The number of a new track; ``content`` is its entry without number and UID. None is left: ``ValueError``."""
        number = len(self._tracks) + 1
        tracks = [*self._tracks, element(0xAE, unsigned(0xD7, number), unsigned(0x73C5, number), *content)]
        whole = element(_TRACKS, *tracks)
        if number > _MOST_TRACKS or len(whole) > _TRACKS_ROOM - _LEAST_VOID:
            raise ValueError(f"{self.path} has no room for another track")
        self._tracks = tracks
        self._rewrite(self._tracks_at, padded(whole, _TRACKS_ROOM))
        return number

    def write(self, track: int, time_ms: int, data: bytes, *, keyframe: bool) -> None:
        """Takes one frame into the cluster; a full cluster goes to the file first."""
        if self._blocks and abs(time_ms - self._blocks[0].time_ms) >= self._cluster_ms:
            self.flush()
        self._blocks.append(_Block(max(0, time_ms), track, keyframe, data))

    def flush(self) -> None:
        """Everything so far is in the file."""
        if not self._blocks:
            return
        blocks = sorted(self._blocks, key=lambda block: block.time_ms)
        self._blocks = []
        begins_ms, at = blocks[0].time_ms, self._file.tell() - self._body_at
        for block in blocks:
            if block.keyframe and block.track in self._seekable:
                self._cues.append(_cue(block, at))
        self._last_ms = max(self._last_ms, blocks[-1].time_ms)
        _write_all(self._file.fileno(), element(_CLUSTER, unsigned(0xE7, begins_ms), *_coded(blocks, begins_ms)))

    def close(self) -> None:
        """The file is whole, and knows its length and where its keyframes are."""
        self.flush()
        cues_at = self._file.tell()
        if self._cues:
            _write_all(self._file.fileno(), element(_CUES, *self._cues))
        self._rewrite(self._body_at, self._seek_head(cues_at if self._cues else None))
        self._rewrite(self._info_at, self._info(self._last_ms))
        self._rewrite(self._body_at - 8, size(self._file.tell() - self._body_at, 8))
        self._file.close()

    @property
    def _seekable(self) -> frozenset[int]:
        """Tracks of pictures; of a file without any, all."""
        pictures = {number for number, entry in enumerate(self._tracks, 1) if unsigned(0x83, 1) in entry}
        return frozenset(pictures or range(1, len(self._tracks) + 1))

    def _write_head(self) -> None:
        doc = (unsigned(0x4286, 1), unsigned(0x42F7, 1), unsigned(0x42F2, 4), unsigned(0x42F3, 8))
        head = element(_EBML, *doc, text(0x4282, "matroska"), unsigned(0x4287, 4), unsigned(0x4285, 2))
        head += endless(_SEGMENT)
        self._body_at = len(head)
        self._info_at = self._body_at + _SEEK_ROOM
        self._tracks_at = self._info_at + _INFO_ROOM
        head += self._seek_head(None) + self._info(None) + void(_TRACKS_ROOM)
        _write_all(self._file.fileno(), head)

    def _seek_head(self, cues_at: int | None) -> bytes:
        places = [(_INFO, self._info_at), (_TRACKS, self._tracks_at)] + ([(_CUES, cues_at)] if cues_at else [])
        seeks = [
            element(0x4DBB, element(0x53AB, identifier.to_bytes(4, "big")), unsigned(0x53AC, at - self._body_at))
            for identifier, at in places
        ]
        return padded(element(_SEEK_HEAD, *seeks), _SEEK_ROOM)

    def _info(self, last_ms: int | None) -> bytes:
        date = element(0x4461, (self._began_ns - _EPOCH_NS).to_bytes(8, "big", signed=True))
        parts = [unsigned(0x2AD7B1, 1_000_000), date, text(0x7BA9, self._title[:100])]
        parts += [text(0x4D80, "jackfield"), text(0x5741, "jackfield")]
        if last_ms is not None:
            parts.append(real(0x4489, float(last_ms)))
        return padded(element(_INFO, *parts), _INFO_ROOM)

    def _rewrite(self, at: int, content: bytes) -> None:
        os.pwrite(self._file.fileno(), content, at)


def _coded(blocks: Sequence[_Block], begins_ms: int) -> list[bytes]:
    """SimpleBlocks: track, time within the cluster, flags, and the frame."""
    return [
        element(
            0xA3,
            size(block.track),
            (block.time_ms - begins_ms).to_bytes(2, "big", signed=True),
            b"\x80" if block.keyframe else b"\x00",
            block.data,
        )
        for block in blocks
    ]


def _cue(block: _Block, at: int) -> bytes:
    where = element(0xB7, unsigned(0xF7, block.track), unsigned(0xF1, at))
    return element(0xBB, unsigned(0xB3, block.time_ms), where)


def _write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]
