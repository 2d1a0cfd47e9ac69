"""The shaped path of `jackfield bench loss`, and what is made of what a viewer saw."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from jackfield.bench.loss import plot
from jackfield.bench.loss.measure import AIORTC, COLUMNS, OFFICIAL, table
from jackfield.bench.loss.outcome import made
from jackfield.bench.loss.shaper import Burst, Conditions, Shaper
from jackfield.bench.loss.traces import TRACES, Span
from jackfield.bench.report import Figure

MS = 1_000_000
STEP_NS = 10 * MS


def offered(conditions: Conditions, count: int = 20_000, *, seed: int = 7, size: int = 1000) -> list[list[int]]:
    """What becomes of packets that are 10 ms apart: their delays in ns."""
    shaper = Shaper(seed)
    shaper.conditions = conditions
    return [[due - n * STEP_NS for due in shaper.offer(size, n * STEP_NS)] for n in range(count)]


def lost(fates: list[list[int]]) -> float:
    return sum(not fate for fate in fates) / len(fates)


def test_a_clean_path_delays_and_nothing_else() -> None:
    """Each packet once, twenty milliseconds later."""
    assert offered(Conditions(), 100) == [[20 * MS]] * 100


def test_the_same_seed_has_the_same_fate() -> None:
    """So that a trace is the same for everyone; another seed, another one."""
    conditions = Conditions(loss=0.05, jitter_ms=50, reordered=0.05, doubled=0.05)
    assert offered(conditions, 500) == offered(conditions, 500)
    assert offered(conditions, 500) != offered(conditions, 500, seed=8)


@pytest.mark.parametrize("share", [0.01, 0.05, 0.10])
def test_random_loss_has_its_share(share: float) -> None:
    """Within a tenth of it, over many packets."""
    assert lost(offered(Conditions(loss=share))) == pytest.approx(share, rel=0.15)


def test_bursts_lose_packets_in_a_row() -> None:
    """Five in a row on average, and five per cent of all."""
    fates = offered(Conditions(burst=Burst(0.0105, 0.2)), 100_000)
    runs = "".join("x" if not fate else "." for fate in fates).split(".")
    lengths = [len(run) for run in runs if run]
    assert lost(fates) == pytest.approx(0.05, rel=0.15)
    assert sum(lengths) / len(lengths) == pytest.approx(5, rel=0.15)


def test_jitter_keeps_the_order_and_overtaking_does_not() -> None:
    """Delays between 20 and 70 ms, never before one that was sent earlier; held packets come 30 ms late."""
    due = [n * STEP_NS + fate[0] for n, fate in enumerate(offered(Conditions(jitter_ms=50), 2000))]
    assert due == sorted(due)
    assert min(due[n] - n * STEP_NS for n in range(2000)) >= 20 * MS
    assert max(due[n] - n * STEP_NS for n in range(2000)) <= 70 * MS
    held = [fate for fate in offered(Conditions(reordered=0.05), 2000) if fate != [20 * MS]]
    assert set(map(tuple, held)) == {(50 * MS,)}
    assert 60 < len(held) < 140


def test_doubled_packets_come_twice_and_a_cut_path_carries_none() -> None:
    """At the same instant; and not at all."""
    assert sum(len(fate) == 2 for fate in offered(Conditions(doubled=0.05), 2000)) > 60
    assert lost(offered(Conditions(cut=True), 100)) == 1.0


def test_a_bottleneck_queues_and_drops_what_does_not_fit() -> None:
    """Twice its rate: the queue fills to 300 ms, then half is lost; when it opens again, delay is normal at once."""
    shaper = Shaper(1)
    shaper.conditions = Conditions(rate_bps=400_000, queue_ms=300)
    fates = [shaper.offer(1000, n * STEP_NS) for n in range(1000)]
    delays = [fate[0] - n * STEP_NS for n, fate in enumerate(fates) if fate]
    assert delays[0] == 40 * MS
    assert 300 * MS < max(delays) <= 345 * MS
    assert sum(not fate for fate in fates[200:]) / 800 == pytest.approx(0.5, abs=0.02)
    shaper.conditions = Conditions()
    later = 1000 * STEP_NS + 400 * MS
    assert shaper.offer(1000, later) == [later + 20 * MS]


def test_every_trace_begins_and_ends_clean() -> None:
    """Whatever it is called, and however long it lasts."""
    for seconds in (1.0, 10.0, 60.0):
        span = Span.around(seconds)
        assert span.begins < span.ends < span.over
        for trace in TRACES.values():
            (first, before), (begins, trouble), (ends, after) = trace.steps(span)
            assert (first, before, after, begins) == (0.0, Conditions(), Conditions(), span.begins)
            assert begins < ends <= span.ends
            assert trouble == trace.trouble


def seen(gap_s: float = 0.0, late_ms: float = 0.0) -> dict[str, object]:
    """What a run prints: 30 pictures a second for 25 s; from second 12 on frozen for ``gap_s``, late by ``late_ms``."""
    began, sent, pictures = 5_000_000_000, {}, []
    for number in range(750):
        at = number / 30
        sent[str(number)] = began + round(at * 1e9)
        if 12 <= at < 12 + gap_s:
            continue
        delay_ms = 25 + (late_ms if 12 <= at < 20 else 0)
        pictures.append([began + round(at * 1e9 + delay_ms * 1e6), number, 640])
    return {"began_ns": began, "sent": sent, "seen": pictures, "bytes": [10_000] * 250, "lost": 3}


def test_freezes_and_delays_are_read_from_what_was_seen() -> None:
    """A gap is one freeze, of its length; misread numbers and pictures seen twice are left out."""
    span = Span(8.0, 18.0, 25.0)
    run = seen(gap_s=0.5)
    run["seen"] += [[run["began_ns"], 999_999, 640], run["seen"][-1]]  # type: ignore[operator, index]
    outcome = made(run, span)
    assert [round(ms) for _, ms in outcome.freezes] == [533]
    assert outcome.frozen_s == pytest.approx(0.533, abs=0.01)
    assert outcome.delay_ms(0.5, span.begins, span.ends) == 25
    assert outcome.normal_after_s(span) == 0.0
    assert outcome.bitrate[0] == (0.0, 800.0)
    assert made(seen(late_ms=100), span).normal_after_s(span) == pytest.approx(2.0, abs=0.51)


def test_a_picture_that_never_comes_back_is_a_freeze_to_the_end() -> None:
    """And its delay is never normal again."""
    span = Span(8.0, 18.0, 25.0)
    outcome = made(seen(gap_s=13), span)
    assert outcome.freezes[-1][1] == pytest.approx(13_000, abs=100)
    assert outcome.normal_after_s(span) is None


def test_the_picture_of_a_trace_is_svg() -> None:
    """Well formed, with a line for each system in both panels, and nothing outside it."""
    span = Span(8.0, 18.0, 25.0)
    text = plot.drawn("5 % <lost>", {"one": made(seen(0.5), span), "two": made(seen(), span)}, span)
    root = ElementTree.fromstring(text)
    space = "{http://www.w3.org/2000/svg}"
    lines = root.findall(f"{space}polyline")
    assert len(lines) == 4
    points = [point.split(",") for line in lines for point in line.attrib["points"].split()]
    assert all(0 <= float(x) <= plot.WIDTH and 0 <= float(y) <= plot.HEIGHT for x, y in points)
    assert "5 % <lost>" in [each.text for each in root.findall(f"{space}text")]


def test_a_line_that_stays_level_is_drawn_with_few_points() -> None:
    """What can be seen of a thousand pictures that were all as late is a line between two points."""
    span = Span(8.0, 18.0, 25.0)
    text = plot.drawn("level", {"one": made(seen(), span)}, span)
    line = next(each for each in ElementTree.fromstring(text).iter("{http://www.w3.org/2000/svg}polyline"))
    assert 2 <= len(line.attrib["points"].split()) <= 4


def test_a_table_has_a_line_for_each_trace_and_system() -> None:
    """In the order in which they were measured; what never was is said."""
    figures = [
        Figure(f"loss_outage_{column.name}", column.unit, 1.26, theirs, "", peer)
        for peer, theirs in ((AIORTC, 2.0), (OFFICIAL, None))
        for column in COLUMNS
    ]
    assert table(figures)[2:] == [
        "| nothing for 500 ms | Jackfield | 1 | 1 ms | 1 ms | 1.3 s | 1 ms | 1 ms | 1.3 s |",
        "| nothing for 500 ms | stock aiortc | 2 | 2 ms | 2 ms | 2.0 s | 2 ms | 2 ms | 2.0 s |",
        "| nothing for 500 ms | official SDK | never | never | never | never | never | never | never |",
    ]
    assert table([Figure("loss_outage", "", None, None, "", AIORTC, note="no tun")]) == ["Not measured: no tun."]
