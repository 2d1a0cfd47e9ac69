"""Data packets: who sent them is filled in by us, who gets them is what their sender asked for."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Literal

from google.protobuf.message import DecodeError
from livekit.protocol import models

from jackfield.log_limit import limited_logger
from jackfield.rtc.transport import DataChannel, DataChannels

logger = limited_logger(__name__)

Kind = Literal["reliable", "lossy"]
LABELS: dict[str, Kind] = {"_reliable": "reliable", "_lossy": "lossy"}
_LOSSY_BUFFER = 256 << 10
#: Of reliable data: more that waits is being behind, less is having caught up.
_BEHIND, _CAUGHT_UP = 256 << 10, 64 << 10


class DataOutlet:
    """The two channels towards a subscriber, which we open on ``channels``; without these its client does, and they are
    adopted. Reliable packets wait, bounded, until theirs is open."""

    def __init__(self, channels: DataChannels | None, *, early_max: int) -> None:
        self.dropped = 0
        self._reliable: DataChannel | None = None
        self._lossy: DataChannel | None = None
        self._early: deque[bytes] = deque(maxlen=early_max)
        if channels is not None:
            self.adopt(channels.open("_reliable", ordered=True), "reliable")
            self.adopt(channels.open("_lossy", ordered=False, max_retransmits=0), "lossy")
        #: Called, once each, when it has caught up.
        self.waiting: list[Callable[[], None]] = []
        #: It was waited for in vain, and is not again until it has caught up.
        self.is_slow = False

    def adopt(self, channel: DataChannel, kind: Kind) -> None:
        """Packets of this kind go through this channel."""
        if kind == "lossy":
            self._lossy = channel
            return
        self._reliable = channel
        channel.on_open = self._opened
        channel.low_at(_CAUGHT_UP)
        channel.on_low = channel.on_close = self._caught_up
        if channel.state == "open":
            self._opened()

    @property
    def is_behind(self) -> bool:
        """Whether it is to be waited for before more reliable data is put in."""
        channel = self._reliable
        if self.is_slow or channel is None or channel.state != "open":
            return False
        return channel.buffered_amount > _BEHIND

    def _caught_up(self) -> None:
        self.is_slow = False
        waiting, self.waiting = self.waiting, []
        for tell in waiting:
            tell()

    def _opened(self) -> None:
        while self._early and self._reliable is not None:
            self._send(self._reliable, self._early.popleft())

    def send(self, data: bytes, kind: Kind) -> None:
        """Sends it. A lossy packet that would have to wait is dropped, a reliable one beyond what the channel holds."""
        channel = self._reliable if kind == "reliable" else self._lossy
        if channel is not None and channel.state == "open":
            if kind == "reliable" or channel.buffered_amount < _LOSSY_BUFFER:
                self._send(channel, data)
            else:
                self.dropped += 1
        elif kind == "reliable" and (channel is None or channel.state == "connecting"):
            self._early.append(data)

    def _send(self, channel: DataChannel, data: bytes) -> None:
        try:
            channel.send(data)
        except ConnectionError as exc:
            self.dropped += 1
            logger.warning("a data packet was dropped: %s", exc)


def read(data: bytes) -> models.DataPacket | None:
    """The packet; None when it is none."""
    packet = models.DataPacket()
    try:
        packet.ParseFromString(data)
    except (DecodeError, RecursionError):
        return None
    return packet


def stamp(packet: models.DataPacket, *, identity: str, sid: str, kind: Kind) -> None:
    """Says who sent it, whatever it said before, and how it travels."""
    packet.participant_identity = identity
    packet.participant_sid = sid
    packet.kind = models.DataPacket.RELIABLE if kind == "reliable" else models.DataPacket.LOSSY
    if packet.WhichOneof("value") == "user":
        packet.user.participant_identity = identity
        packet.user.participant_sid = sid


def addressed(packet: models.DataPacket, identity: str, sid: str) -> bool:
    """Whether this participant is among those it is for; without a list it is for everybody."""
    identities: Iterable[str] = packet.destination_identities
    sids: Iterable[str] = ()
    if packet.WhichOneof("value") == "user":
        identities = [*packet.destination_identities, *packet.user.destination_identities]
        sids = packet.user.destination_sids
    return identity in identities or sid in sids or not (list(identities) or list(sids))
