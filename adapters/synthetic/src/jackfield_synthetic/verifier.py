"""Recognises, at the far end of a call, what this plugin made."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from jackfield.roles import Verdict
from jackfield.values.media import AudioBlock, VideoFrame
from jackfield_synthetic.barcode import Reading, read_counter
from jackfield_synthetic.driver import CARDS
from jackfield_synthetic.tones import hear

_WINDOW_NS = 100_000_000
#: So many pictures or tenths of a second must be recognised, and of all that came, this share.
_ENOUGH = 3
_SHARE = 0.8


class SyntheticVerifier:
    """Counts pictures and measures their delay; or counts tenths of a second in which a tone is heard."""

    def __init__(self, *, clock_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._clock_ns = clock_ns
        self._seen = self._recognised = self._lost = 0
        self._last: Reading | None = None
        self._delays_ms: deque[float] = deque(maxlen=1000)
        self._from: str | None = None
        self._window: list[AudioBlock] = []

    def observe(self, media: VideoFrame | AudioBlock) -> None:
        """Takes one picture or block into account."""
        if isinstance(media, VideoFrame):
            self._look(media)
        else:
            self._listen(media)

    def verdict(self) -> Verdict:
        """Whether most of what came was recognised."""
        ok = self._recognised >= _ENOUGH and self._recognised >= _SHARE * self._seen
        delay_ms = sorted(self._delays_ms)[len(self._delays_ms) // 2] if self._delays_ms else None
        parts = [f"{self._from or 'nothing of ours'}: {self._recognised} of {self._seen} recognised"]
        if self._lost:
            parts.append(f"{self._lost} missing")
        if delay_ms is not None:
            parts.append(f"median delay {delay_ms:.1f} ms")
        return Verdict(ok, self._recognised, self._lost, delay_ms, ", ".join(parts))

    def _look(self, frame: VideoFrame) -> None:
        now_ns = self._clock_ns()
        reading = read_counter(frame)
        self._seen += 1
        if reading is None:
            return
        self._recognised += 1
        self._delays_ms.append((now_ns - reading.time_ns) / 1e6)
        if self._last and self._last.card == reading.card:
            self._lost += max(0, reading.counter - self._last.counter - 1)
        self._last = reading
        self._from = CARDS[reading.card].id if reading.card < len(CARDS) else None

    def _listen(self, block: AudioBlock) -> None:
        self._window.append(block)
        if sum(part.duration_ns for part in self._window) < _WINDOW_NS:
            return
        heard = hear(self._window)
        self._window = []
        if not heard.signal and not self._recognised:
            return
        self._seen += 1
        if heard.device:
            self._recognised += 1
            self._from = heard.device
        elif not heard.signal:
            self._lost += 1
