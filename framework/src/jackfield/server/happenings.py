"""What happens in the sessions of a server, as those beside the SFU hear of it: who came, who went, what was kept.

Told on the server's event loop, in order, by whoever it happens to. Times are seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from attrs import frozen

from jackfield.log_limit import limited_logger

logger = limited_logger("jackfield.server")


@frozen
class Came:
    """Somebody joined. ``call_id`` is the same for all who are in the session together, and another the next time;
    ``dependent``: a recorder or an agent, whom the call does not wait for."""

    call_id: str
    session_id: str
    pid: str
    uid: str
    name: str
    role: str
    dependent: bool
    at: float


@frozen
class Went:
    """They are in it no more. ``reason``: left, removed, replaced, lost, ended or server."""

    call_id: str
    pid: str
    reason: str
    at: float


@frozen
class Over:
    """The call is over: ended by a moderator, over (nobody was left), or the server went."""

    call_id: str
    reason: str
    at: float


@frozen
class Kept:
    """A recording has begun or, with ``ended_at``, has ended."""

    session_id: str
    recording_id: str
    started_by: str
    started_at: float
    ended_at: float | None = None
    reason: str = ""


@frozen
class Rang:
    """A ring became no call: ``answers`` has what each said, or that nobody answered."""

    ring_id: str
    session_id: str
    uid: str
    name: str
    answers: Mapping[str, str]
    at: float
    ended_at: float

    @property
    def status(self) -> str:
        """What it comes to: rejected, busy, unanswered or cancelled."""
        found = set(self.answers.values())
        return next((each for each in ("rejected", "busy", "unanswered") if each in found), "cancelled")


#: How a call stands in the log: one that was, then those that rang and never were.
STATUSES = ("ongoing", "ended", "interrupted", "rejected", "busy", "unanswered", "cancelled")

Happening = Came | Went | Over | Kept | Rang
Listener = Callable[[Happening], None]


class Told:
    """Those who listen. One that raises is complained of, and harms nobody."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> None:
        """Hears everything from now on."""
        self._listeners.append(listener)

    def __call__(self, happening: Happening) -> None:
        for listener in self._listeners:
            try:
                listener(happening)
            except Exception:
                logger.exception("%s was not taken", type(happening).__name__)
