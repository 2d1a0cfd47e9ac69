"""What happens before a call: somebody rings, and answers. Told of `Calls` that are online (`Calls.go_online`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from attrs import field, frozen

from jackfield.values.event import Event


@frozen
class Ring:
    """One ring: ``uid`` calls those in ``answers`` into a session. Each answer is ringing, accepted, rejected, busy,
    cancelled or unanswered; ``began_at`` is Unix time in seconds."""

    id: str
    session_id: str
    uid: str
    name: str
    type: Literal["VIDEO", "VOICE"] = "VIDEO"
    began_at: float = 0.0
    answers: Mapping[str, str] = field(factory=dict)


# --- ringing ------------------------------------------------------------------------------------------------------
@frozen
class IncomingRing(Event):
    """Somebody rings us: `Calls.accept` or `Calls.reject` it, within 45 seconds."""

    ring: Ring


@frozen
class RingAccepted(Event):
    """They come: the session of our ring is the place to meet."""

    ring: Ring
    uid: str


@frozen
class RingRejected(Event):
    """They do not come; ``busy``: they are in a call."""

    ring: Ring
    uid: str
    busy: bool = False


@frozen
class RingCancelled(Event):
    """Who rang us has given it up."""

    ring: Ring


@frozen
class RingUnanswered(Event):
    """Nobody answered for 45 seconds: they did not answer ours (``uid`` is theirs), or we did not answer."""

    ring: Ring
    uid: str


@frozen
class RingAnsweredElsewhere(Event):
    """We have answered on another device."""

    ring: Ring
