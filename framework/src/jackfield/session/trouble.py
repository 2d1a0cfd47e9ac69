"""What may go wrong with a joined connection, and how far back it throws us."""

from __future__ import annotations

from typing import Literal

from attrs import frozen

from jackfield.values.errors import CallError, NetworkError, NotAllowed
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


_ENDS: dict[LeaveReason, str] = {
    "left": "this program left the session itself before it was in it",
    "ended": "the session was ended for everyone while you were joining it",
    "replaced": "the same person joined this session again while you were joining it, there or on another machine",
    "server": "the server ended the call while you were joining; try again in a moment",
    "idle": "nobody else came, and the idle timeouts were over while you were still joining: set longer ones",
}


def sent_away(reason: LeaveReason, message: str) -> CallError:
    """The error of a join that the server ends with this before we are in the call."""
    if reason == "removed":
        return NotAllowed("a moderator removed you from the session while you were joining it")
    how = f": {message}" if message else ""
    lost = f"the connection was lost while you were joining{how}; look at the network, then join again"
    return NetworkError(_ENDS.get(reason, lost))
