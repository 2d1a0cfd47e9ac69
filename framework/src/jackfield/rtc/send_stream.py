"""One encoding on its way out: frames become packets, are numbered, kept for repair, paced and sent."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from attrs import evolve, frozen

from jackfield.media.clock import Clock
from jackfield.media.statistics import Rate
from jackfield.rtc import payload
from jackfield.rtc.history import SentHistory, wrap_rtx
from jackfield.rtc.keyframes import KeyframeGate
from jackfield.rtc.pacer import Leaving, Pacer
from jackfield.rtc.payload.dependency import DescriptorWriter
from jackfield.rtc.payload.red import RedundancyWriter
from jackfield.rtc.rtcp import ReportBlock, SenderReport
from jackfield.rtc.rtp import RtpPacket
from jackfield.rtc.timeline import SoundTimeline, Timeline, ntp_middle
from jackfield.values.media import AUDIO_CLOCK_RATE, VIDEO_CLOCK_RATE, EncodedFrame, Kind

#: RTP counts its padding in one byte.
_PADDING_MAX = 255


@frozen
class SendParameters:
    """What the answer settled for one track. Extension ids are None where they were not agreed on."""

    mid: str
    payload_type: int
    rtx_payload_type: int | None = None
    mid_extension: int | None = None
    level_extension: int | None = None
    transport_cc_extension: int | None = None
    descriptor_extension: int | None = None
    red_payload_type: int | None = None
    rid_extension: int | None = None
    repaired_rid_extension: int | None = None
    #: The layers that were taken; empty without simulcast.
    rids: tuple[str, ...] = ()


class PacketSink(Protocol):
    """Where packets go: numbered transport-wide where that was agreed on, encrypted, sent."""

    def send_packets(
        self, packets: Sequence[RtpPacket], transport_cc_extension: int | None, probe: int | None = None
    ) -> int:
        """Sends, in order, as part of a probe where it has a number; how many of them, 0 when there is no path."""


class SendStream:
    """One source (SSRC) and its retransmission source. Without parameters it sends nothing.

    ``rid`` names it among the layers of its track (RFC 8852); "" where it is the only one.
    """

    def __init__(
        self,
        kind: Kind,
        codec: str,
        *,
        clock: Clock,
        sink: PacketSink,
        pacer: Pacer,
        keyframe: Callable[[], None],
        rid: str = "",
    ) -> None:
        self.rid = rid
        self.ssrc, self.rtx_ssrc = new_ssrc(), new_ssrc()
        self.rtt_ms: float | None = None
        self.parameters: SendParameters | None = None
        self.gate = KeyframeGate(clock, keyframe)
        self._kind = kind
        self._codec = codec
        self._clock = clock
        self._sink = sink
        self._clock_rate = VIDEO_CLOCK_RATE if kind == "video" else AUDIO_CLOCK_RATE
        self._packetizer = payload.packetizer(codec)
        self._descriptors, self._redundancy = DescriptorWriter(), RedundancyWriter()
        self._history = SentHistory()
        self._pacer = pacer
        self._sequence, self._rtx_sequence = secrets.randbits(15), secrets.randbits(15)
        self._timeline = (Timeline if kind == "video" else SoundTimeline)(self._clock_rate)
        self._extensions: dict[int, bytes] = {}
        self._remote = ReportBlock(self.ssrc)
        self._bytes, self._rate, self._repairs = Rate(), Rate(), Rate()
        self._frames = self._keyframes = self._packets = self._octets = 0
        self._nacked = self._repaired = self._octets_repaired = self._full_requests = 0
        self._rtt_total_ms, self._rtts = 0.0, 0

    def settle(self, parameters: SendParameters | None) -> None:
        """Sends with these from now on; None: nothing more."""
        self.parameters = parameters
        if parameters is None:
            return
        named = ((parameters.mid_extension, parameters.mid), (parameters.rid_extension, self.rid))
        self._extensions = {key: name.encode() for key, name in named if key is not None and name}

    def send(self, frame: EncodedFrame, level_dbov: int | None) -> None:
        """Sends a frame; keeps its payloads for a while, and not the frame."""
        parameters = self.parameters
        packets = self._packetize(frame, parameters, level_dbov) if parameters is not None else []
        if not packets:
            return
        now_ns = self._clock.now_ns()
        self._history.add(packets, now_ns)
        self._frames += 1
        self._keyframes += frame.keyframe
        self._rate.add(now_ns)
        if self._kind == "audio":
            self._pacer.send_now(packets[0], self._leave)
        else:
            self._pacer.send(packets, self._leave)

    def _packetize(self, frame: EncodedFrame, parameters: SendParameters, level_dbov: int | None) -> list[RtpPacket]:
        stamp = self._timeline.stamp(frame)
        timestamp, payload_type, red = stamp & 0xFFFFFFFF, parameters.payload_type, parameters.red_payload_type
        extensions = self._extensions
        if level_dbov is not None and parameters.level_extension is not None:
            extensions = extensions | {parameters.level_extension: bytes([0x80 | min(max(level_dbov, 0), 127)])}
        payloads = self._packetizer.packetize(frame) if frame.data else []
        if red is not None:
            payloads = [self._redundancy.write(payload_type, data, stamp) for data in payloads]
        payload_type, ssrc = red or payload_type, self.ssrc
        packets = [
            RtpPacket(payload_type, sequence & 0xFFFF, timestamp, ssrc, data, False, extensions)
            for sequence, data in enumerate(payloads, self._sequence)
        ]
        self._sequence = (self._sequence + len(packets)) & 0xFFFF
        if packets and self._kind == "video":
            packets[-1].marker = True
        if parameters.descriptor_extension is not None:
            self._describe(frame, packets, parameters.descriptor_extension)
        return packets

    def _describe(self, frame: EncodedFrame, packets: list[RtpPacket], extension: int) -> None:
        for packet, descriptor in zip(packets, self._descriptors.describe(frame, len(packets)), strict=True):
            packet.extensions = packet.extensions | {extension: descriptor}

    def _leave(self, packets: Sequence[RtpPacket], probe: int | None) -> None:
        parameters = self.parameters
        if parameters is None:
            return
        count = self._sink.send_packets(packets, parameters.transport_cc_extension, probe)
        octets = sum([len(packet.payload) for packet in packets[:count]])
        self._packets += count
        self._octets += octets
        self._bytes.add(self._clock.now_ns(), octets)

    def _leave_again(self, packets: Sequence[RtpPacket], probe: int | None) -> None:
        if self.parameters is not None:
            self._sink.send_packets(packets, self.parameters.transport_cc_extension, probe)

    def nacked(self, lost: tuple[int, ...]) -> None:
        """Packets are asked for again: they go over the retransmission source where there is one."""
        parameters = self.parameters
        if parameters is None:
            return
        now_ns = self._clock.now_ns()
        self._nacked += len(lost)
        found = [packet for sequence in lost if (packet := self._history.repair(sequence, now_ns)) is not None]
        found = self._pacer.affordable(found)
        octets = sum(len(packet.payload) for packet in found)
        self._repaired += len(found)
        self._octets_repaired += octets
        self._repairs.add(now_ns, octets)
        if found and parameters.rtx_payload_type is not None:
            found = [self._wrapped(packet, parameters.rtx_payload_type) for packet in found]
        if found:
            self._pacer.send_again(found, self._leave_again)

    def repair_bps(self, now_ns: int) -> int:
        """What repairs took in the last second."""
        return 8 * self._repairs.per_second(now_ns)

    def _wrapped(self, packet: RtpPacket, payload_type: int) -> RtpPacket:
        self._rtx_sequence = (self._rtx_sequence + 1) & 0xFFFF
        wrapped = wrap_rtx(packet, payload_type=payload_type, ssrc=self.rtx_ssrc, sequence=self._rtx_sequence)
        parameters = self.parameters
        if self.rid and parameters is not None and parameters.repaired_rid_extension is not None:
            kept = {key: value for key, value in wrapped.extensions.items() if key != parameters.rid_extension}
            wrapped.extensions = kept | {parameters.repaired_rid_extension: self.rid.encode()}
        return wrapped

    def filler(self, size: int) -> Leaving | None:
        """Something of about this many bytes for a probe: a copy of a late packet, or padding; None without a
        retransmission source, which alone may carry it (RFC 4588), or before anything was sent."""
        parameters = self.parameters
        if parameters is None or parameters.rtx_payload_type is None or parameters.transport_cc_extension is None:
            return None
        newest = self._history.newest
        if newest is None:
            return None
        if size > _PADDING_MAX:
            packet = self._wrapped(newest, parameters.rtx_payload_type)
        else:
            packet = self._wrapped(evolve(newest, payload=b"", marker=False), parameters.rtx_payload_type)
            packet.payload, packet.padding = b"", max(size, 1)
        return Leaving((packet,), self._leave_again)

    def keyframe_requested(self, *, full: bool = False) -> None:
        """The other end asks for a keyframe; ``full``: by a Full Intra Request (RFC 5104)."""
        self._full_requests += full
        self.gate.request()

    def reported(self, block: ReportBlock, now_ntp: int) -> None:
        """What the other end received of this source."""
        self._remote = block
        passed = (ntp_middle(now_ntp) - block.lsr - block.dlsr) & 0xFFFFFFFF
        if block.lsr and passed < 0x80000000:
            self.rtt_ms = passed * 1000 / 65536
            self._rtt_total_ms += self.rtt_ms
            self._rtts += 1

    def report(self, now_ns: int, now_ntp: int) -> SenderReport | None:
        """Ties the timestamps to the wall clock; None before anything was sent."""
        timestamp = self._timeline.at(now_ns)
        if timestamp is None or not self._packets:
            return None
        return SenderReport(self.ssrc, now_ntp, timestamp & 0xFFFFFFFF, self._packets, self._octets)

    def stats(self) -> dict[str, Any]:
        """Counts since the beginning, rates over the last second, and what the other end reported."""
        now_ns = self._clock.now_ns()
        return {
            "codec": self._codec,
            "ssrc": self.ssrc,
            "frames_sent": self._frames,
            "keyframes_sent": self._keyframes,
            "packets_sent": self._packets,
            "bytes_sent": self._octets,
            "fps": self._rate.per_second(now_ns),
            "bitrate_bps": 8 * self._bytes.per_second(now_ns),
            "nacks_received": self._nacked,
            "packets_repaired": self._repaired,
            "redundant": self.parameters is not None and self.parameters.red_payload_type is not None,
            "bytes_repaired": self._octets_repaired,
            "keyframe_requests": self.gate.requests - self._full_requests,
            "full_requests": self._full_requests,
            "rtt_ms": self.rtt_ms,
            "rtt_total_ms": self._rtt_total_ms,
            "rtt_count": self._rtts,
            "remote_packets_lost": self._remote.packets_lost,
            "remote_fraction_lost": self._remote.fraction_lost / 256,
            "remote_jitter_ms": self._remote.jitter * 1000 / self._clock_rate,
        }

    def close(self) -> None:
        """Sends nothing more and leaves no timer."""
        self.parameters = None
        self._pacer.drop(self._leave)
        self._pacer.drop(self._leave_again)
        self.gate.close()


def new_ssrc() -> int:
    """A random source number, never 0."""
    return secrets.randbits(31) + 1
