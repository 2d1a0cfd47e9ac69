"""What an encoder's process and its owner say to each other, over two pipes: each asks, or answers, in turn.

A message is a table in JSON and the bytes of encoded frames behind it. Nothing of it is code: what a driver has damaged
can be refused. The end of the owner's pipe is the end of the process.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

from attrs import astuple, frozen

from jackfield.values.media import EncodedFrame

_HEADER = struct.Struct("<II")
#: A table and frames longer than this are damage: an uncompressed 4K picture has 12 MB.
_MOST = 1 << 26


class Garbled(ValueError):
    """What came is no message."""


@frozen
class Message:
    """One message: ``table`` says what it is, ``frames`` are those that were encoded."""

    table: Mapping[str, Any]
    frames: Sequence[EncodedFrame] = ()


def send(pipe: BinaryIO, message: Message) -> None:
    """The message is in the pipe; ``OSError`` when nobody reads it."""
    described = [astuple(frame, recurse=False)[1:] for frame in message.frames]
    table = {**message.table, "frames": described, "sizes": [len(frame.data) for frame in message.frames]}
    words, data = json.dumps(table).encode(), b"".join(frame.data for frame in message.frames)
    pipe.write(_HEADER.pack(len(words), len(data)) + words + data)
    pipe.flush()


def received(pipe: BinaryIO) -> Message | None:
    """The next message, waited for; None at the end of the pipe. `Garbled` where it is none."""
    header = pipe.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return None
    words_size, data_size = _HEADER.unpack(header)
    if words_size + data_size > _MOST:
        raise Garbled(f"a message of {words_size + data_size} bytes")
    words, data = pipe.read(words_size), pipe.read(data_size)
    if len(words) < words_size or len(data) < data_size:
        return None
    try:
        table = json.loads(words)
        return Message(table, _frames(table, data))
    except (ValueError, TypeError, KeyError) as exc:
        raise Garbled(str(exc)) from exc


def _frames(table: Mapping[str, Any], data: bytes) -> list[EncodedFrame]:
    frames, at = [], 0
    for described, size in zip(table["frames"], table["sizes"], strict=True):
        frames.append(EncodedFrame(data[at : at + size], *described))
        at += size
    return frames
