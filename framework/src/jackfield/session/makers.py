"""Whose captions are taken of each person: several may write down the same words."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

#: Whoever has written nothing for so long makes room for another one.
RESTS_S: Final = 10.0


class Makers:
    """Of each person, those of whoever wrote them down first are taken, until that one rests or leaves; a person's own
    come before anybody's."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: dict[str, tuple[str, float]] = {}

    def takes(self, speaker: str, maker: str) -> bool:
        """Whether what this maker has written down of a person's words is taken, both by uid."""
        now = self._clock()
        before, at = self._last.get(speaker, (maker, now))
        if before != maker and maker != speaker and now - at < RESTS_S:
            return False
        self._last.pop(speaker, None)
        self._last[speaker] = maker, now
        while now - self._last[oldest := next(iter(self._last))][1] >= RESTS_S:
            del self._last[oldest]
        return True

    def forget(self, maker: str) -> None:
        """They have left: whoever else writes is heard at once."""
        self._last = {speaker: held for speaker, held in self._last.items() if held[0] != maker}
