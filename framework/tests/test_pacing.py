"""The way out of a connection: what leaves at once, what is spread, what overtakes what, and probes."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define, field

from jackfield.rtc.bandwidth import Probe
from jackfield.rtc.pacer import DRAIN_S, PACKETS_MAX, Leaving, Pacer
from jackfield.rtc.rtp import RtpPacket
from jackfield.rtc.twcc_format import TransportFeedback
from jackfield.testing.timers import ManualTimers


@define
class Estimate:
    """What is known of the path, set by hand."""

    target_bps: int = 1_000_000
    is_informed: bool = True
    wanted_bps: int = 0
    due: Probe | None = None
    ended: list[int] = field(factory=list)

    def sent(self, first: int, sizes: Sequence[int], now_ns: int, probe: int | None = None) -> None:
        """Nothing is learnt of it."""

    def feedback(self, report: TransportFeedback, now_ns: int) -> None:
        """Nor of this."""

    def tick(self, now_ns: int) -> None:
        """Nor of time."""

    def path_changed(self) -> None:
        """Nor of a change."""

    def probe_due(self, now_ns: int) -> Probe | None:
        """One, once."""
        due, self.due = self.due, None
        return due

    def probe_ended(self, number: int) -> None:
        """Noted."""
        self.ended.append(number)


class Out:
    """A pacer on a clock that stands still, and what left when: instants in ms, sequence numbers, probes."""

    def __init__(self, **known: object) -> None:
        self.clock, self.estimate = ManualTimers(0), Estimate(**known)  # type: ignore[arg-type]
        self.left: list[tuple[float, int, int | None]] = []
        self.pacer = Pacer(self.clock, self.estimate, self.filler)

        self.calls = 0

    def leave(self, packets: Sequence[RtpPacket], probe: int | None) -> None:
        self.calls += 1
        self.left += [(self.clock.now_ns() / 1e6, packet.sequence, probe) for packet in packets]

    def filler(self, size: int) -> Leaving | None:
        return Leaving((RtpPacket(97, 9999, 0, 2, bytes(size)),), self.leave)

    def send(self, first: int, count: int, size: int = 1200, *, repair: bool = False) -> None:
        packets = [RtpPacket(96, first + n, 0, 1, bytes(size - 40)) for n in range(count)]
        if repair:
            self.pacer.send_again(self.pacer.affordable(packets), self.leave)
        else:
            self.pacer.send(packets, self.leave)

    @property
    def order(self) -> list[int]:
        return [sequence for _, sequence, _ in self.left]


def test_an_ordinary_picture_leaves_at_once() -> None:
    """What the estimate allows in a thirtieth of a second is not held up, leaves at one go, and no timer is set."""
    out = Out(target_bps=1_700_000)
    for number in range(0, 60, 6):
        out.send(number, 6)  # 1.7 Mbit/s at 30 a second
        assert (len(out.left), out.calls) == (number + 6, number // 6 + 1)
        assert out.clock.pending == 0
        out.clock.advance(1 / 30)


def test_a_keyframe_is_spread_at_a_multiple_of_the_estimate() -> None:
    """In order, at two and a half times what the path carries."""
    out = Out(target_bps=2_000_000)
    out.send(0, 60)
    assert 8 <= len(out.left) <= 10
    out.clock.advance(1)
    assert out.order == list(range(60))
    bps = (60 - 9) * 1200 * 8 / (out.left[-1][0] / 1000)
    assert 4_500_000 < bps < 5_600_000
    assert out.clock.pending == 0


def test_a_path_with_room_to_spare_takes_a_keyframe_at_once() -> None:
    """Or within a third of a picture's time: 60 kB where twice what is wanted was found to pass."""
    out = Out(target_bps=4_000_000, wanted_bps=2_000_000)
    out.send(0, 50)
    assert len(out.left) >= 33
    out.clock.advance(0.1)
    assert len(out.left) == 50
    assert out.left[-1][0] < 11


def test_nothing_waits_long_on_a_narrow_path() -> None:
    """A keyframe that the estimate would need two seconds for has left a good quarter of a second later or so."""
    out = Out(target_bps=150_000)
    out.send(0, 30)
    out.clock.advance(3)
    assert len(out.left) == 30
    assert out.left[-1][0] < 4 * DRAIN_S * 1000


def test_what_is_beyond_all_measure_leaves_at_once() -> None:
    """What may wait is bounded, whatever the estimate; the rest leaves in order at the next step."""
    out = Out(target_bps=150_000)
    out.send(0, PACKETS_MAX)
    began = len(out.left)
    out.send(PACKETS_MAX, 1000)
    out.clock.advance(0.001)
    assert began < 100
    assert 1000 <= len(out.left) < 1100
    assert out.order == list(range(len(out.left)))


def test_the_first_keyframe_does_not_wait_for_an_estimate() -> None:
    """Before anything is known of the path, 36 kB leave at once."""
    out = Out(is_informed=False, target_bps=300_000)
    out.send(0, 30)
    assert len(out.left) == 30


def test_sound_overtakes_repairs_and_these_pictures() -> None:
    """Whatever waits."""
    out = Out(target_bps=500_000)
    out.send(0, 50)
    began = len(out.left)
    out.send(100, 2, repair=True)
    out.pacer.send_now(RtpPacket(111, 200, 0, 3, bytes(80)), out.leave)
    assert out.order[began:] == [200]
    out.clock.advance(1)
    assert out.order[began + 1 : began + 3] == [100, 101]
    assert sorted(out.order) == [*range(50), 100, 101, 200]


def test_repairs_have_their_share_and_no_more() -> None:
    """Half of the estimate, however much is asked for again; what goes beyond it is not sent."""
    out = Out(target_bps=400_000)
    for hundredth in range(1000):
        out.send(hundredth, 2, repair=True)
        out.clock.advance(0.01)
    assert 0.9 * 250_000 < 1200 * len(out.left) < 1.2 * 250_000


def test_a_probe_is_filled_up_and_ends() -> None:
    """A small packet, then media, then what fills it, at the probe's rate; then pictures go on as before."""
    out = Out(target_bps=500_000, due=Probe(7, 2_000_000))
    out.send(0, 2)
    out.clock.advance(0.1)
    assert out.order[:3] == [9999, 0, 1]
    probed = [entry for entry in out.left if entry[2] == 7]
    assert len(probed) == 5
    assert {sequence for _, sequence, _ in probed} == {0, 1, 9999}
    assert 10 <= probed[-1][0] - probed[0][0] <= 25
    assert out.estimate.ended == [7]
    assert out.clock.pending == 0


def test_a_probe_with_nothing_to_fill_it_is_over() -> None:
    """It does not wait for media that does not come."""
    out = Out(due=Probe(7, 2_000_000))
    out.filler = lambda size: None  # type: ignore[method-assign]
    out.pacer = Pacer(out.clock, out.estimate, lambda size: None)
    out.send(0, 1)
    out.clock.advance(0.1)
    assert (out.order, out.estimate.ended, out.clock.pending) == ([0], [7], 0)


def test_what_a_sender_leaves_behind_is_dropped() -> None:
    """A track that is over sends nothing more; the others' packets stay, and a closed pacer has no timer."""
    out = Out(target_bps=500_000)
    out.send(0, 50)
    began = len(out.left)
    others = list[int]()
    out.pacer.send(
        [RtpPacket(96, 77, 0, 5, bytes(1160))], lambda packets, probe: others.extend(each.sequence for each in packets)
    )
    out.pacer.drop(out.leave)
    out.clock.advance(1)
    assert (len(out.left), others) == (began, [77])
    out.send(0, 50)
    out.pacer.close()
    assert out.clock.pending == 0
