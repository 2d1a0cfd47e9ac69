"""`jackfield bench loss`: each trace over our call, stock aiortc and the official SDK, one after the other."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

from jackfield.bench import runs
from jackfield.bench.loss import outcome, plot
from jackfield.bench.loss.outcome import Outcome
from jackfield.bench.loss.traces import TRACES, Span, Trace
from jackfield.bench.report import Figure, machine

AIORTC, OFFICIAL = "stock aiortc, no server", "livekit (official Python SDK), same server"
SYSTEMS: Mapping[str, str] = {"ours": "Jackfield", "aiortc": AIORTC, "official": OFFICIAL}
_SHORT: Mapping[str, str] = {"ours": "Jackfield", "aiortc": "stock aiortc", "official": "official SDK"}
_SYSTEM_OF: Mapping[str, str] = {AIORTC: "aiortc", OFFICIAL: "official"}
_SETUP_S = 150.0
Say = Callable[[str], None]


@frozen
class Column:
    """One figure of an outcome; None where there is nothing to tell."""

    name: str
    unit: str
    of: Callable[[Outcome, Span], float | None]


def _trouble(share: float) -> Callable[[Outcome, Span], float | None]:
    return lambda found, span: found.delay_ms(share, span.begins, span.ends)


COLUMNS = (
    Column("freezes", "", lambda found, span: float(len(found.freezes))),
    Column("freeze_p50", "ms", lambda found, span: found.freeze_ms(0.50)),
    Column("freeze_p99", "ms", lambda found, span: found.freeze_ms(0.99)),
    Column("frozen", "s", lambda found, span: found.frozen_s),
    Column("delay_p50", "ms", _trouble(0.50)),
    Column("delay_p95", "ms", _trouble(0.95)),
    Column("delay_normal_after", "s", lambda found, span: found.normal_after_s(span)),
)


def loss(
    seconds: int, say: Say, *, traces: Sequence[str] = (), side: str = "down", plots: Path | None = None
) -> Iterator[Figure]:
    """Freezes, delay and bitrate over each trace. ``plots``: a folder for a picture of each, and a table of all."""
    if missing := runs.no_network():
        for name in traces or TRACES:
            yield Figure(f"loss_{name}", "", None, None, machine(), AIORTC, note=missing)
        return
    span, load = Span.around(seconds), os.getloadavg()[0]
    figures: list[Figure] = []
    for name in traces or tuple(TRACES):
        trace, found = TRACES[name], {}
        for system in SYSTEMS:
            say(f"{name} ({trace.what}): {SYSTEMS[system]}")
            found[system] = outcome.made(one(system, name, seconds, side), span)
        figures += (these := list(_figures(trace, found, span, side, load)))
        yield from these
        if plots is not None:
            _draw(plots, trace, found, span, side)
            (plots / f"loss-{side}.md").write_text("\n".join(table(figures)) + "\n", encoding="utf-8")


def one(system: str, name: str, seconds: float, side: str) -> dict[str, Any]:
    """One trace with one system, in a network of its own."""
    module = [sys.executable, "-m", "jackfield.bench.loss.run"]
    limit_s = Span.around(seconds).over + _SETUP_S
    return runs.in_own_network([*module, system, name, "--seconds", str(seconds), "--side", side], limit_s)


def _figures(trace: Trace, found: Mapping[str, Outcome], span: Span, side: str, load: float) -> Iterator[Figure]:
    where = "viewer" if side == "down" else "sender"
    conditions = (
        f"{trace.lasts(span):g} s of trouble, both ways, between the {where} and the others; 20 ms each way; "
        f"VP8 360p30; load {load:.1f} at the beginning; {machine()}"
    )
    for column in COLUMNS:
        ours = column.of(found["ours"], span)
        for peer in ("aiortc", "official"):
            theirs = column.of(found[peer], span)
            note = "" if theirs is not None else "it never was"
            yield Figure(
                f"loss_{trace.name}_{column.name}", column.unit, ours, theirs, conditions, SYSTEMS[peer], note=note
            )


def _draw(folder: Path, trace: Trace, found: Mapping[str, Outcome], span: Span, side: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    title = trace.what + (", before the sender" if side == "up" else "")
    name = f"loss-{trace.name.removeprefix('loss-')}" + ("-up" if side == "up" else "")
    troubled = Span(span.begins, span.begins + trace.lasts(span), span.over)
    shown = {_SHORT[system]: each for system, each in found.items()}
    (folder / f"{name}.svg").write_text(plot.drawn(title, shown, troubled), encoding="utf-8")


def table(figures: Iterable[Figure]) -> list[str]:
    """These as a table for a page, a line for each trace and system."""
    cells: dict[tuple[str, str], dict[str, str]] = {}
    for figure in figures:
        trace, _, column = figure.name.removeprefix("loss_").partition("_")
        if not column:
            return [f"Not measured: {figure.note}."]
        for system, value in (("ours", figure.ours), (_SYSTEM_OF[figure.peer_name], figure.peer)):
            cells.setdefault((trace, system), {})[column] = _cell(column, value)
    lines = [
        f"| {TRACES[trace].what} | {_SHORT[system]} | {' | '.join(found[column.name] for column in COLUMNS)} |"
        for (trace, system), found in cells.items()
    ]
    return [*HEAD, *lines]


def _cell(name: str, value: float | None) -> str:
    column = next(column for column in COLUMNS if column.name == name)
    return "never" if value is None else f"{value:.{1 if column.unit == 's' else 0}f} {column.unit}".rstrip()


HEAD = (
    "| trace | who | freezes | p50 | p99 | frozen | delay p50 | p95 | normal after |",
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
)
