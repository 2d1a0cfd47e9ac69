"""One speaker's words, written down on a thread that is there only while they speak."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from attrs import frozen

from jackfield.media.reblock import Reblocker
from jackfield.plugins import Engine
from jackfield.plugins.patience import given_back
from jackfield.roles import Transcriber, Words
from jackfield.session.handover import Handover
from jackfield.values.errors import CallError, PluginError
from jackfield.values.media import AudioBlock

logger = logging.getLogger("jackfield.transcription")

PTIME_MS = 10
#: Sound above this (of 32 767, root of the mean square) wakes a scribe, which hears so many blocks before it too.
LOUD, BEFORE = 60.0, 30
#: Blocks that may wait: five seconds and more, so that an engine may take its time to open.
WAITING = 500
#: Whoever was quiet for so long gets another transcriber when they speak again.
QUIET_S = 60.0
#: With no sound for so long (muted, or sent as silence) what is open becomes final.
GAP_S = 1.0
#: A speaker whose transcribers failed so often gets no other.
FAILURES = 3
#: What a thread may take to end, before its transcriber is closed under it, and after.
END_S, CLOSED_S = 2.0, 1.0

_Item = AudioBlock | Literal["pause", "end"]


@frozen
class Said:
    """Words of a speaker, and a name for their piece that nothing else of this scribe has."""

    key: str
    words: Words


class Scribe:
    """Hears one speaker's sound and tells what they say. `hear` and `pause` are called on any thread, and never block.

    ``told`` and ``failed`` are called on the scribe's thread; ``failed`` also once, on any, where sound is left out
    because the engine does not keep up.
    """

    def __init__(
        self,
        name: str,
        engine: Engine,
        told: Callable[[Sequence[Said]], None],
        failed: Callable[[CallError], None],
        *,
        quiet_s: float = QUIET_S,
    ) -> None:
        self._name, self._engine, self._told, self._failed = name, engine, told, failed
        self._quiet_s = quiet_s
        self._lock = threading.Lock()
        self._before: deque[AudioBlock] = deque(maxlen=BEFORE)
        self._queue: Handover[_Item] | None = None
        self._thread: threading.Thread | None = None
        self._transcriber: Transcriber | None = None
        self._loud_at = 0.0
        self._opened = self._failures = 0
        self._fell_behind = self._ended = False

    @property
    def is_writing(self) -> bool:
        """Whether a thread and a transcriber are there for it."""
        thread = self._thread
        return thread is not None and thread.is_alive()

    def hear(self, block: AudioBlock) -> None:
        """Takes a block of what the speaker says, in any format."""
        is_loud = _loudness(block) > LOUD
        with self._lock:
            if self._ended:
                return
            if is_loud:
                self._loud_at = time.monotonic()
            if self._queue is None:
                self._before.append(block)
                if not is_loud or self._failures >= FAILURES:
                    return
                self._begin()
            elif self._queue.put(block) and not self._fell_behind:
                self._fell_behind = True
                self._say_behind()

    def _begin(self) -> None:
        queue = self._queue = Handover[_Item](WAITING)
        for each in self._before:
            queue.put(each)
        self._before.clear()
        self._thread = threading.Thread(
            target=self._run, args=(queue,), name=f"jackfield transcribe {self._name}", daemon=True
        )
        self._thread.start()

    def _say_behind(self) -> None:
        found = f"{self._engine.factory.name} does not keep up with what {self._name} says: some of it is left out"
        self._failed(PluginError(f"{found}; let a machine with more to spare make the captions"))

    def pause(self) -> None:
        """The speaker is muted: what they had said becomes final."""
        with self._lock:
            self._before.clear()
            if self._queue is not None:
                self._queue.put("pause")

    def end(self, *, at_once: bool = False) -> None:
        """Nothing more is heard. What is open becomes final, or with ``at_once`` is forgotten. Blocks for seconds where
        the engine does: call it off the event loop."""
        with self._lock:
            self._ended = True
            queue, thread = self._queue, self._thread
            if queue is not None:
                if at_once:
                    queue.close()
                else:
                    queue.put("end")
        if thread is None:
            return
        thread.join(0.1 if at_once else END_S)
        if thread.is_alive():
            if queue is not None:
                queue.close()
            self._give_back()
            thread.join(CLOSED_S)
        if thread.is_alive():
            logger.warning("%s does not come back from %s's words: it is left behind", self._engine.plugin, self._name)

    # --- on the thread
    def _run(self, queue: Handover[_Item]) -> None:
        try:
            self._open()
            self._write(queue)
        except Exception as exc:
            if not queue.closed:
                self._broke(exc)
        finally:
            self._give_back()
            with self._lock:
                if self._queue is queue:
                    self._queue = None
                queue.close()

    def _open(self) -> None:
        self._transcriber = self._engine.open()
        self._opened += 1

    def _write(self, queue: Handover[_Item]) -> None:
        transcriber = self._transcriber
        blocks = Reblocker(self._engine.factory.rate, 1, PTIME_MS)
        is_open = False
        while transcriber is not None and not queue.closed:
            item = queue.take(GAP_S)
            if isinstance(item, AudioBlock):
                is_open = True
                for block in blocks.push(item):
                    self._tell(transcriber.hear(block))
            elif is_open and not queue.closed:
                is_open = False
                self._tell(transcriber.finish())
                blocks = Reblocker(self._engine.factory.rate, 1, PTIME_MS)
            if item == "end" or self._is_over(queue):
                if is_open:
                    self._tell(transcriber.finish())
                return

    def _is_over(self, queue: Handover[_Item]) -> bool:
        """Whether they have been quiet for long; what they say next begins anew."""
        with self._lock:
            over = time.monotonic() - self._loud_at > self._quiet_s
            if over and self._queue is queue:
                self._queue = None
            return over

    def _tell(self, words: Sequence[Words]) -> None:
        if words:
            self._told([Said(f"{self._opened}-{each.segment}", each) for each in words])

    def _broke(self, exc: Exception) -> None:
        self._failures += 1
        name, plugin = self._engine.factory.name, self._engine.plugin
        logger.warning("%s (%s) failed at %s's words", name, plugin, self._name, exc_info=exc)
        again = "it is opened anew" if self._failures < FAILURES else f"{self._name} is transcribed no more"
        said = exc.message if isinstance(exc, CallError) else f"{type(exc).__name__}: {exc}"
        self._failed(PluginError(f"{name} ({plugin}) failed at what {self._name} says: {said}; {again}"))

    def _give_back(self) -> None:
        with self._lock:
            transcriber, self._transcriber = self._transcriber, None
        if transcriber is not None:
            given_back(transcriber, "transcriber", aside=False)


def _loudness(block: AudioBlock) -> float:
    samples = block.samples[:, 0].astype(np.float32)
    return float(np.sqrt(np.dot(samples, samples) / max(1, len(samples))))
