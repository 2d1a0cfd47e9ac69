"""The thread that decodes one remote track while somebody looks or listens."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from attrs import define

from jackfield.roles import Conceals, Decoder
from jackfield.session.handover import Handover, Outlet
from jackfield.values.errors import CallError, EncoderError
from jackfield.values.media import AudioBlock, EncodedFrame, VideoFrame

logger = logging.getLogger("jackfield.decode")

#: Encoded frames that may wait for a slow decoder; past that it starts again at the next keyframe.
LAG_LIMIT = 30
#: Decoded media on its way to the event loop: the newest pictures, or a fifth of a second of sound.
PICTURES, BLOCKS = 2, 10
#: Sound made up in a row, at most.
CONCEAL_LIMIT = 5


@define
class DecodeCounts:
    """What one decoding thread has done."""

    frames: int = 0
    errors: int = 0
    skipped: int = 0
    concealed: int = 0
    seconds: float = 0.0
    width: int = 0
    height: int = 0


class DecodeThread:
    """Decodes what is `put`, from the event loop, and puts pictures or blocks into ``outlet``; `stop` ends it.

    ``keyframe_wanted`` is called on this thread when only a keyframe can mend what is damaged.
    """

    def __init__(
        self,
        name: str,
        kind: str,
        opener: Callable[[str], Decoder],
        outlet: Outlet[VideoFrame | AudioBlock],
        keyframe_wanted: Callable[[], None],
        failed: Callable[[CallError], None],
    ) -> None:
        self.counts = DecodeCounts()
        self._kind, self._opener, self._outlet = kind, opener, outlet
        self._keyframe_wanted, self._failed = keyframe_wanted, failed
        self._intake: Handover[EncodedFrame] = Handover(LAG_LIMIT)
        self._waiting_for_keyframe = kind == "video"
        self._decoder: Decoder | None = None
        self._codec = ""
        self._thread = threading.Thread(target=self._run, name=f"jackfield decode {name}", daemon=True)

    def start(self) -> None:
        """Decodes from now on."""
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

    @property
    def alive(self) -> bool:
        """Whether the thread still runs."""
        return self._thread.is_alive()

    def join(self, timeout_s: float = 1.0) -> None:
        """Waits for the thread; off the event loop."""
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        try:
            while not self._intake.closed:
                frame = self._intake.take()
                if frame is not None:
                    self._decode(self._decoder_of(frame.codec), frame)
        except Exception as exc:
            error = exc if isinstance(exc, CallError) else EncoderError(f"the decoder failed: {exc!r}")
            logger.warning("decoding ended: %s", error, exc_info=not isinstance(exc, CallError))
            self._intake.close()
            self._failed(error)
        finally:
            if self._decoder is not None:
                self._decoder.close()

    def _decoder_of(self, codec: str) -> Decoder:
        """The decoder, opened at the first frame and again when the sender changes the codec."""
        if self._decoder is None or codec != self._codec:
            if self._decoder is not None:
                self._decoder.close()
                self._decoder = None
            self._decoder, self._codec = self._opener(codec), codec
        return self._decoder

    def _decode(self, decoder: Decoder, frame: EncodedFrame) -> None:
        began = time.perf_counter()
        if frame.lost_before and isinstance(decoder, Conceals):
            lost = min(frame.lost_before, CONCEAL_LIMIT)
            duration_ms = max(1, (frame.duration_ns or 20_000_000) // 1_000_000)
            self.counts.concealed += lost
            for block in decoder.conceal(lost * duration_ms):
                self._outlet.put(block)
        try:
            decoded = decoder.decode(frame)
        except EncoderError as error:
            self.counts.errors += 1
            logger.debug("a frame could not be decoded: %s", error)
            if self._kind == "video":
                self._keyframe_wanted()
            return
        for media in decoded:
            self.counts.frames += 1
            if isinstance(media, VideoFrame):
                self.counts.width, self.counts.height = media.width, media.height
            self._outlet.put(media)
        self.counts.seconds += time.perf_counter() - began
