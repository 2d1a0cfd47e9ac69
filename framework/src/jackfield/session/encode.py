"""The thread that turns one publication's pictures or sound into encoded frames, whatever becomes of an encoder."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from attrs import define, evolve
from numpy.typing import NDArray

from jackfield.media.plausible import implausible
from jackfield.media.reblock import Reblocker
from jackfield.plugins.patience import given_back
from jackfield.roles import Encoder, ForcesKeyframe, OpensAnew, Resizes, SetsBitrate
from jackfield.session.handover import Handover, Outlet
from jackfield.session.processing import PATIENCE_S, Treatment
from jackfield.session.shaping import Shaper
from jackfield.session.stall import Left, Stall
from jackfield.values.errors import CallError, EncoderError
from jackfield.values.formats import AudioEncoding
from jackfield.values.media import AudioBlock, EncodedFrame, VideoFrame

logger = logging.getLogger("jackfield.encode")

#: A keyframe that is asked for while no picture comes is made of the last picture after this long.
STILL_S = 0.1
#: Software that fails twice in a row is replaced, hardware at once; after this many failures in a row, of whichever
#: encoders, the publication is given up.
ATTEMPTS = 12
#: A picture in hardware takes milliseconds: past this it hangs. Its first may take seconds, and so may software.
HUNG_S, FIRST_S, SOFTWARE_S = 0.3, 1.5, 5.0
#: Hardware that gives nothing for so many pictures, over so long, is taken for broken.
UNANSWERED, UNANSWERED_S = 5, 0.3

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


@define(eq=False)
class _Work:
    """What one thread has in hand: an encoder, and how it does."""

    encoder: Any = None
    size: tuple[int, int] | None = None
    answered: bool = False
    unanswered: int = 0
    since: float = 0.0

    def open(self, encoder: Encoder) -> None:
        """Another encoder, which has done nothing yet."""
        self.encoder = encoder
        self.begin()

    def begin(self) -> None:
        """The encoder is at its beginning: its first frame may take long, and is a keyframe."""
        self.answered, self.unanswered = False, 0

    def close(self, *, aside: bool = False) -> None:
        """The encoder is given back; ``aside`` on a thread of its own."""
        encoder, self.encoder = self.encoder, None
        if encoder is not None:
            given_back(encoder, "encoder", aside=aside)

    def doubt(self, frames: Sequence[EncodedFrame]) -> None:
        """`EncoderError` where hardware gives what cannot be a frame, or nothing for too long."""
        for frame in frames:
            if (wrong := implausible(frame)) is not None:
                raise EncoderError(wrong)
        if frames:
            if not self.answered and not frames[0].keyframe:
                raise EncoderError("it did not begin with a keyframe")
            self.answered, self.unanswered = True, 0
            return
        now = time.monotonic()
        self.since = now if self.unanswered == 0 else self.since
        self.unanswered += 1
        if self.unanswered >= UNANSWERED and now - self.since >= UNANSWERED_S:
            raise EncoderError(f"it gave nothing for {self.unanswered} pictures")


class EncodeThread:
    """Takes raw media from ``intake`` and puts encoded frames into ``outlet``, until `stop`. Made on the event loop.

    ``replace`` is called, on any thread, before an encoder of another backend is opened; ``hardware`` tells whether
    the one in use is hardware, of which less is borne. ``failed`` is called when no encoder can be had any more.
    An encoder that does not come back is left behind with its thread, which ends when the driver lets it.
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
        hardware: Callable[[], bool] = lambda: False,
        counts: EncodeCounts | None = None,
        treatment: Treatment | None = None,
        shaper: Shaper | None = None,
    ) -> None:
        self.counts = counts or EncodeCounts()
        self._intake, self._outlet, self._opener, self._failed = intake, outlet, opener, failed
        self._replace, self._hardware, self._treatment, self._shaper = replace, hardware, treatment, shaper
        self._reblocker = Reblocker(sound.rate, sound.channels, sound.ptime_ms) if sound else None
        self._bitrate_bps: int | None = None
        self._keyframe_wanted = False
        self._last: VideoFrame | None = None
        self._failures = 0
        self._work = _Work(encoder)
        self._stall = Stall(self._patience_s, self._abandon)
        self._name = f"jackfield encode {name}"
        self._thread = self._made()

    def start(self) -> None:
        """Encodes from now on."""
        self._stall.watch()
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread; waits for it for a second at most, so call it off the event loop."""
        self._intake.close()
        self._outlet.close()
        self._stall.unwatch()
        if self._thread.is_alive():
            self._thread.join(1.0)

    def force_keyframe(self) -> None:
        """The next frame is a keyframe; the last picture is sent again when no new one comes. Any thread."""
        self._keyframe_wanted = True
        encoder = self._work.encoder
        if isinstance(encoder, ForcesKeyframe):
            encoder.force_keyframe()
        self._intake.nudge()

    def set_bitrate_bps(self, bitrate_bps: int) -> None:
        """Aims at this bitrate, where the encoder can. Any thread."""
        self._bitrate_bps = bitrate_bps
        encoder = self._work.encoder
        if isinstance(encoder, SetsBitrate):
            encoder.set_bitrate_bps(bitrate_bps)

    def forget_picture(self) -> None:
        """The last picture is not sent again: the source was paused."""
        self._last = None

    def _made(self) -> threading.Thread:
        return threading.Thread(target=self._run, args=(self._work,), name=self._name, daemon=True)

    def _run(self, work: _Work) -> None:
        try:
            while not self._intake.closed:
                media = self._intake.take(STILL_S if self._keyframe_wanted else None)
                if media is None:
                    self._take_still(work)
                else:
                    for treated in self._treatment.apply(media, self._stall) if self._treatment else [media]:
                        self._take(work, treated)
        except Left:
            logger.warning("what had been given up came back: %s", self._name)
        except Exception as exc:
            error = exc if isinstance(exc, CallError) else EncoderError(f"the encoder failed: {exc!r}")
            logger.warning("encoding ended: %s", error, exc_info=not isinstance(exc, CallError))
            self._stall.unwatch()
            self._failed(error)
        finally:
            work.close()

    def _take_still(self, work: _Work) -> None:
        """The last picture again, when a keyframe was asked for and `STILL_S` went by without a new one."""
        last, now_ns = self._last, time.monotonic_ns()
        if self._keyframe_wanted and last is not None and now_ns - last.time_ns >= STILL_S * 1e9:
            self._picture(work, VideoFrame(last.picture, now_ns, last.rotation))

    def _take(self, work: _Work, media: VideoFrame | AudioBlock) -> None:
        if isinstance(media, VideoFrame):
            shaped = self._shaper.apply(media) if self._shaper else media
            if shaped is not None:
                self._picture(work, shaped)
        elif self._reblocker is not None:
            for block in self._reblocker.push(media):
                self._encode(work, block, (0, 0))

    def _picture(self, work: _Work, frame: VideoFrame) -> None:
        self._last = frame
        self._encode(work, frame, (frame.width, frame.height))

    def _encode(self, work: _Work, media: VideoFrame | AudioBlock, size: tuple[int, int]) -> None:
        """Puts out what becomes of it. Where hardware fails, the next encoder gets the same picture."""
        while True:
            began = time.perf_counter()
            try:
                frames = self._attempt(work, media, size)
                break
            except Left:
                raise
            except Exception as exc:
                if not self._fails(work, own_words(exc)):
                    return
        self._failures = 0
        seconds = time.perf_counter() - began
        self.counts.seconds += seconds
        if self._shaper is not None:
            self._shaper.adaptation.encoded(seconds)
        self._count(frames)
        for frame in frames:
            self._outlet.put((frame, loudness(media.samples) if isinstance(media, AudioBlock) else None))

    def _attempt(self, work: _Work, media: VideoFrame | AudioBlock, size: tuple[int, int]) -> Sequence[EncodedFrame]:
        encoder = self._ready(work, size)
        turn = self._stall.enter()
        try:
            frames: Sequence[EncodedFrame] = encoder.encode(media)
        finally:
            self._stall.leave(turn)
        if self._hardware():
            work.doubt(frames)
        return frames

    def _ready(self, work: _Work, size: tuple[int, int]) -> Encoder:
        if work.encoder is not None and work.size not in (None, size):
            if isinstance(work.encoder, Resizes):
                work.encoder.resize(*size)
                work.begin()
            else:
                work.close()
        if work.encoder is None:
            work.open(self._opener(*size))
            if self._bitrate_bps is not None:
                self.set_bitrate_bps(self._bitrate_bps)
        work.size = size
        encoder: Encoder = work.encoder
        return encoder

    def _fails(self, work: _Work, error: EncoderError) -> bool:
        """Sees to it that another encoder is opened; whether for this very picture. Raises when it is enough."""
        self._failures += 1
        if self._failures >= ATTEMPTS:
            raise error
        at_once = work.encoder is not None and self._hardware()
        logger.warning("the encoder failed%s: %s", "" if at_once else " and is opened anew", error)
        if at_once or (work.encoder is not None and self._failures > 1):
            self._replace(error)
        work.close(aside=at_once)
        return at_once

    def _patience_s(self) -> float:
        if self._treatment is not None and self._treatment.is_inside:
            return PATIENCE_S
        if not self._hardware():
            return SOFTWARE_S
        encoder = self._work.encoder
        is_beginning = not self._work.answered or (isinstance(encoder, OpensAnew) and encoder.is_opening)
        return FIRST_S if is_beginning else HUNG_S

    def _abandon(self) -> None:
        """On the event loop: a processor has not come back, or the encoder. Another thread goes on without it."""
        if self._treatment is not None and self._treatment.give_up():
            mine, self._work = self._work, evolve(self._work)
            mine.encoder = None  # it is another thread's now
            self._go_on()
            return
        error = EncoderError(f"it took a picture and has not come back for {self._patience_s():g} s")
        logger.warning("the encoder is given up: %s", error)
        self._failures += 1
        if self._failures >= ATTEMPTS:
            self._failed(error)
            return
        self._replace(error)
        self._work = _Work()
        self._keyframe_wanted = True
        self._go_on()

    def _go_on(self) -> None:
        self._thread = self._made()
        self._thread.start()

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


def own_words(exc: Exception) -> EncoderError:
    """The error as one of ours, whatever a codec raised."""
    return exc if isinstance(exc, EncoderError) else EncoderError(f"it failed: {type(exc).__name__}: {exc}")


def loudness(samples: NDArray[np.int16]) -> int:
    """How loud a block is, as RFC 6464 counts: 0 is full scale, 127 silence."""
    mean = float(np.square(samples, dtype=np.float64).mean()) if samples.size else 0.0
    return 127 if mean < 1.0 else max(0, min(127, round(-10 * math.log10(mean / 32768.0**2))))
