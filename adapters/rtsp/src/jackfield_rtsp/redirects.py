"""Where a camera sends us when we come: FFmpeg would follow any redirect, for ever, and log in there as well.

It has no option against that, and says each one in its log before it follows (libavformat/rtsp.c, ``Redirecting to``;
seen with FFmpeg 8.0): a camera may redirect at any request, also after the log-in, so asking it first shows nothing.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from urllib.parse import SplitResult, urlsplit

import av.logging

#: So many redirects within one server are followed.
MOST = 3
_SAYS = re.compile(r"Redirecting to\s*(\S*)")
_PLAIN = re.compile(r"[\w.:-]{1,99}")
_PORTS = {"rtsp": 554, "rtsps": 322}


class Redirects(logging.Handler):
    """Calls ``refused`` with the kind of failure and where it leads, before FFmpeg follows; it must not return.

    Followed are the first few that lead to the same server in the same way (scheme, host, port). For one process,
    which does nothing else with FFmpeg.
    """

    def __init__(self, url: str, refused: Callable[[str, str], None]) -> None:
        super().__init__()
        self._home, self._refused, self._count = _place(urlsplit(url)), refused, 0

    def emit(self, record: logging.LogRecord) -> None:
        """Looks at a line of the log."""
        found = _SAYS.search(record.getMessage())
        if found is None:
            return
        self._count += 1
        try:
            there = _place(urlsplit(found[1]))
        except ValueError:
            there = ("", "", 0)
        if there != self._home:
            plain = _PLAIN.fullmatch(there[1]) and there[0] in _PORTS
            self._refused("moved", f"{there[0]}://{there[1]}:{there[2]}" if plain else "")
        elif self._count > MOST:
            self._refused("circle", "")


def listen_to(*handlers: logging.Handler) -> None:
    """They hear FFmpeg's log from now on, and nobody else does."""
    av.logging.set_level(av.logging.VERBOSE)
    av.logging.set_skip_repeated(False)
    logger = logging.getLogger("libav")
    logger.setLevel(logging.DEBUG)
    logger.propagate = False  # its lines hold the address, with the password
    for handler in handlers:
        logger.addHandler(handler)


def _place(parts: SplitResult) -> tuple[str, str, int]:
    return parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)
