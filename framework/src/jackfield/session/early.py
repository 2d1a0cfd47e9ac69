"""What a connection tells while devices still open: offers are answered and the server is kept, and what the call is to
know waits for it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from jackfield.session.connection import Connection
from jackfield.values.events import LeaveReason

#: A server that tells more than this in the seconds of a join is not at its senses.
MOST = 1000
#: So many messages of others are kept; the oldest are lost, as they are for whoever comes a moment later.
MOST_DATA = 100


class Early:
    """Takes a connection's callbacks from its making on, and starts it; `pass_on` tells the call all of it, in order.

    Opening a device may take longer than a server waits for an answer (15 s) or a ping (15 s). Bounded: what comes past
    `MOST` ends the connection.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._kept: list[tuple[str, tuple[Any, ...]]] = []
        self._data: deque[Any] = deque(maxlen=MOST_DATA)
        #: How the server ended the call, where it did before the call began.
        self.ended: asyncio.Future[tuple[LeaveReason, str]] = asyncio.get_running_loop().create_future()
        connection.on_message, connection.on_end = self._keeping("on_message"), self._keeping("on_end")
        connection.on_track, connection.on_track_ended = self._keeping("on_track"), self._keeping("on_track_ended")
        connection.on_trouble = self._keeping("on_trouble")
        connection.on_data = self._data.append
        connection.start()

    def pass_on(self) -> None:
        """Whoever has set the connection's callbacks by now is told what came before."""
        kept, self._kept = self._kept, []
        for name, arguments in kept:
            getattr(self._connection, name)(*arguments)
        while self._data:
            self._connection.on_data(self._data.popleft())

    def _keeping(self, name: str) -> Callable[..., None]:
        return lambda *arguments: self._keep(name, arguments)

    def _keep(self, name: str, arguments: tuple[Any, ...]) -> None:
        if name == "on_end" and not self.ended.done():
            self.ended.set_result((arguments[0], arguments[1]))
        if len(self._kept) < MOST or name in ("on_end", "on_trouble"):
            self._kept.append((name, arguments))
        elif len(self._kept) == MOST:
            found = f"the server told of more than {MOST} changes before the call began"
            self._kept.append(("on_end", ("network", found)))
