"""How a picture gets out of shared memory, in the process that encodes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import av

from jackfield.plugins.isolated.memory import COLOURS, PictureMemory


def taken(memory: PictureMemory, described: Mapping[str, Any]) -> av.VideoFrame:
    """The picture, in memory of its own: an encoder may hold it while the next one is put."""
    memory.fit(described["memory"])
    picture = av.VideoFrame(described["width"], described["height"], described["format"])
    at = 0
    for plane, (line_size, size) in zip(picture.planes, described["planes"], strict=True):
        source = memory.view[at : at + size]
        if (plane.line_size, plane.buffer_size) == (line_size, size):
            plane.update(source)  # type: ignore[arg-type]  # it takes any buffer
        else:
            _copy_lines(source, line_size, memoryview(plane), plane.line_size)
        at += size
    for name, value in zip(COLOURS, described["colours"], strict=True):
        setattr(picture, name, value)
    return picture


def _copy_lines(source: memoryview, source_line: int, target: memoryview, target_line: int) -> None:
    """Line by line, where the two pad their lines differently."""
    length = min(source_line, target_line)
    for start, to in zip(
        range(0, source.nbytes - length + 1, source_line),
        range(0, target.nbytes - length + 1, target_line),
        strict=False,
    ):
        target[to : to + length] = source[start : start + length]
