"""Coming back to a call whose signalling broke: who may, what they are told, and how long they are waited for."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable

from attrs import define, field
from livekit.protocol import models, rtc

from jackfield.media.clock import Clock, Timer
from jackfield.server.sfu.limits import Limits

Reason = models.DisconnectReason
#: Whoever went for one of these reasons has nothing to come back to.
FINAL = frozenset({Reason.CLIENT_INITIATED, Reason.DUPLICATE_IDENTITY, Reason.PARTICIPANT_REMOVED, Reason.ROOM_DELETED})
_REMEMBERED = 4096
_MISSED = 512
_LOOK_S = 1.0
_S = 1_000_000_000


@define
class Departed:
    """Why participants went, by sid, the latest few thousand: so that who did not hear of it is told when they ask."""

    _reasons: OrderedDict[str, models.DisconnectReason] = field(factory=OrderedDict)

    def went(self, sid: str, reason: models.DisconnectReason) -> None:
        """Remembers one."""
        self._reasons[sid] = reason
        if len(self._reasons) > _REMEMBERED:
            self._reasons.popitem(last=False)

    def goodbye(self, sid: str) -> rtc.LeaveRequest:
        """What somebody with this sid, who is not here, is told: that it is over, or to connect anew."""
        reason = self._reasons.get(sid, Reason.STATE_MISMATCH)
        if reason in FINAL:
            return rtc.LeaveRequest(reason=reason, action=rtc.LeaveRequest.Action.DISCONNECT)
        action = rtc.LeaveRequest.Action.RECONNECT
        return rtc.LeaveRequest(reason=Reason.STATE_MISMATCH, action=action, can_reconnect=True)


class Absence:
    """The time in which a participant has no signalling. ``heard_ns`` says when anything last came from it;
    ``on_over`` is called when it is waited for no longer."""

    def __init__(
        self, clock: Clock, limits: Limits, heard_ns: Callable[[], int], on_over: Callable[[], object]
    ) -> None:
        self._clock, self._limits = clock, limits
        self._heard_ns, self._on_over = heard_ns, on_over
        self._since_ns: int | None = None
        self._timer: Timer | None = None
        self._gone: deque[models.ParticipantInfo] = deque(maxlen=_MISSED)

    @property
    def is_on(self) -> bool:
        """Whether it is away."""
        return self._since_ns is not None

    def begin(self) -> None:
        """It is away from now on."""
        if self._since_ns is None:
            self._since_ns = self._clock.now_ns()
            self._timer = self._clock.call_later(_LOOK_S, self._look)

    def miss(self, response: rtc.SignalResponse) -> None:
        """It does not hear this. Who is here it is told when it is back; of who went, this is kept."""
        if response.WhichOneof("message") == "update":
            infos = response.update.participants
            self._gone += [info for info in infos if info.state == models.ParticipantInfo.State.DISCONNECTED]

    def end(self) -> list[models.ParticipantInfo]:
        """It is back, or gone; answers with those who went meanwhile."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._since_ns = None
        gone = list(self._gone)
        self._gone.clear()
        return gone

    def _look(self) -> None:
        if self._since_ns is None:
            return
        now_ns = self._clock.now_ns()
        silent_ns = now_ns - max(self._heard_ns(), self._since_ns)
        if silent_ns >= self._limits.resume_s * _S or now_ns - self._since_ns >= self._limits.resume_longest_s * _S:
            self.end()
            self._on_over()
        else:
            self._timer = self._clock.call_later(_LOOK_S, self._look)
