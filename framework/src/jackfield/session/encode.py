"""The thread that turns one publication's pictures or sound into encoded frames."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from attrs import define
from numpy.typing import NDArray

from jackfield.media.reblock import Reblocker
from jackfield.roles import Encoder, ForcesKeyframe, SetsBitrate
from jackfield.session.handover import Handover, Outlet
from jackfield.session.processing import Treatment
from jackfield.values.errors import CallError, EncoderError
from jackfield.values.formats import AudioEncoding
from jackfield.values.media import AudioBlock, EncodedFrame, VideoFrame

logger = logging.getLogger("jackfield.encode")

#: A keyframe that is asked for while no picture comes is made of the last picture after this long.
STILL_S = 0.1
#: An encoder that fails twice in a row is replaced; after this many failures in a row the publication is given up.
ATTEMPTS = 6

#: An encoded frame and, for sound, how loud it is: 0 (loudest) to 127 dB below full scale (RFC 6464).
Encoded = tuple[EncodedFrame, int | None]
#: Opens an encoder for this width and height (0, 0 for sound); called on the encoding thread.
Opener = Callable[[int, int], Encoder]


@define
class EncodeCounts:
    """What one encoding thread has done."""

    frames: int = 0
    keyframes: int = 0
    dropped: int = 0
    octets: int = 0
    seconds: float = 0.0
    width: int = 0
    height: int = 0


class EncodeThread:
    """Takes raw media from ``intake`` and puts encoded frames into ``outlet``, until `stop`.

    ``failed`` is called, on this thread, when the encoder cannot be had any more.
    """

    def __init__(
        self,
        name: str,
        intake: Handover[VideoFrame | AudioBlock],
        outlet: Outlet[Encoded],
        opener: Opener,
        failed: Callable[[CallError], None],
        *,
        encoder: Encoder | None = None,
        sound: AudioEncoding | None = None,
        replace: Callable[[EncoderError], None] = lambda error: None,
        counts: EncodeCounts | None = None,
        treatment: Treatment | None = None,
    ) -> None:
        self.counts = counts or EncodeCounts()
        self._intake, self._outlet, self._opener, self._failed = intake, outlet, opener, failed
        self._replace, self._treatment = replace, treatment
        self._encoder: Any = encoder
        self._size: tuple[int, int] | None = None
        self._reblocker = Reblocker(sound.rate, sound.channels, sound.ptime_ms) if sound else None
        self._bitrate_bps: int | None = None
        self._keyframe_wanted = False
        self._last: VideoFrame | None = None
        self._failures = 0
        self._thread = threading.Thread(target=self._run, name=f"jackfield encode {name}", daemon=True)

    def start(self) -> None:
        """Encodes from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread; waits for it for a second at most, so call it off the event loop."""
        self._intake.close()
        self._outlet.close()
        if self._thread.is_alive():
            self._thread.join(1.0)

    def force_keyframe(self) -> None:
        """The next frame is a keyframe; the last picture is sent again when no new one comes. Any thread."""
        self._keyframe_wanted = True
        encoder = self._encoder
        if isinstance(encoder, ForcesKeyframe):
            encoder.force_keyframe()
        self._intake.nudge()

    def set_bitrate_bps(self, bitrate_bps: int) -> None:
        """Aims at this bitrate, where the encoder can. Any thread."""
        self._bitrate_bps = bitrate_bps
        encoder = self._encoder
        if isinstance(encoder, SetsBitrate):
            encoder.set_bitrate_bps(bitrate_bps)

    def forget_picture(self) -> None:
        """The last picture is not sent again: the source was paused."""
        self._last = None

    def _run(self) -> None:
        try:
            while not self._intake.closed:
                media = self._intake.take(STILL_S if self._keyframe_wanted else None)
                if media is None:
                    self._take_still()
                else:
                    for treated in self._treatment.apply(media) if self._treatment else [media]:
                        self._take(treated)
        except Exception as exc:
            error = exc if isinstance(exc, CallError) else EncoderError(f"the encoder failed: {exc!r}")
            logger.warning("encoding ended: %s", error, exc_info=not isinstance(exc, CallError))
            self._failed(error)
        finally:
            if self._encoder is not None:
                self._encoder.close()
                self._encoder = None

    def _take_still(self) -> None:
        """The last picture again, when a keyframe was asked for and `STILL_S` went by without a new one."""
        last, now_ns = self._last, time.monotonic_ns()
        if self._keyframe_wanted and last is not None and now_ns - last.time_ns >= STILL_S * 1e9:
            self._take(VideoFrame(last.picture, now_ns, last.rotation))

    def _take(self, media: VideoFrame | AudioBlock) -> None:
        if isinstance(media, VideoFrame):
            self._last = media
            self._encode(media, (media.width, media.height))
        elif self._reblocker is not None:
            for block in self._reblocker.push(media):
                self._encode(block, (0, 0))

    def _encode(self, media: VideoFrame | AudioBlock, size: tuple[int, int]) -> None:
        began = time.perf_counter()
        try:
            frames = self._ready(size).encode(media)
        except Exception as exc:
            self._again(
                exc if isinstance(exc, EncoderError) else EncoderError(f"it failed: {type(exc).__name__}: {exc}")
            )
            return
        self._failures = 0
        self.counts.seconds += time.perf_counter() - began
        self._count(frames)
        for frame in frames:
            self._outlet.put((frame, loudness(media.samples) if isinstance(media, AudioBlock) else None))

    def _ready(self, size: tuple[int, int]) -> Encoder:
        if self._encoder is not None and self._size not in (None, size):
            self._encoder.close()
            self._encoder = None
        if self._encoder is None:
            self._encoder = self._opener(*size)
            if self._bitrate_bps is not None:
                self.set_bitrate_bps(self._bitrate_bps)
        self._size = size
        encoder: Encoder = self._encoder
        return encoder

    def _again(self, error: EncoderError) -> None:
        self._failures += 1
        if self._failures >= ATTEMPTS:
            raise error
        logger.warning("the encoder failed and is opened anew: %s", error)
        if self._failures > 1:
            self._replace(error)
        if self._encoder is not None:
            self._encoder.close()
            self._encoder = None

    def _count(self, frames: Sequence[EncodedFrame]) -> None:
        counts = self.counts
        for frame in frames:
            counts.frames += 1
            counts.octets += len(frame.data)
            counts.width, counts.height = frame.width or counts.width, frame.height or counts.height
            if frame.keyframe:
                counts.keyframes += 1
                self._keyframe_wanted = False
        counts.dropped = self._intake.dropped


def loudness(samples: NDArray[np.int16]) -> int:
    """How loud a block is, as RFC 6464 counts: 0 is full scale, 127 silence."""
    mean = float(np.square(samples, dtype=np.float64).mean()) if samples.size else 0.0
    return 127 if mean < 1.0 else max(0, min(127, round(-10 * math.log10(mean / 32768.0**2))))
