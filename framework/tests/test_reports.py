"""RTCP both ways: what we report, and what the other end's reports do to our tracks."""

from __future__ import annotations

from collections.abc import Sequence

from jackfield.rtc import rtcp
from jackfield.rtc.congestion import GoogleCongestionControl
from jackfield.rtc.pacer import Pacer
from jackfield.rtc.receiver import RtpReceiver
from jackfield.rtc.reports import Reports
from jackfield.rtc.router import Router
from jackfield.rtc.rtp import RtpPacket
from jackfield.rtc.sdp import CodecParameters
from jackfield.rtc.send_stream import SendParameters
from jackfield.rtc.sender import RtpSender
from jackfield.rtc.timeline import ntp
from jackfield.rtc.twcc_format import TransportFeedback
from jackfield.testing.timers import ManualTimers
from jackfield.values.media import EncodedFrame, Kind

KEY = b"\x10\x02\x00\x9d\x01\x2a\x40\x01\xb4\x00"


class End:
    """One end's RTCP with a sender or two, and what it sent."""

    def __init__(self, *kinds: Kind) -> None:
        self.clock = ManualTimers()
        self.estimator = GoogleCongestionControl(start_bps=2_000_000)
        self.pacer = Pacer(self.clock, self.estimator)
        self.packets: list[RtpPacket] = []
        self.sent: list[rtcp.Rtcp] = []
        self.senders = [self.sender(kind, str(number)) for number, kind in enumerate(kinds)]
        self.router = Router()
        self.reports = Reports(
            self.clock, self.estimator, self.senders, self.router, lambda data: self.sent.extend(rtcp.parse(data))
        )

    def sender(self, kind: Kind, cid: str) -> RtpSender:
        codec = "VP8" if kind == "video" else "opus"
        made = RtpSender(kind, cid=cid, stream_id="s", codec=codec, clock=self.clock, sink=self, pacer=self.pacer)
        made.settle(SendParameters(cid, 96, 97 if kind == "video" else None, level_extension=1, mid_extension=4))
        return made

    def send_packets(
        self, packets: Sequence[RtpPacket], transport_cc_extension: int | None, probe: int | None = None
    ) -> int:
        self.packets += packets
        return len(packets)

    def hear(self, *packets: rtcp.Rtcp) -> None:
        self.reports.receive(rtcp.serialise(*packets))


def frame(end: End, size: int = 3000) -> EncodedFrame:
    return EncodedFrame(KEY + bytes(size), "VP8", True, end.clock.now_ns())


def test_packets_carry_what_was_agreed_on() -> None:
    """The mid, the loudness of sound, the marker on the last packet of a picture."""
    end = End("video", "audio")
    end.senders[0].send(frame(end))
    end.senders[1].send(EncodedFrame(b"\xf8", "opus", True), level_dbov=200)
    video, audio = end.packets[:-1], end.packets[-1]
    assert [packet.marker for packet in video] == [False, False, True]
    assert {packet.extensions[4] for packet in video} == {b"0"}
    assert len({packet.timestamp for packet in video}) == 1
    assert audio.extensions == {4: b"1", 1: b"\xff"}
    assert not audio.marker


def test_a_muted_track_sends_nothing_and_comes_back_with_a_keyframe() -> None:
    """The encoder hears of it when it is unmuted."""
    end, asked = End("video"), list[int]()
    sender = end.senders[0]
    sender.on_keyframe_request = lambda rid: asked.append(1)
    sender.muted = True
    sender.send(frame(end))
    assert not end.packets
    sender.muted = False
    assert asked == [1]
    sender.send(frame(end))
    assert end.packets


def test_a_nack_is_answered_over_the_retransmission_source() -> None:
    """And one for another source is nobody's."""
    end = End("video")
    sender = end.senders[0]
    sender.send(frame(end))
    lost = end.packets[1].sequence
    end.clock.advance(0.05)
    end.hear(rtcp.Nack(1, 999, (lost,)))
    assert len(end.packets) == 3
    end.hear(rtcp.Nack(1, sender.ssrc, (lost, lost, 7)))
    repair = end.packets[3]
    assert len(end.packets) == 4
    assert (repair.ssrc, repair.payload_type) == (sender.streams[0].rtx_ssrc, 97)
    assert repair.payload == lost.to_bytes(2, "big") + end.packets[1].payload


def test_requests_for_keyframes_reach_the_encoder() -> None:
    """PLI and FIR alike, one in 300 ms."""
    end, asked = End("video"), list[int]()
    end.senders[0].on_keyframe_request = lambda rid: asked.append(1)
    ssrc = end.senders[0].ssrc
    end.hear(rtcp.Pli(1, ssrc), rtcp.Pli(1, 999))
    end.hear(rtcp.Fir(1, ((ssrc, 1),)))
    assert len(asked) == 1
    end.clock.advance(1)
    assert len(asked) == 2


def test_remb_steers_video_and_leaves_room_for_sound() -> None:
    """Shared by what is sent now; small changes are kept from the encoder; its own limit holds."""
    end = End("video", "video", "audio")
    rates: list[tuple[int, int]] = []
    for number in (0, 1):
        end.senders[number].on_bitrate = lambda rid, bps, number=number: rates.append((number, bps))  # type: ignore[misc]
    end.hear(rtcp.Remb(1, 1_048_000))
    assert rates == [(0, 500_000), (1, 500_000)]
    end.hear(rtcp.Remb(1, 1_050_000))
    assert len(rates) == 2
    end.senders[0].max_bitrate_bps = 200_000
    end.hear(rtcp.Remb(1, 1_048_000))
    assert rates[2:] == [(0, 200_000), (1, 800_000)]
    end.senders[1].muted = True
    end.hear(rtcp.Remb(1, 1_000))
    assert rates[4:] == [(0, 50_000)]


def test_transport_feedback_steers_video() -> None:
    """The estimate is passed on; with it, REMB is only an upper bound."""
    end, rates = End("video"), list[int]()
    end.senders[0].on_bitrate = lambda rid, bps: rates.append(bps)
    end.hear(TransportFeedback(1, 2, 0, ((1, 1000), (2, None))))
    assert rates == [2_000_000]
    end.hear(rtcp.Remb(1, 5_000_000))
    end.hear(rtcp.Remb(1, 1_000_000))
    assert rates == [2_000_000, 1_000_000]


def test_reports_go_out_each_second() -> None:
    """A sender report that ties timestamp and wall clock, with the canonical name."""
    end = End("video")
    end.reports.begin()
    end.clock.advance(0.9)
    assert end.sent == []
    end.senders[0].send(frame(end))
    end.clock.advance(1)
    report, names = end.sent
    assert isinstance(report, rtcp.SenderReport)
    assert isinstance(names, rtcp.SourceDescription)
    assert (report.ssrc, report.packets) == (end.senders[0].ssrc, 3)
    assert names.chunks[0][0] == report.ssrc
    passed = (report.rtp_time - end.packets[0].timestamp) & 0xFFFFFFFF
    assert 0 < passed < 90_000
    end.reports.close()
    end.reports.begin()  # a handshake that ends while the connection is being closed
    end.reports.arrived(1, 2, end.clock.now_ns())
    end.clock.advance(10)
    assert len(end.sent) == 2
    assert end.clock.pending == 0


def test_the_round_trip_is_measured_from_report_blocks() -> None:
    """Now, minus when our report left, minus how long the other end held it."""
    end = End("video")
    sent = ntp() - (150 << 32) // 1000  # 150 ms ago
    held = 65536 // 10  # 100 ms
    block = rtcp.ReportBlock(end.senders[0].ssrc, 64, 12, 0, 900, sent >> 16 & 0xFFFFFFFF, held)
    end.hear(rtcp.ReceiverReport(1, (block,)))
    stats = end.senders[0].stats()
    assert 40 <= stats["rtt_ms"] <= 150
    assert (stats["remote_packets_lost"], stats["remote_fraction_lost"], stats["remote_jitter_ms"]) == (12, 0.25, 10)


def test_receivers_are_reported_with_their_last_sender_report() -> None:
    """lsr is the middle of its NTP time, dlsr how long ago it came."""
    end = End()
    receiver = RtpReceiver("audio", stream_id="s", track_id="t", clock=end.clock, feedback=end.reports)
    receiver.settle("0", [CodecParameters(111, "opus", 48_000, 2)])
    receiver.use(77, None)
    end.router.settle([receiver], frozenset())
    for number in (1, 2, 4):
        receiver.receive(RtpPacket(111, number, number * 960, 77, b"\xf8"), end.clock.now_ns())
    end.hear(rtcp.SenderReport(77, 0x1234_5678_9ABC_DEF0, 0, 1, 1))
    end.clock.advance(0.5)
    end.reports.begin()
    end.clock.advance(0.3)
    report = end.sent[0]
    assert isinstance(report, rtcp.ReceiverReport)
    block = report.reports[0]
    assert (block.ssrc, block.packets_lost, block.highest_sequence) == (77, 1, 4)
    assert block.fraction_lost == 64
    assert block.lsr == 0x5678_9ABC
    assert abs(block.dlsr - 0.7 * 65536) < 100


def test_a_sender_report_of_long_ago_is_as_none() -> None:
    """Its age would not fit after 18 hours, as of a microphone that was muted overnight; reports go on."""
    end = End()
    receiver = RtpReceiver("audio", stream_id="s", track_id="t", clock=end.clock, feedback=end.reports)
    receiver.settle("0", [CodecParameters(111, "opus", 48_000, 2)])
    receiver.use(77, None)
    end.router.settle([receiver], frozenset())
    receiver.receive(RtpPacket(111, 1, 960, 77, b"\xf8"), end.clock.now_ns())
    end.hear(rtcp.SenderReport(77, 0x1234_5678_9ABC_DEF0, 0, 1, 1))
    end.clock.advance(66_000)
    block = receiver.report()
    assert block is not None
    assert (block.lsr, block.dlsr) == (0, 0)
    end.reports.begin()
    end.clock.advance(3)
    assert sum(isinstance(each, rtcp.ReceiverReport) for each in end.sent) >= 2


def test_arrivals_are_told_within_50_ms() -> None:
    """Once for all that came meanwhile, and nothing while nothing comes."""
    end = End()
    for number in (5, 6, 8):
        end.reports.arrived(number, 77, end.clock.now_ns())
        end.clock.advance(0.01)
    end.clock.advance(0.03)
    (report,) = end.sent
    assert isinstance(report, TransportFeedback)
    assert report.media_ssrc == 77
    assert [number for number, arrival in report.arrivals if arrival is not None] == [5, 6, 8]
    end.clock.advance(10)
    assert len(end.sent) == 1
    assert end.clock.pending == 0
