"""What the first process and its workers say to each other, in JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs
from attrs import field, frozen

from jackfield.rtc.link import IceServer
from jackfield.server.happenings import Came, Happening, Over, Went
from jackfield.server.sfu import Load
from jackfield.server.sfu.tally import Histogram

#: The headers of a request that is handed through: that it comes from the first process, and from which address it came
#: there. A worker believes the second because of the first.
SECRET: Final = "X-Jackfield-Secret"
ADDRESS: Final = "X-Jackfield-Address"
#: Where a worker is asked, and tells what happens.
CONTROL: Final = "/control"

_HAPPENINGS: Final[Mapping[str, type[Any]]] = {kind.__name__: kind for kind in (Came, Went, Over)}


@frozen
class Order:
    """What a worker is started with. It listens at the Unix socket ``path``, or on a port of loopback where that is "".

    ``udp_port`` 0: a free one.
    """

    number: int
    keys: Mapping[str, str] = field(repr=False)
    secret: str = field(repr=False)
    path: str
    host: str
    udp_port: int
    announce: Sequence[str]
    ice_servers: Sequence[IceServer] = field(repr=False)
    cpu_share: float
    last_n: int
    log_level: int

    def line(self) -> bytes:
        """It as one line."""
        return json.dumps(attrs.asdict(self)).encode() + b"\n"

    @classmethod
    def of(cls, line: str | bytes) -> Order:
        """The order in a line."""
        words = json.loads(line)
        words["ice_servers"] = [IceServer(**{**each, "urls": tuple(each["urls"])}) for each in words["ice_servers"]]
        return cls(**words)


@frozen
class Look:
    """What a worker carries now. ``refusal``: why it takes no other room, "" where it does."""

    load: Load
    rooms: frozenset[str] = frozenset()
    refusal: str = ""

    def said(self) -> dict[str, Any]:
        """It in plain words."""
        return {"load": attrs.asdict(self.load), "rooms": sorted(self.rooms), "refusal": self.refusal}

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Look:
        """What was said."""
        load = dict(said["load"])
        timed: dict[str, Any] = load["forwarding"]
        within = tuple(timed["within"])
        load["forwarding"] = Histogram(tuple(timed["bounds_s"]), within, timed["count"], timed["seconds"])
        return cls(Load(**load), frozenset(said["rooms"]), said["refusal"])


def told(happening: Happening) -> dict[str, Any]:
    """What happened, in plain words."""
    return {"happened": type(happening).__name__, **attrs.asdict(happening)}


def happening(words: Mapping[str, Any]) -> Happening:
    """What these words tell of."""
    facts = dict(words)
    found: Happening = _HAPPENINGS[facts.pop("happened")](**facts)
    return found
