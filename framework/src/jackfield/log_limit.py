"""Log lines that others can bring about: some of each, then how many more there were, so that nobody fills a disk."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from attrs import define

#: So many lines of one wording in this time are written.
LINES: Final = 10
WINDOW_S: Final = 60.0
#: Wordings that are kept count of; there are fewer in the code.
_WORDINGS_MAX: Final = 256
_limits: list[LogLimit] = []


@define
class _Count:
    since: float
    written: int = 0
    left_out: int = 0


class LogLimit(logging.Filter):
    """Lets `LINES` lines of each wording through in `WINDOW_S` seconds, told apart by their text before anything is put
    into it; the first one after that says how many were left out. Used by any thread."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._counts: dict[str, _Count] = {}

    def clear(self) -> None:
        """Nothing is counted yet."""
        self._counts.clear()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is written."""
        if record.levelno < logging.INFO:
            return True
        now, wording = self._clock(), str(record.msg)
        count = self._counts.get(wording)
        if count is None or now - count.since >= WINDOW_S:
            before = count.left_out if count else 0
            count = self._counts[wording] = _Count(now)
            if before:
                record.msg = f"{wording} [{before} more like this before]"
            while len(self._counts) > _WORDINGS_MAX:
                del self._counts[next(iter(self._counts))]
        count.written += 1
        count.left_out += count.written > LINES
        return count.written <= LINES


def limited_logger(name: str) -> logging.Logger:
    """The logger of this name, limited: for modules whose lines a peer, or a server, can bring about."""
    logger = logging.getLogger(name)
    if not any(isinstance(each, LogLimit) for each in logger.filters):
        _limits.append(LogLimit())
        logger.addFilter(_limits[-1])
    return logger


def forget() -> None:
    """Every limited logger counts from nothing, as each test does."""
    for limit in _limits:
        limit.clear()
