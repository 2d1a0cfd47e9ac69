"""One remote track."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from attrs import evolve

from jackfield.log_limit import limited_logger
from jackfield.media.clock import Clock
from jackfield.media.statistics import Rate
from jackfield.rtc import payload
from jackfield.rtc.codecs import canonical, is_red_of
from jackfield.rtc.history import unwrap_rtx
from jackfield.rtc.link import ignore
from jackfield.rtc.payload import red
from jackfield.rtc.receive_stream import AudioStream, Feedback, ReceiveStream, VideoStream
from jackfield.rtc.rtcp import ReportBlock, SenderReport
from jackfield.rtc.rtp import RtpPacket
from jackfield.rtc.sdp import CodecParameters
from jackfield.rtc.timeline import ntp_middle, ntp_ns
from jackfield.values.media import AUDIO_CLOCK_RATE, VIDEO_CLOCK_RATE, EncodedFrame, Kind

logger = limited_logger(__name__)
#: Between two requests for a keyframe while nothing has come yet.
_ASK_PAUSE_NS = 300_000_000
_COUNTED = (
    *("packets_received", "bytes_received", "packets_retransmitted", "bytes_retransmitted", "packets_redundant"),
    *("frames_received", "keyframes_received", "emitted", "buffered_ns"),
)


class RtpReceiver:
    """One remote track, made by `SubscriberPeer`. ``on_frame`` gets each encoded frame, in order, on the event loop.

    ``codec`` is that of the last packet; frames carry their own. ``participant_sid`` and ``track_sid`` are LiveKit's,
    from the msid; ``stream_id`` and ``track_id`` are the msid's two parts as they are.
    """

    def __init__(self, kind: Kind, *, stream_id: str, track_id: str, clock: Clock, feedback: Feedback) -> None:
        self.kind = kind
        self.stream_id = stream_id
        self.track_id = track_id
        self.mid = ""
        self.codec = ""
        self.ssrc: int | None = None
        self.rtx_ssrc: int | None = None
        self.on_frame: Callable[[EncodedFrame], None] = ignore
        self._clock = clock
        self._feedback = feedback
        self._codecs: Mapping[int, str] = {}
        self._repairs: Mapping[int, int] = {}
        self._redundant: frozenset[int] = frozenset()
        self._stream: ReceiveStream | None = None
        self._past: Counter[str] = Counter()
        self._report: tuple[int, int] | None = None
        self._anchor: tuple[int, int] | None = None
        self._counts: Counter[str] = Counter(dict.fromkeys(_COUNTED, 0))
        self._bytes, self._frames = Rate(), Rate()
        self._ask_again_ns = 0
        self._closed = False

    @property
    def participant_sid(self) -> str:
        """Whose track it is: the msid's stream up to the bar."""
        return self.stream_id.partition("|")[0]

    @property
    def track_sid(self) -> str:
        """Which track it is: the msid's track, else its stream after the bar."""
        return self.track_id or self.stream_id.partition("|")[2]

    # --- negotiated -------------------------------------------------------------------------------------------------
    def settle(self, mid: str, codecs: list[CodecParameters]) -> None:
        """The section and payload types it uses from now on."""
        self.mid = mid
        known = {codec.payload_type: canonical(codec.name) or "" for codec in codecs if not codec.is_rtx}
        self._codecs = {number: name for number, name in known.items() if name in payload.CODECS}
        self._repairs = {codec.payload_type: codec.apt for codec in codecs if codec.is_rtx and codec.apt is not None}
        self._redundant = frozenset(codec.payload_type for codec in codecs if is_red_of(codec, self._codecs))
        if self.codec not in self._codecs.values():
            self.codec = next(iter(self._codecs.values()), "")

    def use(self, ssrc: int | None, rtx_ssrc: int | None) -> None:
        """It comes from these sources from now on; another source than before begins with a clean slate."""
        if ssrc != self.ssrc:
            self._end_stream()
            self._report = self._anchor = None
        self.ssrc, self.rtx_ssrc = ssrc, rtx_ssrc

    def accepts(self, payload_type: int) -> bool:
        """Whether this payload type was agreed on."""
        return payload_type in self._codecs or payload_type in self._repairs or payload_type in self._redundant

    def repairs(self, payload_type: int) -> bool:
        """Whether this payload type carries retransmissions."""
        return payload_type in self._repairs

    # --- media ------------------------------------------------------------------------------------------------------
    def receive(self, packet: RtpPacket, arrival_ns: int) -> None:
        """Takes a packet of its source or of the source that repairs it."""
        if self._closed:
            return
        self._counts["packets_received"] += 1
        self._counts["bytes_received"] += len(packet.payload)
        self._bytes.add(arrival_ns, len(packet.payload))
        repairs = self._repairs.get(packet.payload_type)
        if repairs is not None:
            self._counts["packets_retransmitted"] += 1
            self._counts["bytes_retransmitted"] += len(packet.payload)
            original = unwrap_rtx(packet, payload_type=repairs, ssrc=self.ssrc or 0)
            if original is not None and self._stream is not None:
                self._stream.receive(original, arrival_ns, repaired=True)
            return
        if packet.payload_type in self._redundant and packet.payload:
            self._receive_redundant(packet, arrival_ns)
            return
        codec = self._codecs.get(packet.payload_type)
        if codec is not None:
            self._stream_of(codec, packet.ssrc).receive(packet, arrival_ns, repaired=False)

    def _receive_redundant(self, packet: RtpPacket, arrival_ns: int) -> None:
        try:
            *earlier, own = red.unpack(packet.payload)
        except ValueError:
            return
        self._counts["packets_redundant"] += 1
        codec = self._codecs.get(own.payload_type)
        if codec is None:
            return
        stream = self._stream_of(codec, packet.ssrc)
        if isinstance(stream, AudioStream):
            plain = evolve(packet, payload_type=own.payload_type, payload=own.data)
            known = [block for block in earlier if self._codecs.get(block.payload_type) == codec]
            stream.receive(plain, arrival_ns, repaired=False, earlier=known)

    def request_keyframe(self) -> None:
        """A keyframe is asked for until it comes, at most every 300 ms."""
        if self._stream is not None:
            self._stream.request_keyframe()
        elif self.kind == "video" and self.ssrc is not None:
            now_ns = self._clock.now_ns()
            if now_ns >= self._ask_again_ns:
                self._ask_again_ns = now_ns + _ASK_PAUSE_NS
                self._feedback.send_pli(self.ssrc)

    def hold_sound(self, wanted_ns: int) -> int:
        """Sound waits so much longer than it need, from step to step; answers how much it does by now."""
        return self._stream.hold(wanted_ns) if isinstance(self._stream, AudioStream) else 0

    def _stream_of(self, codec: str, ssrc: int) -> ReceiveStream:
        stream = self._stream
        if stream is None or stream.codec != codec:
            self._end_stream()
            self.codec = codec
            kind = VideoStream if self.kind == "video" else AudioStream
            stream = kind(codec, ssrc, clock=self._clock, feedback=self._feedback, deliver=self._deliver)
            self._stream = stream
        return stream

    def _end_stream(self) -> None:
        if self._stream is not None:
            self._past.update(self._stream.counts())
            self._stream.close()
            self._stream = None

    def _deliver(self, frame: EncodedFrame) -> None:
        self._counts["frames_received"] += 1
        self._counts["keyframes_received"] += frame.keyframe
        now_ns = self._clock.now_ns()
        self._frames.add(now_ns)
        units = 1 if self.kind == "video" else frame.duration_ns * AUDIO_CLOCK_RATE // 1_000_000_000
        self._counts["emitted"] += units
        self._counts["buffered_ns"] += units * max(0, now_ns - frame.time_ns)
        if self._anchor is not None and frame.rtp_timestamp is not None:
            frame = evolve(frame, captured_ns=self._captured_ns(frame.rtp_timestamp, *self._anchor))
        try:
            self.on_frame(frame)
        except Exception:
            logger.exception("a frame of %s was not taken", self.track_sid)

    # --- reports ----------------------------------------------------------------------------------------------------
    def reported(self, report: SenderReport) -> None:
        """The sender tied its timestamps to its wall clock."""
        self._report = (ntp_middle(report.ntp_time), self._clock.now_ns())
        self._anchor = ntp_ns(report.ntp_time), report.rtp_time

    def _captured_ns(self, timestamp: int, wall_ns: int, at: int) -> int:
        """When this timestamp was, by the sender's clock, which stood at ``wall_ns`` at another (RFC 3550, 6.4.1)."""
        rate = VIDEO_CLOCK_RATE if self.kind == "video" else AUDIO_CLOCK_RATE
        passed = ((timestamp - at + 0x80000000) & 0xFFFFFFFF) - 0x80000000
        return wall_ns + passed * 1_000_000_000 // rate

    def report(self) -> ReportBlock | None:
        """What came since the last report; None before anything did."""
        if self._stream is None or self.ssrc is None:
            return None
        reception = self._stream.reception
        lsr, seen_ns = self._report or (0, self._clock.now_ns())
        delay = (self._clock.now_ns() - seen_ns) * 65536 // 1_000_000_000
        if delay > 0xFFFFFFFF:  # 18 hours: as long as no report was ever seen (RFC 3550 section 6.4.1)
            lsr = 0
        return ReportBlock(
            self.ssrc,
            reception.fraction_lost(),
            reception.lost,
            reception.highest,
            reception.jitter,
            lsr,
            delay if lsr else 0,
        )

    def stats(self) -> dict[str, Any]:
        """Counts since the beginning, rates over the last second, and how things are at this moment."""
        now_ns = self._clock.now_ns()
        known: dict[str, Any] = {
            "kind": self.kind,
            "codec": self.codec,
            "ssrc": self.ssrc,
            "fps": self._frames.per_second(now_ns),
            "bitrate_bps": 8 * self._bytes.per_second(now_ns),
        }
        counts = Counter(self._counts)
        counts.update(self._past)
        if self._stream is not None:
            counts.update(self._stream.counts())
            known |= self._stream.gauges()
            known["packets_lost"] = self._stream.reception.lost
            known["jitter_ms"] = self._stream.reception.jitter_ms
        return known | counts

    def close(self) -> None:
        """Delivers nothing more and leaves no timer."""
        self._closed = True
        self._end_stream()
