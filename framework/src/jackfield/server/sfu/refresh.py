"""Tokens made anew while their holders are in a call, as LiveKit does: whoever has to come back finds the door open."""

from __future__ import annotations

from functools import partial
from weakref import ref

from livekit.protocol import rtc

from jackfield.media.clock import Clock
from jackfield.server.sfu.participant import Participant
from jackfield.server.sfu.tokens import Verifier


class Refresher:
    """Sends each participant a new token at its join and every ``interval_s``; each lasts twice as long, at least."""

    def __init__(self, verifier: Verifier, clock: Clock, interval_s: float) -> None:
        self._verifier, self._clock, self._interval_s = verifier, clock, interval_s

    def begin(self, participant: Participant) -> None:
        """From now until the participant's end."""
        self.tell(participant)
        self._clock.call_later(self._interval_s, partial(self._again, ref(participant)))

    def _again(self, held: ref[Participant]) -> None:
        participant = held()
        if participant is not None and not participant.has_ended:
            self.begin(participant)

    def tell(self, participant: Participant) -> None:
        """A new token is on its way."""
        token = self._verifier.renew(participant.grants, participant.permission, 2 * self._interval_s)
        participant.send(response=rtc.SignalResponse(refresh_token=token))
