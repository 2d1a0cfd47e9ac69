"""A sending and a receiving stream over a simulated network: minutes of loss in milliseconds."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest
from attrs import evolve

from jackfield.rtc.congestion import GoogleCongestionControl
from jackfield.rtc.pacer import Pacer
from jackfield.rtc.receiver import RtpReceiver
from jackfield.rtc.rtp import RtpPacket
from jackfield.rtc.sdp import CodecParameters
from jackfield.rtc.send_stream import SendParameters, SendStream
from jackfield.testing.timers import ManualTimers
from jackfield.values.media import EncodedFrame

MS = 1_000_000
KEY = b"\x10\x02\x00\x9d\x01\x2a\x40\x01\xb4\x00"
DELTA = b"\x11\x02\x00"
VIDEO = [CodecParameters(96, "VP8", 90_000), CodecParameters(97, "rtx", 90_000, 0, {"apt": "96"})]
SOUND = [CodecParameters(111, "opus", 48_000, 2), CodecParameters(63, "red", 48_000, 2, {"111/111": ""})]

Fate = Callable[[int], bool]


class Network:
    """Both directions of one path. ``drops`` says of the n-th packet whether it is lost; times are one way."""

    def __init__(self, *, drops: Fate = lambda _: False, delay_ms: float = 20, rtx: bool = True) -> None:
        self.clock = ManualTimers()
        self.drops = drops
        self.delay_s = delay_ms / 1000
        self.frames: list[tuple[int, EncodedFrame]] = []
        self.sent = 0
        self.keyframe_due = True
        self.pacer = Pacer(self.clock, GoogleCongestionControl())
        self.sender = SendStream("video", "VP8", clock=self.clock, sink=self, pacer=self.pacer, keyframe=self._keyframe)
        self.sender.settle(SendParameters("0", 96, 97 if rtx else None))
        self.receiver = RtpReceiver("video", stream_id="PA_a|TR_v", track_id="TR_v", clock=self.clock, feedback=self)
        self.receiver.settle("0", VIDEO)
        self.receiver.use(self.sender.ssrc, self.sender.rtx_ssrc)
        self.receiver.on_frame = lambda frame: self.frames.append((self.clock.now_ns(), frame))

    def _keyframe(self) -> None:
        self.keyframe_due = True

    def send_packets(
        self, packets: Sequence[RtpPacket], transport_cc_extension: int | None, probe: int | None = None
    ) -> int:
        for packet in packets:
            self.sent += 1
            if not self.drops(self.sent - 1):
                copy = evolve(packet)
                self.clock.call_later(self.delay_s, lambda copy=copy: self.receiver.receive(copy, self.clock.now_ns()))
        return len(packets)

    def send_nack(self, media_ssrc: int, lost: list[int]) -> None:
        numbers = tuple(number & 0xFFFF for number in lost)
        self.clock.call_later(self.delay_s, lambda: self.sender.nacked(numbers))

    def send_pli(self, media_ssrc: int) -> None:
        assert media_ssrc == self.sender.ssrc
        self.clock.call_later(self.delay_s, self.sender.gate.request)

    def play(self, seconds: float, *, size: int = 8000, fps: int = 30) -> None:
        """Frames are captured, with a keyframe where one was asked for."""
        for _ in range(int(seconds * fps)):
            keyframe, self.keyframe_due = self.keyframe_due, False
            data = (KEY if keyframe else DELTA) + bytes(size * (4 if keyframe else 1))
            self.sender.send(EncodedFrame(data, "VP8", keyframe, self.clock.now_ns()), None)
            self.clock.advance(1 / fps)

    def freezes_ms(self) -> list[float]:
        """The time from each frame to the next, where it was longer than it should be."""
        gaps = [(later[0] - earlier[0]) / MS for earlier, later in pairwise(self.frames)]
        return sorted(gap for gap in gaps if gap > 50)


def randomly(share: float, seed: int) -> Fate:
    chance = random.Random(seed)
    return lambda _: chance.random() < share


def script(pattern: str, *, after: int) -> Fate:
    """A dot arrives, an x is lost; before and after the pattern everything arrives."""
    return lambda number: 0 <= number - after < len(pattern) and pattern[number - after] == "x"


def test_nothing_lost_nothing_late() -> None:
    """Every frame arrives one way after it was sent; a keyframe after the pacer has spread it."""
    network = Network()
    network.play(2)
    network.clock.advance(1)
    assert len(network.frames) == 60
    assert all(arrived - frame.time_ns < 20 * MS for arrived, frame in network.frames)
    assert network.freezes_ms() == []
    assert network.receiver.stats()["nacks_sent"] == 0


@pytest.mark.parametrize("rtx", [True, False])
@pytest.mark.parametrize("pattern", ["x", "x.x", "xx", "..x..xx.", "xxxxxxxxxx"])
def test_lost_packets_are_repaired_within_two_round_trips(pattern: str, rtx: bool) -> None:
    """Over the retransmission source or over the same one; no frame is missing and no keyframe is needed."""
    network = Network(drops=script(pattern, after=100), rtx=rtx)
    network.play(2)
    network.clock.advance(1)
    assert len(network.frames) == 60
    assert max(network.freezes_ms(), default=0) <= 130
    assert sum(frame.keyframe for _, frame in network.frames) == 1


def test_a_lost_repair_is_asked_for_again() -> None:
    """The first answer is lost as well."""
    lost: set[int] = set()

    def drops(number: int) -> bool:
        return number in lost

    network = Network(drops=drops, delay_ms=10)
    network.play(1)
    original = network.sent + 3
    network.play(1 / 30)
    lost.add(network.sent + 3)
    network.play(1 / 30)
    assert original
    lost.add(network.sent + 7)
    network.play(1)
    network.clock.advance(1)
    assert len(network.frames) == 62
    assert network.receiver.stats()["packets_recovered"] >= 1


@pytest.mark.parametrize("seed", range(5))
def test_five_percent_loss_for_a_minute(seed: int) -> None:
    """Hardly a frame is missed, and no freeze is long."""
    network = Network(drops=randomly(0.05, seed), delay_ms=15)
    network.play(60)
    network.clock.advance(1)
    freezes = network.freezes_ms()
    assert len(network.frames) >= 1750
    assert max(freezes) <= 400
    beyond = [freeze for freeze in freezes if freeze > 200]
    assert len(beyond) <= 0.01 * len(network.frames)


def test_an_outage_ends_with_a_keyframe() -> None:
    """After a second with nothing at all, the picture is back within a round trip and a frame."""
    network = Network()
    network.play(2)
    before = len(network.frames)
    network.drops = lambda _: True
    network.play(1)
    network.drops = lambda _: False
    back = network.clock.now_ns()
    network.play(2)
    first_at, first = network.frames[before]
    assert first.keyframe
    assert first.lost_before > 0
    assert (first_at - back) / MS <= 200


def test_without_repair_a_keyframe_ends_the_freeze() -> None:
    """Nobody answers our NACK: the deadline passes, a PLI goes out, a keyframe comes."""
    network = Network(drops=script("x", after=200))
    network.sender.nacked = lambda lost: None  # type: ignore[method-assign]
    network.play(3)
    network.clock.advance(1)
    assert sum(frame.keyframe for _, frame in network.frames) == 2
    assert max(network.freezes_ms()) <= 300


def test_joining_in_the_middle_asks_for_a_keyframe_until_it_comes() -> None:
    """The first requests are lost; the pauses grow, and in the end it comes."""
    network = Network()
    network.keyframe_due = False
    heard = network.send_pli
    asked: list[int] = []

    def pli(media_ssrc: int) -> None:
        asked.append(network.clock.now_ns())
        if len(asked) >= 3:
            heard(media_ssrc)

    network.send_pli = pli  # type: ignore[method-assign]
    network.play(3)
    assert [round((later - earlier) / MS) for earlier, later in pairwise(asked)] == [300, 600]
    assert network.frames[0][1].keyframe
    assert network.frames[0][1].lost_before == 0


def test_a_keyframe_can_be_asked_for_at_any_time() -> None:
    """A viewer that begins in the middle gets one, once."""
    network = Network()
    network.play(1)
    for _ in range(10):
        network.receiver.request_keyframe()
    network.play(1)
    assert sum(frame.keyframe for _, frame in network.frames) == 2


def test_another_source_begins_with_a_clean_slate() -> None:
    """The m-line is reused: old packets and numbers mean nothing to the new stream, and counts go on."""
    network = Network()
    network.play(1)
    old = network.sender
    network.sender = SendStream(
        "video", "VP8", clock=network.clock, sink=network, pacer=network.pacer, keyframe=network._keyframe
    )
    network.sender.settle(SendParameters("0", 96, 97))
    network.receiver.use(network.sender.ssrc, network.sender.rtx_ssrc)
    old.close()
    network.keyframe_due = True
    network.play(1)
    network.clock.advance(1)
    frames = [frame for _, frame in network.frames]
    assert sum(frame.keyframe for frame in frames) == 2
    assert all(frame.lost_before == 0 for frame in frames)
    assert network.receiver.stats()["frames_received"] == 60


def test_numbers_and_timestamps_wrap() -> None:
    """65 535 is followed by 0, and the timestamps go on growing."""
    network = Network(drops=randomly(0.02, 1))
    network.sender._sequence = 65_500
    network.sender._timeline._stamp = network.sender._timeline._beginning = (1 << 32) - 90_000
    network.play(5)
    network.clock.advance(1)
    assert len(network.frames) == 150
    stamps = [frame.rtp_timestamp or 0 for _, frame in network.frames]
    assert all(2999 <= later - earlier <= 3001 for earlier, later in pairwise(stamps))


@pytest.mark.parametrize("seed", range(10))
def test_garbage_harms_nothing(seed: int) -> None:
    """Random payloads, numbers, timestamps and types among the packets: no error, bounded memory, and it recovers."""
    chance = random.Random(seed)
    network = Network()
    network.play(1)
    for _ in range(3000):
        packet = RtpPacket(
            chance.choice([96, 97, 111, 0]),
            chance.randrange(65_536),
            chance.randrange(1 << 32),
            network.sender.ssrc,
            chance.randbytes(chance.choice([0, 1, 2, 3, 10, 200])),
            chance.random() < 0.3,
        )
        network.receiver.receive(packet, network.clock.now_ns())
        network.clock.advance(0.001)
    before = len(network.frames)
    network.play(8)
    assert len(network.frames) > before + 30
    network.receiver.close()
    network.sender.close()
    network.clock.advance(30)
    assert network.clock.pending == 0


def test_a_consumer_that_fails_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Its error is logged and the next frame comes."""
    network = Network()

    def broken(frame: EncodedFrame) -> None:
        network.frames.append((0, frame))
        raise RuntimeError("mine")

    network.receiver.on_frame = broken
    network.play(1)
    assert len(network.frames) >= 28
    assert "RuntimeError: mine" in caplog.text


def sound(network: Network, frames: int, *, red: int | None = None, pause_at: int = -1) -> RtpReceiver:
    """Frames of 20 ms go over the network, numbered in their second byte; the receiver of them."""
    network.sender = SendStream(
        "audio", "opus", clock=network.clock, sink=network, pacer=network.pacer, keyframe=network._keyframe
    )
    network.sender.settle(SendParameters("0", 111, red_payload_type=red))
    receiver = RtpReceiver("audio", stream_id="s", track_id="t", clock=network.clock, feedback=network)
    receiver.settle("0", SOUND)
    receiver.use(network.sender.ssrc, None)
    receiver.on_frame = lambda frame: network.frames.append((network.clock.now_ns(), frame))
    network.receiver = receiver
    for number in range(frames):
        network.sender.send(EncodedFrame(bytes([0xF8, number]), "opus", True, network.clock.now_ns()), 30)
        network.clock.advance(0.02 if number != pause_at else 0.5)
    network.clock.advance(1)
    return receiver


def test_with_redundancy_a_single_lost_packet_costs_nothing() -> None:
    """Each packet brings the frame before along: it leaves in its turn. Of two in a row, the first is lost."""
    network = Network(drops=script("..x..x.x..xx...", after=20))
    stats = sound(network, 50, red=63).stats()
    assert [frame.data[1] for _, frame in network.frames] == [number for number in range(50) if number != 30]
    assert [frame.lost_before for _, frame in network.frames if frame.lost_before] == [1]
    assert (stats["frames_recovered"], stats["frames_lost"], stats["packets_lost"]) == (4, 1, 5)
    left = [at / MS for at, _ in network.frames]
    assert max(later - earlier for earlier, later in pairwise(left)) <= 41


def test_silence_that_is_not_sent_takes_its_time() -> None:
    """A frame with no data (DTX) is no packet; the next one's timestamp has moved on by it."""
    network = Network()
    receiver = sound(network, 0)
    for number in range(40):
        data = b"" if 10 <= number < 30 else b"\xf8x"
        network.sender.send(EncodedFrame(data, "opus", True, network.clock.now_ns(), duration_ns=20 * MS), 30)
        network.clock.advance(0.02)
    network.clock.advance(1)
    stamps = [(frame.rtp_timestamp or 0) // 960 for _, frame in network.frames]
    assert [stamp - stamps[0] for stamp in stamps] == [number for number in range(40) if not 10 <= number < 30]
    assert (receiver.stats()["packets_lost"], receiver.stats()["frames_lost"]) == (0, 0)


def test_redundancy_over_a_pause_is_not_taken_for_a_packet() -> None:
    """What came before a pause is older than one frame: nothing is made up of it, and nothing is missing."""
    network = Network()
    sound(network, 40, red=63, pause_at=20)
    assert [frame.data[1] for _, frame in network.frames] == list(range(40))


def test_sound_flows_with_loss_counted() -> None:
    """Frames leave evenly with `lost_before` where packets are missing; reports tell the loss."""
    network = Network(drops=script("..x..xx.", after=20))
    receiver = sound(network, 50)
    frames = [frame for _, frame in network.frames]
    assert len(frames) == 47
    assert [frame.lost_before for frame in frames if frame.lost_before] == [1, 2]
    stats = receiver.stats()
    assert (stats["frames_lost"], stats["packets_lost"], stats["delay_ms"]) == (3, 3, 20)
    report = receiver.report()
    assert report is not None
    assert report.packets_lost == 3
