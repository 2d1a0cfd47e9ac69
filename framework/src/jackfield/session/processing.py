"""What media goes through between its device and its encoder, on the encoding thread."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from jackfield.media.far_end import RATE, FarEnd
from jackfield.media.reblock import Reblocker
from jackfield.plugins import OpenProcessor, close_processors
from jackfield.roles import BACKGROUND, DetectsSpeech
from jackfield.session.listening import MicrophoneWatch
from jackfield.session.placeholder import Placeholder, picture
from jackfield.session.stall import Left, Stall
from jackfield.values.errors import CallError, PluginError
from jackfield.values.media import AudioBlock, VideoFrame

logger = logging.getLogger("jackfield.processing")

Made = TypeVar("Made")

PTIME_MS = 10
#: What a processor may take for one picture or block: its first may load a model. Past this it hangs.
PATIENCE_S = 3.0
#: Told, on the encoding thread, of a processor that was dropped: the error, and its name.
Dropped = Callable[[CallError, str], None]


class Treatment:
    """The processors of one publication, which `use` replaces. One that raises is dropped, and media goes on without:
    but for pictures that are to be seen with another background, which are covered where nothing gives them one.

    Sound with no processor passes as it came, bit for bit; with some it is 10 ms blocks of 48 kHz, mono. With a
    ``watch``, sound is also listened to; while that is muted nothing comes out.
    """

    def __init__(
        self, dropped: Dropped, *, far_end: FarEnd | None = None, watch: MicrophoneWatch | None = None
    ) -> None:
        self._dropped, self._watch = dropped, watch
        #: Gets each picture as well; None while nobody looks.
        self.shown: Callable[[VideoFrame], None] | None = None
        self._next: tuple[list[OpenProcessor], bool] | None = None
        #: Gets each block of sound that comes out as well.
        self.heard: Callable[[AudioBlock], None] = lambda block: None
        self._changing = threading.Lock()
        self._processors: list[OpenProcessor] = []
        self._covers = False
        self._cover: VideoFrame | None = None
        self._detector: DetectsSpeech | None = None
        self._stall: Stall | None = None
        self._inside: OpenProcessor | None = None
        self._far = far_end.reader() if far_end else None
        self._blocks = Reblocker(RATE, 1, PTIME_MS)

    def use(self, processors: Sequence[OpenProcessor], *, covers: bool = False) -> None:
        """These from the next block or picture on; the former are closed. With ``covers`` no picture comes out that
        nothing has given another background. Any thread."""
        with self._changing:
            unused, self._next = self._next, (list(processors), covers)
        close_processors(unused[0] if unused is not None else ())

    def _change(self) -> None:
        with self._changing:
            taken, self._next = self._next, None
        if taken is not None:
            close_processors(self._processors)
            self._covers = taken[1]
            self._set(taken[0])
            self._blocks = Reblocker(RATE, 1, PTIME_MS)

    def _set(self, processors: list[OpenProcessor]) -> None:
        self._processors = processors
        found = (each.processor for each in processors if isinstance(each.processor, DetectsSpeech))
        self._detector = next(found, None)

    @property
    def is_inside(self) -> bool:
        """Whether a processor has media in hand."""
        return self._inside is not None

    def apply(self, media: VideoFrame | AudioBlock, stall: Stall | None = None) -> Sequence[VideoFrame | AudioBlock]:
        """What is encoded in its place: nothing while a block is not yet whole, or the microphone is muted.

        Each processor is called under the watch of ``stall``; `Left` where one that hung comes back after all.
        """
        self._stall = stall
        if self._next is not None:
            self._change()
        if isinstance(media, VideoFrame):
            picture = media if isinstance(media, Placeholder) else self._picture(media)
            if (shown := self.shown) is not None:
                shown(picture)
            return [picture]
        sent = [self._block(part) for part in self._blocks.push(media)] if self._processors else [media]
        if self._watch is not None and self._listen(media, sent):
            return []
        for block in sent:
            self.heard(block)
        return sent

    def _picture(self, frame: VideoFrame) -> VideoFrame:
        for each in list(self._processors):
            try:
                made = self._watched(each, lambda: each.processor.process(frame))  # noqa: B023 - called at once
                if not isinstance(made, VideoFrame) or min(made.width, made.height) < 1:
                    raise TypeError(f"it answered {type(made).__name__} for a VideoFrame")
                frame = made
            except Left:
                raise
            except BaseException as exc:
                self._drop(each, exc)
        return self._covered(frame) if self._covers and not self._is_clad() else frame

    def _is_clad(self) -> bool:
        """Whether what comes out has another background; what fails at it is left out by then."""
        return any(BACKGROUND in each.does for each in self._processors)

    def _covered(self, frame: VideoFrame) -> VideoFrame:
        """A placeholder of this picture's size in its stead, of its instant."""
        if self._cover is None or (self._cover.width, self._cover.height) != (frame.width & ~1, frame.height & ~1):
            self._cover = picture(frame.width, frame.height)
        return VideoFrame(self._cover.picture, frame.time_ns, frame.rotation)

    def _block(self, near: AudioBlock) -> AudioBlock:
        far, delay_ms = None, 0
        if self._far is not None:
            samples = self._far.read(near.time_ns, len(near.samples))
            if samples is not None:
                far, delay_ms = AudioBlock(samples, RATE, near.time_ns), self._far.delay_ms
        block = near
        for each in list(self._processors):
            try:
                made = self._watched(each, lambda: each.processor.process(block, far, delay_ms))  # noqa: B023
                if made.samples.shape != near.samples.shape or made.rate != near.rate:
                    raise ValueError(f"it answered {made.samples.shape} at {made.rate} Hz for {near.samples.shape}")
                block = made
            except Left:
                raise
            except BaseException as exc:
                self._drop(each, exc)
        return block

    def _watched(self, each: OpenProcessor, call: Callable[[], Made]) -> Made:
        if self._stall is None:
            return call()
        stall, self._inside = self._stall, each
        turn = stall.enter()
        try:
            return call()
        finally:
            try:
                stall.leave(turn)
            except Left:
                close_processors([each])
                raise
            self._inside = None

    def give_up(self) -> bool:
        """The processor that has media in hand, and does not come back, is left out; False where there is none.

        On the event loop, while the encoding thread hangs in it.
        """
        hung, self._inside = self._inside, None
        if hung is not None:
            self._left_out(hung, TimeoutError(f"it has not come back for {PATIENCE_S:g} s"))
        return hung is not None

    def _listen(self, raw: AudioBlock, sent: Sequence[AudioBlock]) -> bool:
        """Whether the microphone is muted; what comes is heard either way."""
        assert self._watch is not None
        likely = self._detector.speech() if self._detector is not None else None
        for block in sent:
            self._watch.hear(raw, block.samples, block.rate, likely)
        return self._watch.muted

    def _drop(self, broken: OpenProcessor, exc: BaseException) -> None:
        self._left_out(broken, exc)
        close_processors([broken])

    def _left_out(self, broken: OpenProcessor, exc: BaseException) -> None:
        self._set([each for each in self._processors if each is not broken])
        found = f"processor {broken.name} ({broken.plugin}) failed and is left out: {type(exc).__name__}: {exc}"
        logger.warning("%s", found, exc_info=exc)
        lost = ", ".join(each.replace("_", " ") for each in broken.does)
        goes_on = f"the call goes on without its {lost}"
        if self._covers and BACKGROUND in broken.does:
            goes_on = (
                "what the camera gives is covered: ask for a background again, or show the camera as it is with "
                "clear_background()"
            )
        self._dropped(PluginError(f"{found}; {goes_on}"), broken.name)

    def close(self) -> None:
        """The processors have given back what they hold. Call it once nothing is applied any more."""
        self.use(())
        self._change()
