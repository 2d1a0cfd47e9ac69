"""The connection of this process to a sound server, as the kernel sees it: whether the server is still at its end.

ALSA's plugin and PortAudio notice a server that dies by its silence alone, which a server may keep for seconds.
"""

from __future__ import annotations

import os
import select
import stat

_FOLDER = "/proc/self/fd"


class ServerLink:
    """The sockets that this process holds when it is made: a stream's own connection to its server, and nothing else.

    They are looked at and never read. Where the system does not list them (no Linux), it knows nothing.
    """

    def __init__(self) -> None:
        self._sockets = [os.dup(each) for each in _sockets()]

    @property
    def is_cut(self) -> bool:
        """Whether the server has closed every one of them, which a server that lives does to none."""
        if not self._sockets:
            return False
        poll = select.poll()
        for each in self._sockets:
            poll.register(each, select.POLLRDHUP)
        ended = select.POLLHUP | select.POLLRDHUP | select.POLLERR
        return sum(bool(found & ended) for _, found in poll.poll(0)) == len(self._sockets)


def _sockets() -> list[int]:
    found = []
    try:
        listed = [int(each) for each in os.listdir(_FOLDER)]
    except OSError:
        return []
    for each in listed:
        try:
            if stat.S_ISSOCK(os.fstat(each).st_mode):
                found.append(each)
        except OSError:  # that of the listing itself, which is closed
            continue
    return found
