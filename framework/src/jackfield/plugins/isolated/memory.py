"""Memory that two processes see, without a name that could be left behind, and how a picture gets into it."""

from __future__ import annotations

import mmap
import os
import sys
import tempfile
from typing import TYPE_CHECKING, Any
from uuid import uuid4

if TYPE_CHECKING:
    import av

#: What tells a decoder's colours from another's, and goes along with a picture.
COLOURS = ("colorspace", "color_range", "color_primaries", "color_trc")
_STEP = 1 << 20


class PictureMemory:
    """Some memory, as large as the largest picture so far. It is gone with the last process that has it open.

    On POSIX it is a file without a name, which a child inherits (``descriptors``); on Windows a mapping that is named
    while somebody has it open. ``key`` is what the other process opens it by.
    """

    def __init__(self, key: str = "") -> None:
        self._is_mine, self._size = not key, 0
        self.key = key or (f"jackfield-{uuid4().hex}" if sys.platform == "win32" else str(_unnamed()))
        self.view = memoryview(b"")

    @property
    def descriptors(self) -> tuple[int, ...]:
        """What the child must inherit."""
        return () if sys.platform == "win32" else (int(self.key),)

    def fit(self, size: int) -> int:
        """It holds ``size`` bytes at least; the answer is how many it holds."""
        if size > self._size:
            self._size = -(-size // _STEP) * _STEP
            self.view = memoryview(self._mapped(self._size))
        return self._size

    def close(self) -> None:
        """The memory is given back; pictures that were taken out of it stay."""
        self.view = memoryview(b"")
        for descriptor in self.descriptors:
            os.close(descriptor)

    def _mapped(self, size: int) -> mmap.mmap:
        if sys.platform == "win32":
            return mmap.mmap(-1, size, tagname=f"{self.key}-{size}")
        if self._is_mine:
            os.ftruncate(int(self.key), size)
        return mmap.mmap(int(self.key), size)


def _unnamed() -> int:
    if memfd_create := getattr(os, "memfd_create", None):  # Linux
        return int(memfd_create("jackfield picture"))
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def put(memory: PictureMemory, picture: av.VideoFrame) -> dict[str, Any]:
    """The picture's planes are in the memory, as they were; the answer is what `taken` needs to know."""
    if any(plane.line_size < 0 for plane in picture.planes):  # upside down, as some files and cameras have it
        from av.video.reformatter import VideoReformatter

        picture = VideoReformatter().reformat(
            picture, format="yuv420p" if picture.format.name != "yuv420p" else "yuv444p", threads=1
        )
    planes = [(plane.line_size, plane.buffer_size) for plane in picture.planes]
    held = memory.fit(sum(size for _, size in planes))
    at = 0
    for plane, (_, size) in zip(picture.planes, planes, strict=True):
        memory.view[at : at + size] = memoryview(plane)
        at += size
    return {
        "memory": held,
        "width": picture.width,
        "height": picture.height,
        "format": picture.format.name,
        "planes": planes,
        "colours": [int(getattr(picture, name)) for name in COLOURS],
    }
