"""Codecs that do as a test says, for the threads that encode and decode."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jackfield.values.errors import EncoderError
from jackfield.values.media import AudioBlock, EncodedFrame, VideoFrame


class Codec:
    """An encoder and a decoder that mark what they are given."""

    def __init__(self, size: tuple[int, int] = (0, 0), *, fails: int = 0) -> None:
        self.size, self.fails = size, fails
        self.closed = self.forced = False
        self.bitrate_bps = 0
        self.held: threading.Event | None = None
        self.concealed = 0

    def encode(self, media: VideoFrame | AudioBlock) -> Sequence[EncodedFrame]:
        if self.fails:
            self.fails -= 1
            raise EncoderError("it does not want to")
        keyframe, self.forced = self.forced, False
        width, height = getattr(media, "width", 0), getattr(media, "height", 0)
        return [EncodedFrame(b"e", "VP8", keyframe, media.time_ns, width=width, height=height)]

    def decode(self, frame: EncodedFrame) -> Sequence[VideoFrame]:
        if self.held:
            self.held.wait(5)
        if frame.data == b"bad":
            raise EncoderError("damaged")
        return [picture(16, 16, int(frame.time_ns))]

    def conceal(self, duration_ms: int) -> Sequence[AudioBlock]:
        if self.fails:
            self.fails -= 1
            raise EncoderError("there is nothing to go by")
        self.concealed += duration_ms
        return [AudioBlock(np.zeros((48 * duration_ms, 1), np.int16))]

    def force_keyframe(self) -> None:
        self.forced = True

    def set_bitrate_bps(self, bitrate_bps: int) -> None:
        self.bitrate_bps = bitrate_bps

    def close(self) -> None:
        self.closed = True


class Card(Codec):
    """Hardware that does well for so many frames, and then as ``act`` does."""

    def __init__(self, good: int, act: Callable[[Any], Any]) -> None:
        super().__init__()
        self.good, self.act = good, act

    def encode(self, media: VideoFrame | AudioBlock) -> Sequence[EncodedFrame]:
        self.good -= 1
        if self.good < 0:
            return self.act(media)  # type: ignore[no-any-return]
        return [EncodedFrame(KEY, "VP8", True, media.time_ns)]

    def decode(self, frame: EncodedFrame) -> Sequence[VideoFrame]:
        self.good -= 1
        return self.act(frame) if self.good < 0 else super().decode(frame)  # type: ignore[no-any-return]


#: As much of a VP8 keyframe as says that it is one.
KEY = b"\x10\x00\x00\x9d\x01\x2a\x10\x00\x10\x00"


def picture(width: int, height: int, time_ns: int | None = None) -> VideoFrame:
    return VideoFrame.from_ndarray(np.zeros((height, width, 3), np.uint8), time_ns=time_ns)


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


def breaks(media: Any) -> Any:
    raise EncoderError("the card is gone")


def raises(media: Any) -> Any:
    raise OSError("no such device")
