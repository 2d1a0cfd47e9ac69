"""Which receiver a packet is for: by its source, then by its mid extension, then by its payload type when only one
receiver can be meant (RFC 9143 section 9.2)."""

from __future__ import annotations

from collections import deque

from jackfield.rtc.receiver import RtpReceiver
from jackfield.rtc.rtp import RtpPacket

_RETIRED_MAX = 256


class Router:
    """The receivers of one connection. A source that was given up is never taken up again by anything but the SDP."""

    def __init__(self) -> None:
        self._by_ssrc: dict[int, RtpReceiver] = {}
        self._by_mid: dict[str, RtpReceiver] = {}
        self._mid_extensions: frozenset[int] = frozenset()
        self._retired: deque[int] = deque(maxlen=_RETIRED_MAX)

    @property
    def receivers(self) -> list[RtpReceiver]:
        """All of them."""
        return list(self._by_mid.values())

    def settle(self, receivers: list[RtpReceiver], mid_extensions: frozenset[int]) -> None:
        """These are the receivers from now on, with the sources they were told to use."""
        before = set(self._by_ssrc)
        self._by_mid = {receiver.mid: receiver for receiver in receivers}
        self._by_ssrc = {
            ssrc: receiver for receiver in receivers for ssrc in (receiver.ssrc, receiver.rtx_ssrc) if ssrc is not None
        }
        self._mid_extensions = mid_extensions
        for ssrc in before - set(self._by_ssrc):
            self._retired.append(ssrc)

    def by_ssrc(self, ssrc: int) -> RtpReceiver | None:
        """The receiver of this source."""
        return self._by_ssrc.get(ssrc)

    def route(self, packet: RtpPacket) -> RtpReceiver | None:
        """The receiver this packet is for; None: for nobody."""
        return self._by_ssrc.get(packet.ssrc) or self._adopt(packet)

    def _adopt(self, packet: RtpPacket) -> RtpReceiver | None:
        if packet.ssrc in self._retired and packet.ssrc not in self._by_ssrc:
            return None
        receiver = self._meant(packet)
        if receiver is None or not receiver.accepts(packet.payload_type):
            return None
        repair = receiver.repairs(packet.payload_type)
        before = receiver.rtx_ssrc if repair else receiver.ssrc
        if before is not None:
            self._by_ssrc.pop(before, None)
            self._retired.append(before)
        if repair:
            receiver.use(receiver.ssrc, packet.ssrc)
        else:
            receiver.use(packet.ssrc, receiver.rtx_ssrc)
        self._by_ssrc[packet.ssrc] = receiver
        return receiver

    def _meant(self, packet: RtpPacket) -> RtpReceiver | None:
        for key in self._mid_extensions:
            mid = packet.extensions.get(key)
            if mid is not None:
                return self._by_mid.get(mid.decode(errors="replace"))
        able = [receiver for receiver in self._by_mid.values() if receiver.accepts(packet.payload_type)]
        if len(able) != 1:
            return None
        receiver = able[0]
        known = receiver.rtx_ssrc if receiver.repairs(packet.payload_type) else receiver.ssrc
        return receiver if known is None else None
