"""What may go wrong with a joined connection, and how far back it throws us."""

from __future__ import annotations

from typing import Literal

from attrs import frozen

from jackfield.values.errors import NetworkError
from jackfield.values.events import LeaveReason

#: ``signalling``: the WebSocket is gone, media may still flow. ``media``: nothing comes over a path. Either is resumed.
#: ``server``: the server has ended, or does not know us any more: only joining anew helps.
Cause = Literal["signalling", "media", "server"]


@frozen
class Trouble:
    """One loss, in words for people."""

    cause: Cause
    message: str


class Moved(NetworkError):
    """This machine has another address since an attempt began: the next one is made from there, at once."""


class SentAway(NetworkError):
    """The server answers a join or a resume with a goodbye.

    ``reason`` is None where we are to join anew; else the call is over for us, and it says why.
    """

    def __init__(self, message: str, reason: LeaveReason | None) -> None:
        super().__init__(message)
        self.reason = reason
