"""The forwarding path: what subscribers get is continuous, whatever publishers send and however layers change."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from jackfield.rtc import rtcp, rtp
from jackfield.rtc.payload import red
from jackfield.server.sfu.descriptor import Descriptor, locate, shift
from jackfield.server.sfu.downlink import DownTrack
from jackfield.server.sfu.uplink import Layer, UpTrack
from jackfield.testing.timers import ManualTimers

KEY = b"\x10\x00\x9d\x01\x2a"  # a VP8 payload that begins a keyframe: S=1, PID=0, then P=0
DELTA = b"\x10\x01\x00\x00"
PT, RTX_PT = 96, 97


class Bench:
    """A publisher's track and one subscriber of it, with the wires cut open."""

    def __init__(self, kind: str = "video", rids: tuple[str, ...] = (), rtx: int = RTX_PT) -> None:
        self.clock = ManualTimers()
        self.up: list[rtcp.Rtcp] = []
        self.down: list[rtp.RtpPacket] = []
        self.reports: list[rtcp.Rtcp] = []
        codec, rate = ("VP8", 90000) if kind == "video" else ("opus", 48000)
        self.track = UpTrack(
            kind=kind,  # type: ignore[arg-type]
            codec=codec,
            payload_type=120,
            clock_rate=rate,
            clock=self.clock,
            send_rtcp=lambda data: self.up.extend(rtcp.parse(data)),
            feedback_ssrc=9,
            rids=rids,
        )
        self.rtx = rtx
        self.subscriber = self.subscribe()

    def take(self, header: bytes, body: bytes) -> None:
        self.down.append(rtp.parse(header + body))

    def subscribe(self) -> DownTrack:
        down = DownTrack(
            self.track,
            payload_type=PT,
            rtx_payload_type=self.rtx,
            send_rtp=self.take,
            send_rtcp=lambda data: self.reports.extend(rtcp.parse(data)),
            clock=self.clock,
            cname="PA_x",
        )
        down.enable()
        return down

    def send(
        self,
        layer: Layer,
        sequence: int,
        timestamp: int,
        payload: bytes = DELTA,
        *,
        marker: bool = True,
        padding: int = 0,
    ) -> None:
        packet = rtp.RtpPacket(120, sequence, timestamp, layer.ssrc, payload, marker, padding=padding)
        layer.receive(rtp.serialise(packet), self.clock.now_ns())

    def frames(self, layer: Layer, sequence: int, timestamp: int, count: int = 5, *, key: bool = True) -> None:
        """One-packet frames at 30 a second, the first of them a keyframe."""
        for index in range(count):
            payload = KEY if key and index == 0 else DELTA
            self.send(layer, (sequence + index) & 0xFFFF, (timestamp + 3000 * index) & 0xFFFFFFFF, payload)
            self.clock.advance(1 / 30)

    def out(self, read: Callable[[rtp.RtpPacket], int]) -> list[int]:
        unwrapper = rtp.TimestampUnwrapper() if read is TIMESTAMP else rtp.SequenceUnwrapper()
        numbers = [unwrapper.unwrap(read(packet)) for packet in self.down]
        return [number - numbers[0] for number in numbers]

    def asked(self, kind: type) -> int:
        return sum(isinstance(packet, kind) for packet in self.up)


def TIMESTAMP(packet: rtp.RtpPacket) -> int:
    return packet.timestamp


def SEQUENCE(packet: rtp.RtpPacket) -> int:
    return packet.sequence


def test_nothing_is_sent_before_the_answer() -> None:
    """Not one packet of a track goes out before `enable`, and then a keyframe comes first (gotcha 3)."""
    bench = Bench()
    bench.subscriber.close()
    bench.subscriber = DownTrack(
        bench.track, payload_type=PT, rtx_payload_type=RTX_PT, send_rtp=bench.take,
        send_rtcp=lambda data: None, clock=bench.clock, cname="PA_x",
    )  # fmt: skip
    layer = bench.track.layer("", 1)
    bench.frames(layer, 10, 0)
    assert bench.down == []
    assert bench.asked(rtcp.Pli) == 0
    bench.subscriber.enable()
    assert bench.asked(rtcp.Pli) == 1
    bench.frames(layer, 15, 15000, key=False)
    assert bench.down == []
    bench.frames(layer, 20, 30000)
    assert [packet.payload for packet in bench.down] == [KEY, DELTA, DELTA, DELTA, DELTA]


def test_headers_are_rewritten_and_nothing_else() -> None:
    """Payload type and SSRC are the subscriber's; payload and marker are the publisher's; extensions are left out."""
    bench = Bench()
    layer = bench.track.layer("", 1)
    packet = rtp.RtpPacket(120, 7, 500, 1, KEY, True, {3: b"\x00\x01", 4: b"0"})
    layer.receive(rtp.serialise(packet), bench.clock.now_ns())
    (got,) = bench.down
    assert (got.payload_type, got.ssrc, got.payload, got.marker) == (PT, bench.subscriber.ssrc, KEY, True)
    assert got.extensions == {}


def test_another_payload_type_is_not_forwarded() -> None:
    """What was not agreed on (comfort noise, FEC) is dropped."""
    bench = Bench("audio")
    layer = bench.track.layer("", 1)
    layer.receive(rtp.serialise(rtp.RtpPacket(13, 7, 500, 1, b"noise")), bench.clock.now_ns())
    assert bench.down == []


def test_padding_is_dropped_and_its_gap_closed() -> None:
    """The Rust SDK sends a thousand padding packets a second in simulcast: none is forwarded and none is missed."""
    bench = Bench()
    layer = bench.track.layer("", 1)
    bench.send(layer, 1, 0, KEY)
    for sequence in range(2, 50):
        bench.send(layer, sequence, 0, b"", padding=200)
    bench.send(layer, 50, 3000)
    assert bench.out(SEQUENCE) == [0, 1]
    assert bench.asked(rtcp.Nack) == 0


def test_lost_padding_that_comes_late_is_padding_for_subscribers_too() -> None:
    """They have seen the gap; a padding packet fills it."""
    bench = Bench()
    layer = bench.track.layer("", 1)
    bench.send(layer, 1, 0, KEY)
    bench.send(layer, 3, 3000)
    bench.send(layer, 2, 0, b"", padding=200)
    assert bench.out(SEQUENCE) == [0, 2, 1]
    assert (bench.down[2].payload, bench.down[2].padding) == (b"", 1)


def test_a_gap_is_asked_for_at_once() -> None:
    """The publisher gets a NACK with the packet that shows the gap."""
    bench = Bench()
    layer = bench.track.layer("", 1)
    bench.send(layer, 1, 0, KEY)
    bench.send(layer, 4, 3000)
    assert [packet.lost for packet in bench.up if isinstance(packet, rtcp.Nack)] == [(2, 3)]


def test_audio_is_not_asked_for() -> None:
    """It is concealed sooner than it could come."""
    bench = Bench("audio")
    layer = bench.track.layer("", 1)
    bench.send(layer, 1, 0, b"a")
    bench.send(layer, 4, 3000, b"b")
    assert bench.up == []
    assert bench.out(SEQUENCE) == [0, 3]


def test_retransmissions_are_unwrapped_and_passed_on_once() -> None:
    """What comes on the RTX SSRC takes its place; a copy of what came already is a probe."""
    bench = Bench()
    layer = bench.track.layer("", 1)
    bench.send(layer, 1, 0, KEY)
    bench.send(layer, 3, 6000)
    for original, payload in ((2, DELTA), (2, DELTA), (1, KEY), (3, DELTA)):
        repair = rtp.RtpPacket(121, 900, 3000, 2, original.to_bytes(2, "big") + payload, True)
        layer.receive_repair(rtp.serialise(repair), bench.clock.now_ns())
    layer.receive_repair(rtp.serialise(rtp.RtpPacket(121, 901, 3000, 2, b"", padding=100)), bench.clock.now_ns())
    assert bench.out(SEQUENCE) == [0, 2, 1]
    assert bench.down[2].timestamp - bench.down[0].timestamp in (3000, 3000 - (1 << 32))


def simulcast() -> tuple[Bench, Layer, Layer, Layer]:
    bench = Bench(rids=("q", "h", "f"))
    layers = [bench.track.layer(rid, ssrc) for rid, ssrc in (("q", 11), ("h", 12), ("f", 13))]
    return bench, *layers  # type: ignore[return-value]


def test_the_top_layer_is_taken_from_its_keyframe() -> None:
    """A subscriber that wants everything waits for the top layer's keyframe and gets no other layer's packets."""
    bench, q, h, f = simulcast()
    bench.frames(q, 1, 0)
    assert bench.subscriber.feeding is None
    bench.frames(f, 1, 0)
    assert bench.subscriber.feeding is f
    count = len(bench.down)
    bench.frames(h, 1, 0)
    assert len(bench.down) == count


def test_layers_change_with_no_jump_in_numbers_or_times() -> None:
    """Two layers with numbers and clocks of their own make one stream: next number, and the time that passed."""
    bench, q, _, f = simulcast()
    bench.frames(f, 65533, 4294960000)
    bench.subscriber.want(0, disabled=False)
    bench.frames(f, 65538 & 0xFFFF, (4294960000 + 15000) & 0xFFFFFFFF, key=False)
    assert bench.subscriber.feeding is f, "the old layer goes on until the new one's keyframe"
    bench.frames(q, 700, 123456)
    assert bench.subscriber.feeding is q
    assert bench.out(SEQUENCE) == list(range(15))
    assert bench.out(TIMESTAMP) == pytest.approx([3000 * n for n in range(15)], abs=3)


def vp8(picture: int, base: int, *, key: bool = False) -> bytes:
    """A VP8 payload with a long picture id and a TL0PICIDX."""
    return bytes([0x90, 0xE0, 0x80 | picture >> 8, picture & 0xFF, base, 0x20, 0 if key else 1])


def test_pictures_are_counted_on_across_layers() -> None:
    """Picture ids and base frame numbers go on by one: libwebrtc takes a stale one for a frame that never comes."""
    bench, q, _, f = simulcast()
    bench.send(f, 1, 0, vp8(0x7FFE, 254, key=True))
    bench.send(f, 2, 3000, vp8(0x7FFF, 255))
    bench.subscriber.want(0, disabled=False)
    bench.send(q, 1, 0, vp8(100, 250, key=True))
    bench.send(q, 2, 3000, vp8(101, 251))
    numbers = [((p.payload[2] & 0x7F) << 8 | p.payload[3], p.payload[4]) for p in bench.down]
    assert numbers == [(0x7FFE, 254), (0x7FFF, 255), (0, 0), (1, 1)]
    assert [p.payload[5:] for p in bench.down] == [b"\x20\x00", b"\x20\x01"] * 2
    bench.subscriber.resend((bench.down[3].sequence,))
    assert bench.down[-1].payload[2:] == bench.down[3].payload


def test_pictures_are_counted_on_across_a_pause() -> None:
    """What others were sent meanwhile leaves no hole in this subscriber's count."""
    bench = Bench()
    layer = bench.track.layer("", 1)
    bench.send(layer, 1, 0, vp8(10, 5, key=True))
    bench.subscriber.want(0, disabled=True)
    bench.send(layer, 2, 3000, vp8(300, 200))
    bench.subscriber.want(0, disabled=False)
    bench.send(layer, 3, 6000, vp8(301, 201, key=True))
    assert [(p.payload[3], p.payload[4]) for p in bench.down] == [(10, 5), (11, 6)]


@pytest.mark.parametrize(
    ("codec", "payload", "shifted"),
    [
        ("VP8", b"\x90\x80\x7f\x00", b"\x90\x80\x00\x00"),  # a short picture id alone
        ("VP8", b"\x90\xc0\x80\xff\x09\x00", b"\x90\xc0\x81\x00\x0b\x00"),
        ("VP8", b"\x90\x40\x09\x00", b"\x90\x40\x0b\x00"),  # no picture id
        ("VP9", b"\xa8\x80\xff\x20\x09\x00", b"\xa8\x81\x00\x20\x0b\x00"),
        ("VP9", b"\xb8\x80\xff\x20\x09\x00", b"\xb8\x81\x00\x20\x09\x00"),  # flexible mode has no base number
        ("VP9", b"\x88\x05\x00", b"\x88\x06\x00"),
    ],
)
def test_numbers_in_descriptors_are_moved(codec: str, payload: bytes, shifted: bytes) -> None:
    """Where they stand depends on flags; nothing else is touched."""
    found = locate(codec, payload)
    assert found is not None
    assert shift(payload, found, 1, 2) == shifted


@pytest.mark.parametrize("payload", [b"", b"\x10", b"\x90", b"\x90\x80", b"\x90\xc0\x80", b"\x90\x40"])
def test_descriptors_that_do_not_hold_are_left_alone(payload: bytes) -> None:
    """A payload too short for what its flags promise goes on as it is."""
    assert locate("VP8", payload) is None
    assert locate("H264", payload) is None
    assert locate("VP9", payload[:1]) in (None, Descriptor(0, 0, 0, 0, 0))


def test_the_publishers_clock_aligns_layers_exactly() -> None:
    """With sender reports of both layers the times after a switch are the publisher's, not our arrival times."""
    bench, q, _, f = simulcast()
    second = 1 << 32
    now_ns = bench.clock.now_ns()
    f.sender_report(rtcp.SenderReport(f.ssrc, 5 * second, 90000, 0, 0), now_ns)
    q.sender_report(rtcp.SenderReport(q.ssrc, 6 * second, 4000, 0, 0), now_ns)
    bench.frames(f, 1, 90000 + 90000)  # at 6 s of the publisher's clock
    bench.subscriber.want(0, disabled=False)
    bench.clock.advance(0.04)  # jitter of arrival
    bench.send(q, 900, 4000 + 15000, KEY)  # 15000 ticks after 6 s: the sixth frame
    assert bench.out(TIMESTAMP) == [0, 3000, 6000, 9000, 12000, 15000]


def test_a_late_beginning_of_a_keyframe_brings_what_overtook_it() -> None:
    """When the keyframe's first packet is retransmitted, the rest of it follows from the history."""
    bench = Bench()
    bench.send(layer := bench.track.layer("", 1), 1, 0)
    bench.send(layer, 3, 3000, b"\x00rest", marker=False)
    bench.send(layer, 4, 3000, b"\x00end")
    bench.send(layer, 2, 3000, KEY, marker=False)
    assert [packet.payload for packet in bench.down] == [KEY, b"\x00rest", b"\x00end"]
    assert bench.out(SEQUENCE) == [0, 1, 2]


def test_a_layer_that_dies_is_replaced() -> None:
    """When the top layer falls silent, the best that flows takes over, and gives way again when it is back."""
    bench, q, _, f = simulcast()
    bench.frames(f, 1, 0)
    for _ in range(12):
        bench.frames(q, 1 + q.window.received, 3000 * q.window.received)
        bench.subscriber.retarget()
    assert bench.subscriber.feeding is q
    bench.frames(f, 6, 300000)
    bench.subscriber.retarget()
    bench.frames(f, 11, 315000)
    assert bench.subscriber.feeding is f
    steps = [b - a for a, b in zip(bench.out(SEQUENCE), bench.out(SEQUENCE)[1:], strict=False)]
    assert set(steps) == {1}


def test_mute_and_unmute_leave_no_gap() -> None:
    """While muted nothing is forwarded, even if it comes; after it a keyframe carries on with the next number."""
    bench = Bench()
    layer = bench.track.layer("", 1)
    bench.frames(layer, 1, 0)
    bench.track.mute(True)
    bench.frames(layer, 6, 15000)
    assert len(bench.down) == 5
    bench.clock.advance(10)
    bench.track.mute(False)
    assert bench.asked(rtcp.Pli) == 2
    bench.frames(layer, 11, 915000 + 15000)
    assert bench.out(SEQUENCE) == list(range(10))
    assert bench.out(TIMESTAMP)[5] == pytest.approx(930000, abs=3)


def test_a_paused_subscription_gets_nothing() -> None:
    """`disabled` in the track settings stops it; enabled again it waits for a keyframe."""
    bench = Bench()
    layer = bench.track.layer("", 1)
    bench.frames(layer, 1, 0)
    bench.subscriber.want(0, disabled=True)
    bench.frames(layer, 6, 15000)
    bench.subscriber.want(0, disabled=False)
    bench.frames(layer, 11, 30000, key=False)
    assert len(bench.down) == 5
    bench.frames(layer, 16, 45000)
    assert len(bench.down) == 10


def test_a_source_that_changes_its_ssrc_goes_on() -> None:
    """A publisher that begins anew under another SSRC is one continuous stream for subscribers."""
    bench = Bench()
    bench.frames(bench.track.layer("", 1), 1, 0)
    bench.frames(bench.track.layer("", 2), 5000, 777)
    assert bench.out(SEQUENCE) == list(range(10))
    assert bench.out(TIMESTAMP)[5] == pytest.approx(15000, abs=3)


def test_keyframe_requests_are_throttled_with_one_after() -> None:
    """However many ask, the publisher gets one PLI now and one 300 ms later (gotcha 20)."""
    bench = Bench()
    layer = bench.track.layer("", 1)
    assert bench.asked(rtcp.Pli) == 1
    for _ in range(50):
        bench.subscriber.request_keyframe()
        bench.subscribe()
    assert bench.asked(rtcp.Pli) == 1
    bench.clock.advance(0.3)
    assert bench.asked(rtcp.Pli) == 2
    bench.clock.advance(5)
    assert bench.asked(rtcp.Pli) == 2
    assert layer.keyframe_requests == 2


def test_one_who_wants_keyframes_all_the_time_is_heard_ever_more_seldom() -> None:
    """Each costs all the others bitrate; a while of quiet, and it is heard at once again."""
    bench = Bench()
    layer = bench.track.layer("", 1)
    bench.frames(layer, 10, 0)
    asked = bench.asked(rtcp.Pli)
    for _ in range(200):
        bench.subscriber.request_keyframe()
        bench.clock.advance(0.1)
    assert bench.asked(rtcp.Pli) - asked <= 10  # of 66 that the layer's own limit lets through in 20 s
    other = bench.subscribe()
    bench.clock.advance(0.4)
    asked = bench.asked(rtcp.Pli)
    other.request_keyframe()
    assert bench.asked(rtcp.Pli) == asked + 1
    bench.clock.advance(10)
    asked = bench.asked(rtcp.Pli)
    bench.subscriber.request_keyframe()
    assert bench.asked(rtcp.Pli) == asked + 1


@pytest.mark.parametrize("jump", [3000, -5000])
def test_after_an_outage_that_nobody_can_repair_pictures_go_on_with_a_keyframe(jump: int) -> None:
    """To subscribers nothing is missing, so nothing else tells them that what follows refers to what never came."""
    bench = Bench()
    layer = bench.track.layer("", 1)
    bench.frames(layer, 20_000, 0)
    asked = bench.asked(rtcp.Pli)
    bench.frames(layer, 20_005 + jump, 300_000, 6, key=False)
    assert len(bench.down) == 5
    assert bench.asked(rtcp.Pli) > asked
    bench.frames(layer, 20_011 + jump, 400_000)
    assert [packet.payload for packet in bench.down[5:]] == [KEY, DELTA, DELTA, DELTA, DELTA]
    assert bench.out(SEQUENCE)[:6] == list(range(6))


def test_nacks_are_answered_from_history_as_rtx() -> None:
    """The retransmission has its own SSRC and numbers, the original's number in front, and the rewritten time."""
    bench = Bench()
    bench.frames(bench.track.layer("", 1), 1, 0)
    wanted = bench.down[2]
    bench.subscriber.resend((wanted.sequence,))
    repair = bench.down[-1]
    assert (repair.payload_type, repair.ssrc) == (RTX_PT, bench.subscriber.rtx_ssrc)
    assert repair.payload == wanted.sequence.to_bytes(2, "big") + wanted.payload
    assert (repair.timestamp, repair.marker) == (wanted.timestamp, wanted.marker)


def test_nacks_are_answered_without_rtx_too() -> None:
    """Where no RTX was agreed, the packet itself is sent again."""
    bench = Bench(rtx=0)
    bench.frames(bench.track.layer("", 1), 1, 0)
    wanted = bench.down[2]
    bench.subscriber.resend((wanted.sequence,))
    assert bench.down[-1] == wanted


def test_nacks_across_a_layer_change_find_the_right_layer() -> None:
    """What was sent before the switch comes from the old layer's history."""
    bench, q, _, f = simulcast()
    bench.frames(f, 1, 0, 3)
    bench.subscriber.want(0, disabled=False)
    second = bench.subscribe()  # somebody else keeps the top layer's history alive
    second.want(2, disabled=False)
    bench.frames(q, 700, 0, 3)
    mine = [packet for packet in bench.down if packet.ssrc == bench.subscriber.ssrc]
    bench.subscriber.resend((mine[1].sequence, mine[4].sequence))
    assert [packet.timestamp for packet in bench.down[-2:]] == [mine[1].timestamp, mine[4].timestamp]


def test_repeated_and_hostile_nacks_are_bounded() -> None:
    """One packet goes out again once in 15 ms, and all of them only so often a second."""
    bench = Bench()
    bench.subscriber.close()
    bench.subscriber = DownTrack(
        bench.track, payload_type=PT, rtx_payload_type=RTX_PT, send_rtp=bench.take,
        send_rtcp=lambda data: None, clock=bench.clock, cname="PA_x", retransmissions_per_second=10,
    )  # fmt: skip
    bench.subscriber.enable()
    bench.frames(bench.track.layer("", 1), 1, 0, 30)
    sequences = tuple(packet.sequence for packet in bench.down)
    bench.subscriber.resend((sequences[0], sequences[0]))
    assert len(bench.down) == 31
    bench.subscriber.resend(sequences)
    bench.subscriber.resend(tuple(range(0, 65536, 7)))
    assert len(bench.down) == 40
    bench.clock.advance(1.1)
    bench.subscriber.resend(sequences[-3:])
    assert len(bench.down) == 43


def test_history_is_bounded_by_time() -> None:
    """What is older than a second and a half is not kept, nor anything once nobody is fed."""
    bench = Bench()
    layer = bench.track.layer("", 1)
    bench.frames(layer, 1, 0, 300)
    assert 40 < len(layer.history) < 50
    bench.subscriber.close()
    assert len(layer.history) == 0


def test_sender_reports_are_rewritten() -> None:
    """The wall clock is the publisher's, the RTP time the subscriber's, and counts are what we sent (gotcha 21)."""
    bench = Bench()
    layer = bench.track.layer("", 1)
    bench.frames(layer, 1, 90000)
    now_ns = bench.clock.now_ns()
    layer.sender_report(rtcp.SenderReport(1, 7 << 32, 90000, 99, 999), now_ns)
    report = next(packet for packet in bench.reports if isinstance(packet, rtcp.SenderReport))
    assert (report.ssrc, report.ntp_time, report.packets) == (bench.subscriber.ssrc, 7 << 32, 5)
    assert report.rtp_time == bench.down[0].timestamp
    assert any(isinstance(packet, rtcp.SourceDescription) for packet in bench.reports)


def test_a_new_subscriber_hears_of_the_clocks_at_once() -> None:
    """The last report, brought forward to now, comes with its first packet; audio's next one may be seconds away."""
    bench = Bench("audio")
    layer = bench.track.layer("", 1)
    layer.sender_report(rtcp.SenderReport(1, 7 << 32, 48000, 0, 0), bench.clock.now_ns())
    bench.clock.advance(0.5)
    bench.send(layer, 1, 48000 + 24000, b"a")
    (report,) = [packet for packet in bench.reports if isinstance(packet, rtcp.SenderReport)]
    assert report.ntp_time == (7 << 32) + (1 << 31)
    assert report.rtp_time == bench.down[0].timestamp


def test_receiver_reports_give_loss_and_round_trip() -> None:
    """The round trip is from the report we sent, though its clock is the publisher's."""
    bench = Bench()
    layer = bench.track.layer("", 1)
    bench.frames(layer, 1, 0)
    layer.sender_report(rtcp.SenderReport(1, 7 << 32, 0, 0, 0), bench.clock.now_ns())
    bench.clock.advance(0.060)
    block = rtcp.ReportBlock(bench.subscriber.ssrc, 64, 3, 5, 0, 7 << 16, round(0.010 * 65536))
    bench.subscriber.received(block)
    assert bench.subscriber.reception.loss == 0.25
    assert bench.subscriber.reception.rtt_ms == pytest.approx(50, abs=0.1)


def test_publishers_get_receiver_reports() -> None:
    """They carry loss, jitter and the publisher's own last report."""
    bench = Bench()
    layer = bench.track.layer("", 1)
    for sequence in (1, 2, 4):
        bench.send(layer, sequence, 3000 * sequence)
        bench.clock.advance(1 / 30)
    layer.sender_report(rtcp.SenderReport(1, 0x1234_5678_9ABC_DEF0, 0, 0, 0), bench.clock.now_ns())
    bench.clock.advance(0.5)
    block = layer.report_block(bench.clock.now_ns())
    assert (block.fraction_lost, block.packets_lost, block.highest_sequence) == (64, 1, 4)
    assert (block.lsr, block.dlsr) == (0x5678_9ABC, 32768)


def test_the_dependency_descriptor_is_forwarded_for_av1() -> None:
    """AV1's SVC cannot be decoded without it; it goes on under our id, in front of the payload."""
    bench = Bench()
    bench.track.descriptor_id = 12
    layer = bench.track.layer("", 1)
    long = bytes(range(40))
    for sequence, value in ((1, b"\x80\x00\x01"), (2, long)):
        packet = rtp.RtpPacket(120, sequence, 0, 1, KEY, True, {3: b"\x00\x01", 12: value})
        layer.receive(rtp.serialise(packet), bench.clock.now_ns())
    assert [packet.extensions for packet in bench.down] == [{1: b"\x80\x00\x01"}, {1: long}]
    bench.subscriber.resend((bench.down[1].sequence,))
    assert bench.down[-1].extensions == {1: long}
    assert bench.down[-1].payload[2:] == KEY


@pytest.mark.parametrize("data", [b"\x80\x78", b"\x9f\x78" + bytes(10), b"\xb0\x78" + bytes(10) + b"\xff" * 4])
def test_a_malformed_packet_is_a_value_error(data: bytes) -> None:
    """Nothing else escapes; the connection counts it and goes on."""
    bench = Bench()
    with pytest.raises((ValueError, IndexError)):
        bench.track.layer("", 1).receive(data, 0)


def test_padding_longer_than_the_packet_is_padding() -> None:
    """A length that cannot be is no reason to forward a header as payload."""
    bench = Bench()
    layer = bench.track.layer("", 1)
    bench.send(layer, 1, 0, KEY)
    layer.receive(b"\xa0\x78\x00\x02" + bytes(8) + KEY + b"\xff", bench.clock.now_ns())
    assert len(bench.down) == 1


def test_asking_for_what_was_never_sent_is_bounded() -> None:
    """Numbers that are looked up in vain count as well: a flood of them costs no more than so many a second."""
    bench = Bench()
    bench.subscriber.close()
    bench.subscriber = DownTrack(
        bench.track, payload_type=PT, rtx_payload_type=RTX_PT, send_rtp=bench.take,
        send_rtcp=lambda data: None, clock=bench.clock, cname="PA_x", retransmissions_per_second=10,
    )  # fmt: skip
    bench.subscriber.enable()
    bench.frames(bench.track.layer("", 1), 1, 0, 5)
    sent = bench.down[-1].sequence
    bench.subscriber.resend(tuple((sent + number) & 0xFFFF for number in range(1000, 1100)))
    bench.subscriber.resend((sent,))
    assert len(bench.down) == 5
    bench.clock.advance(1.1)
    bench.subscriber.resend((sent,))
    assert len(bench.down) == 6


@pytest.mark.parametrize(("takes", "payload_type"), [(63, 63), (None, PT)])
def test_redundant_audio_reaches_those_who_take_it_and_others_as_plain_sound(
    takes: int | None, payload_type: int
) -> None:
    """Its blocks bear the payload type that Opus has towards subscribers; what does not hold goes to nobody."""
    bench = Bench("audio")
    bench.track.red_payload_type = 110
    bench.subscriber.red_payload_type = takes
    layer = bench.track.layer("", 1)
    earlier, own = red.Block(120, 960, b"before"), red.Block(120, 0, b"now")
    for number, payload in enumerate((red.pack([earlier, own]), red.pack([own]))):
        layer.receive(rtp.serialise(rtp.RtpPacket(110, number, 960 * number, 1, payload)), 0)
    with pytest.raises(ValueError, match="cut short"):
        layer.receive(rtp.serialise(rtp.RtpPacket(110, 2, 1920, 1, b"\xf8\x0f\x00\x06\x78ab")), 0)
    assert [packet.payload_type for packet in bench.down] == [payload_type] * 2
    heard = [red.unpack(packet.payload) if takes else [packet.payload] for packet in bench.down]
    there = [red.Block(111, 960, b"before"), red.Block(111, 0, b"now")]
    assert heard == ([there, there[1:]] if takes else [[b"now"], [b"now"]])
