"""A subscriber whose path carries less than it wants: what is measured of the path, and what is given up for it."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace

import pytest
from livekit.protocol import models

from jackfield.rtc import rtcp
from jackfield.server.sfu.allocation import PAUSED, Wish, allocate, next_step, rooms
from jackfield.server.sfu.ceiling import Ceiling
from jackfield.server.sfu.downlink import DownTrack
from jackfield.server.sfu.history import Kept
from jackfield.server.sfu.path_estimate import PathEstimate
from jackfield.server.sfu.path_share import PathShare
from jackfield.server.sfu.uplink import Layer, UpTrack
from jackfield.testing.timers import ManualTimers

BEAT_NS = 500_000_000
A, B = Wish("a", (150_000, 500_000, 1_700_000)), Wish("b", (150_000, 500_000, 1_700_000))


@pytest.mark.parametrize(
    ("budget", "chosen"),
    [
        (None, (2, 2)),
        (10_000_000, (2, 2)),
        (2_500_000, (2, 1)),  # both get the middle before one gets the top
        (1_100_000, (1, 1)),
        (800_000, (1, 0)),
        (360_000, (0, 0)),
        (200_000, (0, PAUSED)),  # fewer pictures rather than all of them broken
        (50_000, (0, PAUSED)),  # never all of them: the budget may be wrong
    ],
)
def test_what_a_budget_buys(budget: int | None, chosen: tuple[int, int]) -> None:
    """The smallest of everybody before more of anybody, the most important first."""
    found = allocate(budget, [A, B], {"a": 0, "b": 0})
    assert (found["a"], found["b"]) == chosen


def test_a_better_layer_needs_room_to_spare_and_the_held_one_does_not() -> None:
    """Else the choice would swing with the last kilobit."""
    assert allocate(520_000, [A], {"a": 0})["a"] == 0
    assert allocate(520_000, [A], {"a": 1})["a"] == 1
    assert allocate(580_000, [A], {"a": 0})["a"] == 1


def test_what_flows_is_kept_while_the_budget_does_not_shrink() -> None:
    """A keyframe is no reason to pause; a picture that is new on a narrow path has to fit."""
    assert allocate(200_000, [A, B], {"a": 0, "b": 0}, kept={"a", "b"}) == {"a": 0, "b": 0}
    assert allocate(200_000, [A, B], {"a": 0, "b": 0}, kept={"a"}) == {"a": 0, "b": PAUSED}


@pytest.mark.parametrize(("budget", "new"), [(500_000, PAUSED), (450_000, PAUSED), (740_000, 0)])
def test_what_is_new_gets_what_the_kept_ones_leave(budget: int, new: int) -> None:
    """However important it is: else the path would get more than it carries, or what fits would stand still."""
    wishes = [Wish("a", (200_000,)), Wish("new", (250_000,)), Wish("b", (250_000,))]
    assert allocate(budget, wishes, {"a": 0, "b": 0}, kept={"a", "b"}) == {"a": 0, "new": new, "b": 0}


@pytest.mark.parametrize(
    ("chosen", "budget"),
    [
        ((2, 2), float("inf")),  # there is no more
        ((2, 1), 2_200_000 + 1.15 * 1_700_000 - 500_000),
        ((1, 0), 650_000 + 1.15 * 500_000 - 150_000),  # the cheapest step, which `allocate` finds too
        ((0, PAUSED), 150_000 + 1.15 * 150_000),  # what stands still comes first
    ],
)
def test_the_next_step(chosen: tuple[int, int], budget: float) -> None:
    """So much has to be there for anything to become better; with a little more it does."""
    held = dict(zip("ab", chosen, strict=True))
    assert next_step([A, B], held) == pytest.approx(budget)
    if budget != float("inf"):
        assert sum(allocate(round(budget) + 10, [A, B], held).values()) > sum(chosen)
        assert sum(allocate(round(budget) - 10, [A, B], held).values()) == sum(chosen)


def test_only_so_many_pictures() -> None:
    """The last of them are paused, whatever the path carries."""
    wishes = [Wish(name, (1000,)) for name in "abcd"]
    assert allocate(None, wishes, {}, most=2) == {"a": 0, "b": 0, "c": PAUSED, "d": PAUSED}
    assert allocate(1200, wishes, {}, most=2) == {"a": 0, "b": PAUSED, "c": PAUSED, "d": PAUSED}


@pytest.mark.parametrize(
    ("budget", "found"),
    [
        (None, (None, None, None)),
        (4_000_000, (None, None, None)),
        (1_000_000, (400_000, 400_000, None)),  # what the last one leaves over goes to the others
        (450_000, (150_000, 150_000, 150_000)),
        (250_000, (125_000, 125_000, 0)),  # a third of it would be of no use to anybody
        (60_000, (60_000, 0, 0)),
    ],
)
def test_the_room_for_each_picture(budget: int | None, found: tuple[float | None, ...]) -> None:
    """Equal parts of what the path carries, the most important first where they would be too small."""
    wishes = [Wish("a", (300_000,), 900_000), Wish("b", (150_000, 700_000)), Wish("c", (200_000,))]
    assert tuple(rooms(budget, wishes).values()) == found


def test_what_is_over_the_most_has_no_room() -> None:
    """However wide the path is."""
    wishes = [Wish("a", (300_000,)), Wish("b", (150_000,))]
    assert rooms(None, wishes, most=1) == {"a": None, "b": 0}
    assert rooms(200_000, wishes, most=1) == {"a": 200_000, "b": 0}


class Bottleneck:
    """A path of ``capacity_bps``: what is beyond is lost, and told a second later, as receivers do."""

    def __init__(self, capacity_bps: float) -> None:
        self.capacity_bps = capacity_bps
        self.estimate = PathEstimate()
        self.now_ns = 0
        self.budgets: list[int | None] = []
        self.lost_bits = 0.0

    def run(self, seconds: float, wanted_bps: float, layers: tuple[float, ...]) -> None:
        """The best of ``layers`` that the budget allows is sent."""
        for beat in range(round(seconds * 2)):
            budget = self.budgets[-1] if self.budgets else None
            fitting = [layer for layer in layers if budget is None or layer <= budget]
            sent = max(fitting, default=0.0)
            loss = max(0.0, 1 - self.capacity_bps / sent) if sent else 0.0
            self.lost_bits += loss * sent / 2
            if beat % 2:
                self.estimate.lost(loss)
            self.now_ns += BEAT_NS
            self.budgets.append(self.estimate.update(self.now_ns, BEAT_NS, sent, wanted_bps))


LAYERS = (150_000.0, 500_000.0, 1_700_000.0)


def test_without_loss_nothing_is_held_back() -> None:
    """Neither at the start nor later, whatever REMB says of its own height."""
    path = Bottleneck(10_000_000)
    path.estimate.remb(300_000)
    path.run(30, 1_700_000, LAYERS)
    path.estimate.remb(400_000)
    path.run(30, 1_700_000, LAYERS)
    assert set(path.budgets) == {None}


def test_loss_finds_the_path_and_its_opening_is_found_again() -> None:
    """300 kbit/s for a minute: within three seconds under it, tried again seldom; then all of it within a minute."""
    path = Bottleneck(300_000)
    path.run(4, 1_700_000, LAYERS)
    assert path.budgets[-1] is not None
    assert path.budgets[-1] <= 300_000
    path.lost_bits = 0
    path.run(60, 1_700_000, LAYERS)
    assert path.lost_bits / (60 * 150_000) < 0.35, "attempts cost little"
    path.capacity_bps = 10_000_000
    path.run(90, 1_700_000, LAYERS)
    assert path.budgets[-1] is None


def test_an_attempt_that_fails_makes_the_next_one_wait_longer() -> None:
    """A path that never opens is bothered less and less."""
    path = Bottleneck(300_000)
    path.run(300, 1_700_000, LAYERS)
    falls = [
        index
        for index in range(1, len(path.budgets))
        if (before := path.budgets[index - 1]) is not None and (path.budgets[index] or before) < before
    ]
    pauses = [after - before for before, after in pairwise(falls) if after - before > 4]
    assert len(pauses) >= 2
    assert pauses[-1] > pauses[0]


def test_a_budget_grows_as_far_as_the_next_step_and_soon_where_pictures_stand_still() -> None:
    """What was not tried is not known; eight seconds are waited for at most, whatever failed before."""
    path = Bottleneck(300_000)
    path.run(120, 1_700_000, LAYERS)
    estimate, now_ns = path.estimate, path.now_ns
    path.capacity_bps = 10_000_000
    budgets = []
    for beat in range(1, 41):
        at_ns = now_ns + beat * BEAT_NS
        budgets.append(estimate.update(at_ns, BEAT_NS, 150_000, 1_700_000, next_bps=400_000, is_short=True) or 0)
    assert budgets[-1] == 400_000, "although nothing is lost"
    assert next(beat for beat, budget in enumerate(budgets) if budget == 400_000) < 24


def test_what_came_counts_and_not_what_was_sent_again() -> None:
    """Thrice as much is sent while packets are asked for again, and a share of that is no measure of the path."""
    estimate = PathEstimate()
    estimate.lost(0.6)
    assert estimate.update(BEAT_NS, BEAT_NS, 3_000_000, 900_000, came_bps=280_000) == 266_000


def heeded(waits_ms: float, beats: int = 40) -> int | None:
    """The budget after so many half seconds, five seconds after a fall in which packets wait so long."""
    estimate, found = PathEstimate(), None
    estimate.lost(0.6)
    estimate.took(20.0, 0)
    for beat in range(1, beats + 1):
        estimate.took(20.0 + (waits_ms if beat > 10 else 0.0), beat * BEAT_NS)
        held = found is not None
        found = estimate.update(beat * BEAT_NS, BEAT_NS, 280_000, 900_000, came_bps=280_000, is_held_back=held)
    return found


def test_a_publisher_that_heeds_the_budget_is_held_back_for_a_short_queue() -> None:
    """With none it grows faster and faster; near what the path carried slowly where there is one, and not at all beyond
    forty milliseconds; a tenth of a second costs some."""
    assert heeded(5.0) is None
    assert 300_000 < (heeded(30.0) or 0) < 600_000
    assert heeded(60.0) == 276_435, "it grew once before there was a queue"
    assert heeded(150.0, 14) == round(0.95 * 0.85 * 280_000)


def test_a_path_that_loses_a_part_of_anything_costs_a_publisher_one_step() -> None:
    """Fifteen per cent are lost however little is sent, and nothing waits: the budget falls once, not to the floor."""
    estimate, sent_bps, budgets = PathEstimate(), 800_000.0, list[int | None]()
    estimate.took(20.0, 0)
    for beat in range(1, 121):
        estimate.took(20.0, beat * BEAT_NS)
        estimate.lost(0.15)
        budget = estimate.update(
            beat * BEAT_NS, BEAT_NS, sent_bps, 800_000, came_bps=0.85 * sent_bps, is_held_back=budgets[-1:] != []
        )
        budgets.append(budget)
        sent_bps = min(800_000.0, 0.85 * (budget or 800_000))
    assert min(budget or 0 for budget in budgets) == budgets[-1] == round(0.95 * 0.85 * 800_000)


def test_a_fall_is_given_time_to_show() -> None:
    """REMB goes on falling while the queue empties: that is the same congestion."""
    estimate = PathEstimate()
    for bitrate in (2_000_000, 400_000):
        estimate.remb(bitrate)
    assert estimate.update(BEAT_NS, BEAT_NS, 1_700_000, 1_700_000) == 380_000
    for beat, bitrate in ((2, 300_000), (3, 200_000), (4, 100_000)):
        estimate.remb(bitrate)
        assert estimate.update(beat * BEAT_NS, BEAT_NS, 380_000, 1_700_000) == 380_000


def test_a_remb_that_falls_is_believed() -> None:
    """A browser whose queue grows says so before anything is lost."""
    estimate = PathEstimate()
    estimate.remb(2_000_000)
    assert estimate.update(BEAT_NS, BEAT_NS, 1_700_000, 1_700_000) is None
    estimate.remb(900_000)
    assert estimate.update(2 * BEAT_NS, BEAT_NS, 1_700_000, 1_700_000) == 855_000


@pytest.mark.parametrize(
    ("rtt_ms", "loss", "budget"),
    [
        (
            7.0,
            0.0,
            None,
        ),  # a browser on a busy machine, over loopback: it said a tenth of what came, and nothing waited
        (400.0, 0.0, 190_000),  # a queue: believed
        (7.0, 0.05, 190_000),  # one too short to be seen
        (None, 0.0, 190_000),  # nobody knows
    ],
)
def test_a_remb_that_falls_is_borne_out_by_a_queue_or_loss(
    rtt_ms: float | None, loss: float, budget: int | None
) -> None:
    """Also when that is told a second after it; and it has its effect once."""
    estimate = PathEstimate()
    estimate.remb(2_000_000)
    if rtt_ms is not None:
        estimate.took(3.0, 0)
        estimate.took(3.0, BEAT_NS)
    estimate.remb(200_000)
    assert estimate.update(BEAT_NS, BEAT_NS, 1_700_000, 1_700_000) == (None if rtt_ms is not None else budget)
    if rtt_ms is not None:
        estimate.took(rtt_ms, 2 * BEAT_NS)
    estimate.lost(loss)
    found = [estimate.update(beat * BEAT_NS, BEAT_NS, 1_700_000, 1_700_000) for beat in range(2, 9)]
    assert set(found) == {budget}


@pytest.mark.parametrize(("capacity_bps", "most_ms", "seconds"), [(300_000, 12_000, 120), (1_400_000, 2_000, 20)])
def test_who_tells_no_remb_is_measured_by_round_trips(capacity_bps: int, most_ms: int, seconds: int) -> None:
    """A queue that never overflows: what is sent fits soon, not far below the path; and the queue empties."""
    estimate, queued_bits, sent_bps = PathEstimate(), 0.0, 1_700_000.0
    waits_ms, budgets = [], []
    estimate.took(20.0, 0)
    for beat in range(1, 2 * seconds):
        queued_bits = max(0.0, queued_bits + (sent_bps - capacity_bps) / 2)
        waits_ms.append(1000 * queued_bits / capacity_bps)
        if beat % 2:
            estimate.took(20 + waits_ms[-1], beat * BEAT_NS)
        budget = estimate.update(beat * BEAT_NS, BEAT_NS, sent_bps, 1_700_000)
        sent_bps = min(1_700_000.0, budget or 1_700_000.0)
        budgets.append(sent_bps)
    assert max(waits_ms) < most_ms
    assert min(waits_ms[len(waits_ms) // 2 :]) < 300
    assert min(budgets) > 0.4 * capacity_bps


def test_a_path_that_only_becomes_longer_costs_one_step() -> None:
    """From 30 to 400 ms, as on the way from one network to another: sending less does not shorten that."""
    estimate = PathEstimate()
    budgets = []
    for beat in range(1, 121):
        if beat % 2:
            estimate.took(30.0 if beat < 10 else 400.0 + beat % 7, beat * BEAT_NS)
        budgets.append(estimate.update(beat * BEAT_NS, BEAT_NS, 2_000_000, 2_000_000))
    assert min(budget for budget in budgets if budget) > 1_000_000
    assert budgets[-1] is None


def test_many_reports_hide_no_queue() -> None:
    """Of thirty pictures, each reports once a second: one every 33 ms."""
    estimate = PathEstimate()
    now_ns = 0
    for report in range(300):
        now_ns += 33_000_000
        estimate.took(20.0 if report < 100 else 500.0, now_ns)
    estimate.remb(2_000_000)
    estimate.remb(200_000)
    assert estimate.update(now_ns, BEAT_NS, 1_700_000, 1_700_000) == 190_000


@pytest.mark.parametrize(("remb_bps", "long_from", "long_to"), [(0, 5, 6), (2_000_000, 5, 20)])
def test_round_trips_that_grow_for_once_are_no_queue(remb_bps: int, long_from: int, long_to: int) -> None:
    """Nor are those of who tells a REMB, and so knows which of the two ways it is."""
    estimate = PathEstimate()
    for beat in range(1, 20):
        if remb_bps:
            estimate.remb(remb_bps)
        estimate.took(900.0 if long_from <= beat < long_to else 20.0, beat * BEAT_NS)
        assert estimate.update(beat * BEAT_NS, BEAT_NS, 500_000, 1_700_000) is None


def test_a_path_that_has_become_longer_is_no_queue_for_ever() -> None:
    """What was the shortest round trip a minute ago is forgotten."""
    estimate = PathEstimate()
    for beat in range(140):
        estimate.took(3.0 if beat < 4 else 200.0, beat * BEAT_NS)
    estimate.remb(2_000_000)
    estimate.remb(200_000)
    assert estimate.update(140 * BEAT_NS, BEAT_NS, 1_700_000, 1_700_000) is None


def test_a_remb_that_falls_above_what_is_sent_means_nothing() -> None:
    """It bounds what was never tried."""
    estimate = PathEstimate()
    for number, bitrate in enumerate((2_000_000, 900_000), 1):
        estimate.remb(bitrate)
        assert estimate.update(number * BEAT_NS, BEAT_NS, 300_000, 300_000) is None


class Meeting:
    """One subscriber of several simulcast pictures; the wires are cut open and time is ours."""

    def __init__(self, count: int, last_n: int = 0) -> None:
        self.clock = ManualTimers()
        self.paused: dict[str, bool] = {}
        self.share = PathShare(self.clock, last_n, self.paused.update)
        self.downs: dict[str, DownTrack] = {}
        self.owners: dict[str, SimpleNamespace] = {}
        self.layers: list[Layer] = []
        self.sent_bits = 0
        self.sequences: list[int] = []
        for index in range(count):
            self.add(f"TR_{index}")

    def add(self, sid: str, source: models.TrackSource = models.TrackSource.CAMERA) -> None:
        track = UpTrack(
            kind="video", codec="VP8", payload_type=96, clock_rate=90000, clock=self.clock,
            send_rtcp=lambda data: None, feedback_ssrc=1, rids=("q", "h", "f"),
        )  # fmt: skip
        down = DownTrack(
            track, payload_type=96, rtx_payload_type=97,
            send_rtp=lambda header, body: self.sequences.append(int.from_bytes(header[2:4], "big")),
            send_rtcp=lambda data: None, clock=self.clock, cname="x",
        )  # fmt: skip
        self.owners[sid] = SimpleNamespace(spoke_at=0.0)
        self.layers += [track.layer(rid, index) for index, rid in enumerate(track.rids)]
        publication = SimpleNamespace(sid=sid, owner=self.owners[sid], info=models.TrackInfo(source=source))
        self.downs[sid] = down
        self.share.add(publication, down)  # type: ignore[arg-type]
        down.enable()

    def beat(self, times: int = 1, *, sent_bps: float = 1_000_000) -> None:
        """Half a second in which every layer flows."""
        for _ in range(times):
            self.clock.advance(0.5)
            for layer in self.layers:
                layer.heard_ns = self.clock.now_ns()
                layer.forwarded += round({"q": 150_000, "h": 500_000, "f": 1_700_000}[layer.rid] / 16)
                layer.measure(self.clock.now_ns())
            self.sent_bits += round(sent_bps / 2)
            self.share.decide(self.sent_bits)

    def lose(self, share: float) -> None:
        for down in self.downs.values():
            if down.track.layers:
                down.switch(down.track.layers["f"], 1, self.kept())
                self.share.reported(down, down.received(rtcp.ReportBlock(down.ssrc, round(share * 256))))

    @staticmethod
    def kept() -> object:
        return SimpleNamespace(arrival_ns=1, timestamp=1, descriptor=None)

    @property
    def allowed(self) -> list[int]:
        return [min(down.allowed, down.wanted) for down in self.downs.values()]


def test_a_subscriber_that_loses_half_gets_smaller_pictures_and_then_fewer() -> None:
    """Everything is given until it reports loss; its client is told what pauses and what goes on."""
    meeting = Meeting(2)
    meeting.beat(4, sent_bps=3_400_000)
    assert meeting.allowed == [2, 2]
    meeting.lose(0.78)
    meeting.beat(sent_bps=3_400_000)
    assert meeting.allowed == [1, 0]
    meeting.beat(4, sent_bps=700_000)
    meeting.lose(0.7)
    meeting.beat(sent_bps=700_000)
    assert meeting.allowed == [0, PAUSED]
    assert meeting.paused == {"TR_1": True}
    meeting.beat(200, sent_bps=150_000)
    assert meeting.allowed == [2, 2]
    assert meeting.paused == {"TR_1": False}


def test_what_is_sent_again_gets_half_of_a_narrow_path() -> None:
    """On a full path it is lost again, and keeps it full."""
    found = []
    for lost in (0.0, 0.9):
        meeting = Meeting(1)
        down, layer = meeting.downs["TR_0"], meeting.layers[2]
        meeting.beat(4, sent_bps=1_700_000)
        meeting.lose(lost)
        meeting.beat(sent_bps=1_700_000)
        for number in range(1, 101):
            kept = Kept(meeting.clock.now_ns(), number, 0, b"", b"x", None, b"x")
            layer.history.put(number, kept)
            down.forward(number, kept)
        down.resend(tuple(meeting.sequences))
        found.append(down.retransmitted)
    assert found == [100, 9], found


def test_screens_and_speakers_come_first() -> None:
    """With room for two of four: the screen that came last, and who spoke last."""
    meeting = Meeting(3, last_n=2)
    meeting.add("TR_screen", models.TrackSource.SCREEN_SHARE)
    meeting.owners["TR_2"].spoke_at = 7.0
    meeting.beat()
    assert meeting.allowed == [PAUSED, PAUSED, 2, 2]
    meeting.owners["TR_0"].spoke_at = 8.0
    meeting.beat()
    assert meeting.allowed == [2, PAUSED, PAUSED, 2]
    assert meeting.paused == {"TR_0": False, "TR_1": True, "TR_2": True}


def test_who_comes_late_to_a_narrow_path_does_not_flood_it() -> None:
    """A new picture begins with its smallest layer; one that is too many does not begin."""
    meeting = Meeting(1, last_n=2)
    meeting.beat(4, sent_bps=1_700_000)
    meeting.lose(0.5)
    meeting.beat(sent_bps=1_700_000)
    meeting.add("TR_late")
    assert meeting.downs["TR_late"].allowed == 0
    meeting.add("TR_more")
    assert meeting.downs["TR_more"].allowed == PAUSED


def test_a_wish_for_more_is_met_at_once_where_nothing_is_short() -> None:
    """It does not wait for the next half second."""
    meeting = Meeting(1)
    down = meeting.downs["TR_0"]
    down.want(0, disabled=False)
    meeting.beat()
    down.want(2, disabled=False)
    assert meeting.allowed == [2]


def test_a_single_layer_has_the_room_of_the_path_until_it_is_wide_again() -> None:
    """Its publisher heeds it after a second, and what it would send else is not forgotten meanwhile."""
    clock, sent_bps, budgets = ManualTimers(), 800_000.0, []
    track = UpTrack(
        kind="video", codec="VP8", payload_type=96, clock_rate=90000, clock=clock,
        send_rtcp=lambda data: None, feedback_ssrc=1,
    )  # fmt: skip
    layer, share = track.layer("", 1), PathShare(clock, 0, lambda changed: None)
    down = DownTrack(
        track, payload_type=96, rtx_payload_type=97, send_rtp=lambda header, body: None,
        send_rtcp=lambda data: None, clock=clock, cname="x",
    )  # fmt: skip
    publication = SimpleNamespace(sid="TR", owner=SimpleNamespace(spoke_at=0.0), info=models.TrackInfo())
    share.add(publication, down)  # type: ignore[arg-type]
    down.enable()
    down.switch(layer, 1, Meeting.kept())  # type: ignore[arg-type]
    ceiling, sent_bits = Ceiling(), 0
    for beat in range(160):
        capacity_bps = 300_000 if 8 <= beat < 80 else 5_000_000
        clock.advance(0.5)
        layer.heard_ns = clock.now_ns()
        layer.forwarded += round(sent_bps / 16)
        layer.measure(clock.now_ns())
        if beat % 2:
            lost = max(0.0, 1 - capacity_bps / sent_bps)
            share.reported(down, down.received(rtcp.ReportBlock(down.ssrc, round(lost * 256))))
        sent_bits += round(sent_bps / 2)
        share.decide(sent_bits)
        most_bps = ceiling.look([track])
        if beat % 2:
            sent_bps = min(800_000.0, most_bps or 800_000.0)
        budgets.append(sent_bps)
    assert min(budgets[:8]) == 800_000
    narrow = budgets[14:80]
    assert max(narrow) < 450_000, "attempts do not go far"
    assert sum(narrow) / len(narrow) > 200_000
    assert sum(rate > 310_000 for rate in narrow) < len(narrow) / 3
    assert budgets[120:] == [800_000] * 40
    assert (down.room_bps, ceiling.bps) == (None, None)
