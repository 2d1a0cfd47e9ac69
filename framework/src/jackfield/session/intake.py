"""Where the captures of one publication put what they took: checked, since plugins are anybody's, and never waiting."""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np

from jackfield.session.handover import Handover
from jackfield.session.opening import as_call_error
from jackfield.values.errors import CallError
from jackfield.values.formats import RATES
from jackfield.values.media import AudioBlock, EncodedFrame, Media, VideoFrame

logger = logging.getLogger("jackfield.media")

#: A block beyond this is no live sound.
_LONGEST_NS = 2_000_000_000


def strange(media: object, kind: str) -> str | None:
    """What is wrong with something that a plugin calls media of this kind; None where nothing is."""
    if isinstance(media, AudioBlock) and kind == "audio":
        return _strange_sound(media)
    if isinstance(media, EncodedFrame) and kind == "video":
        right = isinstance(media.data, bytes) and bool(media.data) and type(media.time_ns) is int
        return None if right else "an encoded frame without bytes, or with no instant"
    if isinstance(media, VideoFrame) and kind == "video":
        right = type(media.picture).__name__ == "VideoFrame" and type(media.time_ns) is int
        return None if right else "a frame without a picture, or with no instant"
    return f"a {type(media).__name__}, which is no {'sound' if kind == 'audio' else 'picture'}"


def _strange_sound(block: AudioBlock) -> str | None:
    samples: object = block.samples
    if not isinstance(samples, np.ndarray) or samples.dtype != np.int16 or samples.ndim != 2 or not samples.size:
        return "a block whose samples are not int16 of shape (samples, channels)"
    if type(block.rate) is not int or block.rate not in RATES or type(block.time_ns) is not int:
        return f"a block at {block.rate!r} Hz, or with no instant"
    return f"a block of {block.duration_ns / 1e9:.0f} s" if block.duration_ns > _LONGEST_NS else None


class Intake:
    """The sink of one publication's captures. While it is not ``open`` nothing is taken; none of it waits.

    ``delivered`` is how often something came, ``taken`` how much of it was passed on.
    Raw media goes to ``raw``, encoded frames to ``encoded``; ``resumed`` is called, on the capture's thread, with the
    first that comes once it was set; ``unasked`` where raw pictures come and nothing encodes them.
    """

    def __init__(
        self, kind: str, encoded: Callable[[EncodedFrame], None], unasked: Callable[[], None] = lambda: None
    ) -> None:
        self._kind, self._is_named = kind, False
        self.raw: Handover[VideoFrame | AudioBlock] | None = None
        self.open = False
        self.delivered = self.taken = 0
        self.size: tuple[int, int] | None = None
        self.resumed: Callable[[Media], bool] | None = None
        self._encoded, self._unasked = encoded, unasked

    def deliver(self, media: Media) -> None:
        """Takes one frame or block, on the capture's thread."""
        if not self.open:
            return
        if (wrong := strange(media, self._kind)) is not None:
            if not self._is_named:
                logger.warning("a plugin delivers %s: it is left out", wrong)
            self._is_named = True
            return
        self.delivered += 1
        resumed = self.resumed
        if resumed is not None and not resumed(media):
            return
        self.taken += 1
        if not isinstance(media, AudioBlock) and media.width:
            self.size = media.width, media.height
        if isinstance(media, EncodedFrame):
            self._encoded(media)
            return
        raw = self.raw
        if raw is not None:
            raw.put(media)
        else:
            self._unasked()


class Tap:
    """The sink of one capture, until it is turned off: what a stopped device still says is nobody's."""

    def __init__(self, intake: Intake, failed: Callable[[CallError], None]) -> None:
        self._intake: Intake | None = intake
        self._failed = failed

    def deliver(self, media: Media) -> None:
        """One frame or block, on the capture's thread."""
        if self._intake is not None:
            self._intake.deliver(media)

    def fail(self, error: CallError) -> None:
        """The capture has ended by itself; told once."""
        intake, self._intake = self._intake, None
        if intake is not None:
            self._failed(as_call_error(error, "a source"))

    def off(self) -> None:
        """Nothing more is taken."""
        self._intake = None
