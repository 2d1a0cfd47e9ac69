"""Where the captures of one publication put what they took: checked, since plugins are anybody's, and never waiting."""

from __future__ import annotations

import logging
from collections.abc import Callable
from numbers import Integral
from typing import TypeVar

import numpy as np
from attrs import evolve

from jackfield.session.handover import Handover
from jackfield.session.opening import as_call_error
from jackfield.values.errors import CallError
from jackfield.values.formats import RATES, is_whole
from jackfield.values.media import AudioBlock, EncodedFrame, Media, VideoFrame

logger = logging.getLogger("jackfield.media")

Taken = TypeVar("Taken", bound=Media)

#: A block beyond this is no live sound.
_LONGEST_NS = 2_000_000_000


def strange(media: object, kind: str) -> str | None:
    """What is wrong with something that a plugin calls media of this kind; None where nothing is."""
    if isinstance(media, AudioBlock) and kind == "audio":
        return _strange_sound(media)
    if isinstance(media, EncodedFrame) and kind == "video":
        right = isinstance(media.data, bytes) and bool(media.data) and _is_instant(media.time_ns)
        return None if right else "an encoded frame without bytes, or with no instant"
    if isinstance(media, VideoFrame) and kind == "video":
        right = type(media.picture).__name__ == "VideoFrame" and _is_instant(media.time_ns)
        return None if right else "a frame without a picture, or with no instant"
    return f"a {type(media).__name__}, which is no {'sound' if kind == 'audio' else 'picture'}"


def _strange_sound(block: AudioBlock) -> str | None:
    samples: object = block.samples
    if not isinstance(samples, np.ndarray) or samples.dtype != np.int16 or samples.ndim != 2 or not samples.size:
        return "a block whose samples are not int16 of shape (samples, channels)"
    if not is_whole(block.rate, RATES.start, RATES.stop - 1) or not _is_instant(block.time_ns):
        return f"a block at {block.rate!r} Hz, or with no instant"
    duration_ns = plain(block).duration_ns
    return f"a block of {duration_ns / 1e9:.0f} s" if duration_ns > _LONGEST_NS else None


def _is_instant(value: object) -> bool:
    """Also numpy's; a float's last digits are lost, and truth is no number."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def plain(media: Taken) -> Taken:
    """The same with numbers of Python's own: plugins compute with others, and libraries refuse those."""
    if isinstance(media, AudioBlock) and type(media.rate) is not int:
        media = evolve(media, rate=int(media.rate))
    return media if type(media.time_ns) is int else evolve(media, time_ns=int(media.time_ns))


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
        media = plain(media)
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
        #: Whether what came last was not encoded.
        self.gives_raw = False

    def deliver(self, media: Media) -> None:
        """One frame or block, on the capture's thread."""
        if self._intake is not None:
            self.gives_raw = isinstance(media, VideoFrame | AudioBlock)
            self._intake.deliver(media)

    def fail(self, error: CallError) -> None:
        """The capture has ended by itself; told once."""
        intake, self._intake = self._intake, None
        if intake is not None:
            self._failed(as_call_error(error, "a source"))

    def off(self) -> None:
        """Nothing more is taken."""
        self._intake = None
