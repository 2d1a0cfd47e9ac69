"""The thread that decodes one remote track while somebody looks or listens, whatever becomes of a decoder."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence

from attrs import define

from jackfield.plugins.patience import given_back
from jackfield.roles import Conceals, Decoder, Recovers
from jackfield.session.encode import own_words
from jackfield.session.handover import Handover, Outlet
from jackfield.session.stall import Left, Stall
from jackfield.values.errors import CallError, EncoderError
from jackfield.values.media import AudioBlock, EncodedFrame, VideoFrame

logger = logging.getLogger("jackfield.decode")

#: Encoded frames that may wait for a slow decoder; past that it starts again at the next keyframe.
LAG_LIMIT = 30
#: Decoded media on its way to the event loop: the newest pictures, or a fifth of a second of sound.
PICTURES, BLOCKS = 2, 10
#: Hardware that does not come back for so long hangs; its first picture has longer, and software longest.
HUNG_S, FIRST_S, SLOW_S = 0.5, 1.5, 5.0
#: Hardware that fails so often for no reason, never `PROVEN` frames apart, or that gives nothing for so many frames
#: over so long, is taken for broken. A keyframe that it fails at is enough: there is nothing it could wait for.
FAILURES, PROVEN, UNANSWERED, UNANSWERED_S = 3, 100, 10, 0.4
#: Sound made up in a row, at most.
CONCEAL_LIMIT = 5


@define
class DecodeCounts:
    """What one decoding thread has done."""

    frames: int = 0
    errors: int = 0
    skipped: int = 0
    samples: int = 0
    concealments: int = 0
    concealed_samples: int = 0
    seconds: float = 0.0
    width: int = 0
    height: int = 0


@define(eq=False)
class _Work:
    """What one thread has in hand: a decoder, and how it does."""

    decoder: Decoder | None = None
    codec: str = ""
    answered: bool = False
    mending: bool = False
    failures: int = 0
    good: int = 0
    unanswered: int = 0
    since: float = 0.0

    def close(self, *, aside: bool = False) -> None:
        """The decoder is given back; ``aside`` on a thread of its own."""
        decoder, self.decoder = self.decoder, None
        if decoder is not None:
            given_back(decoder, "decoder", aside=aside)

    def works(self) -> None:
        """A frame was decoded."""
        self.answered, self.mending, self.unanswered = True, False, 0
        self.good += 1
        if self.good >= PROVEN:
            self.failures = 0

    def fails(self, frame: EncodedFrame) -> bool:
        """A frame was not decoded: whether the decoder is to blame, and not what is missing before this frame."""
        if not (self.mending or frame.lost_before):
            self.failures += 1
        self.mending, self.good = True, 0
        return frame.keyframe or self.failures >= FAILURES or self.unanswered >= UNANSWERED

    def is_silent(self) -> bool:
        """One more frame was answered with nothing: whether that is too long."""
        now = time.monotonic()
        self.since = now if self.unanswered == 0 else self.since
        self.unanswered += 1
        return self.unanswered >= UNANSWERED and now - self.since >= UNANSWERED_S


class DecodeThread:
    """Decodes what is `put`, from the event loop, and puts pictures or blocks into ``outlet``; `stop` ends it.

    ``keyframe_wanted`` is called on any thread when only a keyframe can mend what is damaged. ``replace`` is called
    before a decoder of another backend is opened; ``hardware`` tells whether the one in use is hardware, which is
    replaced when it fails. One that does not come back is left behind with its thread.
    """

    def __init__(
        self,
        name: str,
        kind: str,
        opener: Callable[[str], Decoder],
        outlet: Outlet[VideoFrame | AudioBlock],
        keyframe_wanted: Callable[[], None],
        failed: Callable[[CallError], None],
        *,
        replace: Callable[[EncoderError], None] = lambda error: None,
        hardware: Callable[[], bool] = lambda: False,
    ) -> None:
        self.counts = DecodeCounts()
        self._kind, self._opener, self._outlet = kind, opener, outlet
        self._keyframe_wanted, self._failed = keyframe_wanted, failed
        self._replace, self._hardware = replace, hardware
        self._intake: Handover[EncodedFrame] = Handover(LAG_LIMIT)
        self._waiting_for_keyframe = kind == "video"
        self._work = _Work()
        self._stall = Stall(self._patience_s, self._abandon)
        self._name = f"jackfield decode {name}"
        self._thread = self._made()

    def start(self) -> None:
        """Decodes from now on."""
        self._stall.watch()
        self._thread.start()

    def put(self, frame: EncodedFrame) -> None:
        """Takes one encoded frame; never waits."""
        if self._waiting_for_keyframe:
            if not frame.keyframe:
                self.counts.skipped += 1
                return
            self._waiting_for_keyframe = False
        if self._intake.put(frame) and self._kind == "video":
            self.counts.skipped += LAG_LIMIT
            self._intake.clear()
            self._waiting_for_keyframe = True
            self._keyframe_wanted()

    def stop(self) -> None:
        """Nothing more comes out. Does not wait; `join` does."""
        self._intake.close()
        self._outlet.close()
        self._stall.unwatch()

    @property
    def alive(self) -> bool:
        """Whether the thread still runs."""
        return self._thread.is_alive()

    def join(self, timeout_s: float = 1.0) -> None:
        """Waits for the thread; off the event loop."""
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _made(self) -> threading.Thread:
        return threading.Thread(target=self._run, args=(self._work,), name=self._name, daemon=True)

    def _run(self, work: _Work) -> None:
        try:
            while not self._intake.closed:
                frame = self._intake.take()
                if frame is not None:
                    self._take(work, frame)
        except Left:
            logger.warning("a decoder that had been given up came back: %s", self._name)
        except Exception as exc:
            error = exc if isinstance(exc, CallError) else EncoderError(f"the decoder failed: {exc!r}")
            logger.warning("decoding ended: %s", error, exc_info=not isinstance(exc, CallError))
            self._intake.close()
            self._stall.unwatch()
            self._failed(error)
        finally:
            work.close()

    def _opened(self, work: _Work, codec: str) -> Decoder:
        """The decoder, opened at the first frame and again when the sender changes the codec."""
        if work.decoder is None or codec != work.codec:
            work.close()
            work.decoder, work.codec, work.answered = self._opener(codec), codec, False
            work.mending, work.failures, work.good, work.unanswered = False, 0, 0, 0
        return work.decoder

    def _take(self, work: _Work, frame: EncodedFrame) -> None:
        """Puts out what becomes of it. Where hardware fails at a keyframe, the next decoder gets the same one."""
        began = time.perf_counter()
        while True:
            decoder = self._opened(work, frame.codec)
            try:
                self._conceal(decoder, frame)
                decoded = self._decoded(decoder, frame)
                if decoded or not self._hardware() or not work.is_silent():
                    break
                error = EncoderError(f"it gave nothing for {work.unanswered} frames")
            except Left:
                raise
            except Exception as exc:
                if not isinstance(exc, EncoderError) and not self._hardware():
                    raise
                error = own_words(exc)
            if not self._fails(work, frame, error):
                return
        if decoded:
            work.works()
        for media in decoded:
            self.counts.frames += 1
            if isinstance(media, VideoFrame):
                self.counts.width, self.counts.height = media.width, media.height
            else:
                self.counts.samples += len(media.samples)
            self._outlet.put(media)
        self.counts.seconds += time.perf_counter() - began

    def _conceal(self, decoder: Decoder, frame: EncodedFrame) -> None:
        if frame.lost_before and isinstance(decoder, Conceals):
            lost = min(frame.lost_before, CONCEAL_LIMIT)
            duration_ms = max(1, (frame.duration_ns or 20_000_000) // 1_000_000)
            recovers = isinstance(decoder, Recovers)
            try:
                made_up = decoder.conceal((lost - recovers) * duration_ms) if lost > recovers else ()
                recovered = decoder.recover(frame) if isinstance(decoder, Recovers) else ()
            except EncoderError as error:
                self.counts.errors += 1
                logger.debug("what was lost could not be made up: %s", error)
                return
            self.counts.concealments += bool(made_up)
            self.counts.concealed_samples += sum(len(block.samples) for block in made_up)
            for block in (*made_up, *recovered):
                self.counts.samples += len(block.samples)
                self._outlet.put(block)

    def _decoded(self, decoder: Decoder, frame: EncodedFrame) -> Sequence[VideoFrame | AudioBlock]:
        turn = self._stall.enter()
        try:
            return decoder.decode(frame)
        finally:
            self._stall.leave(turn)

    def _fails(self, work: _Work, frame: EncodedFrame, error: EncoderError) -> bool:
        """A frame could not be decoded: whether another decoder is to try this very one."""
        self.counts.errors += 1
        logger.debug("a frame could not be decoded: %s", error)
        if work.fails(frame) and self._hardware():
            logger.warning("the decoder is replaced: %s", error)
            self._replace(error)
            work.close(aside=True)
            if frame.keyframe:
                return True
            self._begin_again()
        elif self._kind == "video":
            self._keyframe_wanted()
        return False

    def _begin_again(self) -> None:
        """Another decoder can do nothing with what waits: it begins with the next keyframe."""
        self._intake.clear()
        self._waiting_for_keyframe = self._kind == "video"
        self._keyframe_wanted()

    def _patience_s(self) -> float:
        if not self._hardware():
            return SLOW_S
        return HUNG_S if self._work.answered else FIRST_S

    def _abandon(self) -> None:
        """On the event loop: the decoder has not come back. Another thread goes on with another decoder."""
        error = EncoderError(f"it took a frame and has not come back for {self._patience_s():g} s")
        logger.warning("the decoder is given up: %s", error)
        self._replace(error)
        self._work = _Work()
        self._thread = self._made()
        self._begin_again()
        self._thread.start()
