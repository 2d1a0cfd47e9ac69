"""Rings of one server: each is of one caller to one or more others, on every device on which they are logged in.

No network here: a `Device` is told, and what devices ask are methods. All of it runs on the event loop.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal, Protocol

from attrs import define, field

from jackfield import tokens
from jackfield.log_limit import limited_logger
from jackfield.rtc.link import ignore
from jackfield.server.happenings import Came, Happening, Listener, Rang, Went
from jackfield.values.errors import NetworkError, NotAllowed

logger = limited_logger("jackfield.server")

#: It rings for so long.
RING_S: Final = 45.0
#: A caller whose last device is gone is waited for so long.
CALLER_S: Final = 5.0
#: What whoever was online misses is kept for so long, and so much of it.
MISSED_S: Final = 60.0
MISSED_MAX: Final = 32
#: Bounds: people of one ring, rings of one caller, devices of one user, rings of the server.
PEOPLE_MAX: Final = 50
OWN_MAX: Final = 8
DEVICES_MAX: Final = 16
RINGS_MAX: Final = 5000

State = Literal["ringing", "accepted", "rejected", "busy", "cancelled", "unanswered"]
CallType = Literal["VIDEO", "VOICE"]
Later = Callable[[float, Callable[[], None]], asyncio.TimerHandle]


class Device(Protocol):
    """Somebody's program that is online."""

    def tell(self, message: dict[str, Any]) -> None:
        """A message to it; never waits."""


@define(eq=False)
class Ring:
    """One ring; ``answers`` has the state of each who is rung."""

    id: str
    session_id: str
    type: CallType
    uid: str
    name: str
    began_at: float
    answers: dict[str, State] = field(factory=dict)
    timer: asyncio.TimerHandle | None = None

    @property
    def is_open(self) -> bool:
        """Whether somebody has yet to answer."""
        return "ringing" in self.answers.values()

    def said(self) -> dict[str, Any]:
        """As devices are told of it."""
        who = {"uid": self.uid, "name": self.name}
        facts = {"id": self.id, "session_id": self.session_id, "type": self.type, "caller": who}
        return facts | {"began_at": self.began_at, "answers": dict(self.answers)}


class Rings:
    """Everybody who is online, and every ring. ``told`` hears of rings that became no call."""

    def __init__(
        self,
        told: Listener = ignore,
        *,
        clock: Callable[[], float] = time.time,
        later: Later | None = None,
    ) -> None:
        self._told, self._clock = told, clock
        self._later: Later = later or (lambda after_s, do: asyncio.get_running_loop().call_later(after_s, do))
        self._devices: dict[str, list[Device]] = {}
        self._rings: dict[str, Ring] = {}
        #: Of those whose last device has just gone: what they miss.
        self._missed: dict[str, list[dict[str, Any]]] = {}
        #: How many sessions each user is in, and who the participants are.
        self._in_call: Counter[str] = Counter()
        self._people: dict[str, str] = {}

    def hear(self, happening: Happening) -> None:
        """Who is in a call is busy."""
        if isinstance(happening, Came) and not happening.dependent:
            self._people[happening.pid] = happening.uid
            self._in_call[happening.uid] += 1
        elif isinstance(happening, Went) and (uid := self._people.pop(happening.pid, None)) is not None:
            self._in_call[uid] -= 1
            if not self._in_call[uid]:
                del self._in_call[uid]

    # --- who is online
    def attach(self, uid: str, device: Device) -> None:
        """This device of theirs is online, and hears what rings for them. `NotAllowed` where they have too many."""
        devices = self._devices.setdefault(uid, [])
        if len(devices) >= DEVICES_MAX:
            raise NotAllowed(f"you are online on {DEVICES_MAX} devices already; close one of them")
        devices.append(device)
        for message in self._missed.pop(uid, ()):
            device.tell(message)
        for ring in self._rings.values():
            if ring.answers.get(uid) == "ringing":
                device.tell({"event": "incoming_ring", "ring": ring.said()})

    def detach(self, uid: str, device: Device) -> None:
        """It is no more. A caller who does not come back takes their rings with them."""
        devices = self._devices.get(uid, [])
        if device in devices:
            devices.remove(device)
        if not devices and self._devices.pop(uid, None) is not None:
            missed = self._missed[uid] = []
            self._later(MISSED_S, lambda: self._forget(uid, missed))
            if any(ring.uid == uid for ring in self._rings.values()):
                self._later(CALLER_S, lambda: self._gone(uid))

    def _forget(self, uid: str, missed: list[dict[str, Any]]) -> None:
        if self._missed.get(uid) is missed:
            del self._missed[uid]

    def ringing(self, uid: str) -> list[str]:
        """The ids of what rings for them now."""
        return [ring.id for ring in self._rings.values() if ring.answers.get(uid) == "ringing"]

    def _gone(self, uid: str) -> None:
        for ring in [ring for ring in self._rings.values() if ring.uid == uid and uid not in self._devices]:
            self._end(ring, "cancelled")

    # --- what is asked
    def start(self, uid: str, name: str, to: Sequence[str], session_id: str, type: CallType) -> Ring:
        """Rings these. Who is in a call is busy; who is not online may still come within the 45 seconds."""
        called = [each for each in dict.fromkeys(map(tokens.check_uid, to)) if each != uid]
        if not 1 <= len(called) <= PEOPLE_MAX:
            raise NotAllowed(f"a ring is to 1 to {PEOPLE_MAX} others; this one is to {len(called)}")
        if sum(1 for ring in self._rings.values() if ring.uid == uid) >= OWN_MAX:
            raise NotAllowed(f"you have {OWN_MAX} rings under way; cancel one, or wait for an answer")
        if len(self._rings) >= RINGS_MAX:
            raise NetworkError("too many rings on this server; try again in a minute")
        ring = Ring(f"RI_{secrets.token_hex(8)}", session_id, type, uid, name, self._clock())
        ring.answers = {each: "busy" if self._in_call[each] else "ringing" for each in called}
        self._rings[ring.id] = ring
        ring.timer = self._later(RING_S, lambda: self._end(ring, "unanswered"))
        for each, state in ring.answers.items():
            if state == "busy":
                self._tell(uid, "ring_rejected", ring, each, busy=True)
            else:
                self._tell(each, "incoming_ring", ring)
        self._look(ring)
        return ring

    def accept(self, uid: str, ring_id: str, device: Device) -> Ring:
        """They come; their other devices ring no more. `NotAllowed` where it rings for them no more."""
        ring = self._answered(uid, ring_id, "accepted", device)
        self._tell(ring.uid, "ring_accepted", ring, uid)
        self._look(ring)
        return ring

    def reject(self, uid: str, ring_id: str, device: Device, *, busy: bool = False) -> Ring:
        """They do not come."""
        ring = self._answered(uid, ring_id, "busy" if busy else "rejected", device)
        self._tell(ring.uid, "ring_rejected", ring, uid, busy=busy)
        self._look(ring)
        return ring

    def cancel(self, uid: str, ring_id: str) -> Ring:
        """Its caller gives it up: it rings nowhere any more."""
        ring = self._rings.get(ring_id)
        if ring is None or ring.uid != uid:
            raise NotAllowed("no ring of yours of this id is under way")
        self._end(ring, "cancelled")
        return ring

    def _answered(self, uid: str, ring_id: str, state: State, device: Device) -> Ring:
        ring = self._rings.get(ring_id)
        if ring is None or ring.answers.get(uid) != "ringing":
            raise NotAllowed("this rings for you no more: it was cancelled, answered elsewhere, or is over")
        ring.answers[uid] = state
        for other in self._devices.get(uid, []):
            if other is not device:
                other.tell({"event": "ring_answered_elsewhere", "ring": ring.said()})
        return ring

    # --- ends
    def _end(self, ring: Ring, state: State) -> None:
        """Whoever has not answered is not rung any more."""
        left = [uid for uid, answer in ring.answers.items() if answer == "ringing"]
        for uid in left:
            ring.answers[uid] = state
        for uid in left:
            self._tell(uid, "ring_cancelled" if state == "cancelled" else "ring_unanswered", ring, uid)
            if state == "unanswered":
                self._tell(ring.uid, "ring_unanswered", ring, uid)
        self._look(ring)

    def _look(self, ring: Ring) -> None:
        if ring.is_open or self._rings.pop(ring.id, None) is None:
            return
        if ring.timer is not None:
            ring.timer.cancel()
        if "accepted" not in ring.answers.values():
            caller = ring.uid, ring.name
            self._told(Rang(ring.id, ring.session_id, *caller, dict(ring.answers), ring.began_at, self._clock()))

    def _tell(self, to: str, event: str, ring: Ring, uid: str = "", **more: Any) -> None:
        about = {"uid": uid} if uid else {}
        message = {"event": event, "ring": ring.said(), **about, **more}
        for device in list(self._devices.get(to, [])):
            device.tell(message)
        missed = self._missed.get(to)
        if missed is not None and event != "incoming_ring" and len(missed) < MISSED_MAX:
            missed.append(message)

    def close(self) -> None:
        """It rings nowhere any more, and no timer is left."""
        for ring in list(self._rings.values()):
            self._end(ring, "cancelled")
