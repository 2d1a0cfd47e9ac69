"""A trace as a picture: freezes, delay and bitrate over time, one line a system, as SVG (https://www.w3.org/TR/SVG2/)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import pairwise

from jackfield.bench.loss.outcome import Outcome
from jackfield.bench.loss.traces import Span

WIDTH, HEIGHT, LEFT, RIGHT, TOP = 900, 560, 64, 20, 56
#: The upper panel has the delay, the lower one the bitrate; a strip between them the freezes.
_DELAY, _FREEZES, _BITRATE = (TOP, 190), (TOP + 214, 60), (TOP + 284, 180)
#: Whoever is later than that is drawn at the top.
_DELAY_MAX = 2000.0
#: A line that leaves its height by less is drawn level.
_SEEN = 0.7
COLOURS = ("#1f6fd6", "#d6631f", "#3a8f3a")
_STYLE = (
    "text{font:13px sans-serif;fill:#333}.t{font-size:16px;font-weight:bold}.s{font-size:11px;fill:#666}"
    "line.g{stroke:#ddd}line.a{stroke:#888}"
)
Series = Sequence[tuple[float, float]]


class _Panel:
    """One set of axes: seconds across, values up."""

    def __init__(self, top: float, height: float, length_s: float, most: float, label: str) -> None:
        self._top, self._height, self._length_s, self._most = top, height, length_s, most
        self.parts = [f'<text class="s" x="{LEFT}" y="{top - 6}">{escape(label)}</text>']
        for value in _ticks(most):
            y = self._y(value)
            self.parts.append(f'<line class="g" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
            self.parts.append(f'<text class="s" x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')

    def line(self, values: Series, colour: str) -> None:
        """A line through these; what is above the axis is drawn at its top."""
        places = [(_x(at, self._length_s), self._y(min(value, self._most))) for at, value in values]
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in _bends(places))
        self.parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.4"/>')

    def _y(self, value: float) -> float:
        return self._top + self._height * (1 - value / self._most)


def drawn(title: str, outcomes: Mapping[str, Outcome], span: Span) -> str:
    """The whole picture; trouble is shaded."""
    length_s = span.over
    begins, ends = _x(span.begins, length_s), _x(span.ends, length_s)
    bottom = _BITRATE[0] + _BITRATE[1]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}">',
        f"<style>{_STYLE}</style>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<rect x="{begins:.1f}" y="{TOP}" width="{ends - begins:.1f}" height="{bottom - TOP}" fill="#f3ede4"/>',
        f'<text class="t" x="{LEFT}" y="24">{escape(title)}</text>',
        *_legend(outcomes),
    ]
    late, rates = [each.delays for each in outcomes.values()], [_smooth(each.bitrate) for each in outcomes.values()]
    delay = _Panel(*_DELAY, length_s, min(_DELAY_MAX, _most(late, 0.995)), "delay of each picture, ms")
    bitrate = _Panel(*_BITRATE, length_s, _most(rates, 1.0), "towards the viewer, kbit/s")
    for colour, delays, rate in zip(COLOURS, late, rates, strict=False):
        delay.line(delays, colour)
        bitrate.line(rate, colour)
    parts += [*delay.parts, *bitrate.parts, *_freezes(outcomes, length_s), *_seconds(length_s, bottom), "</svg>"]
    return "\n".join(parts) + "\n"


def _bends(places: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Those at which the line goes up or down by anything that can be seen, and both ends: the others are most."""
    kept = list(places[:1])
    for place, following in pairwise(places[1:]):
        if max(abs(place[1] - kept[-1][1]), abs(following[1] - place[1])) >= _SEEN:
            kept.append(place)
    return kept + list(places[1:][-1:])


def _legend(outcomes: Mapping[str, Outcome]) -> list[str]:
    parts, x = [], LEFT + 450
    for colour, name in zip(COLOURS, outcomes, strict=False):
        parts.append(f'<rect x="{x}" y="13" width="14" height="14" fill="{colour}"/>')
        parts.append(f'<text x="{x + 20}" y="25">{escape(name)}</text>')
        x += 36 + 7 * len(name)
    return parts


def _freezes(outcomes: Mapping[str, Outcome], length_s: float) -> list[str]:
    top, height = _FREEZES
    parts = [f'<text class="s" x="{LEFT}" y="{top - 2}">freezes</text>']
    row = height / max(1, len(outcomes)) - 3
    for number, (colour, outcome) in enumerate(zip(COLOURS, outcomes.values(), strict=False)):
        y = top + 4 + number * (row + 2)
        for ended, ms in outcome.freezes:
            x = _x(max(0.0, ended - ms / 1000), length_s)
            wide = max(1.5, _x(ended, length_s) - x)
            parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{row:.1f}" fill="{colour}"/>')
    return parts


def _seconds(length_s: float, bottom: float) -> list[str]:
    parts = [f'<line class="a" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{bottom}" y2="{bottom}"/>']
    for second in range(0, int(length_s) + 1, 5 if length_s > 15 else 1):
        x = _x(second, length_s)
        parts.append(f'<text class="s" x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{second} s</text>')
    return parts


def _x(at_s: float, length_s: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * min(max(at_s, 0.0), length_s) / length_s


def _most(lines: Iterable[Series], share: float) -> float:
    """The top of an axis: what all but a few values reach, rounded up."""
    values = sorted(value for line in lines for _, value in line)
    most = values[min(len(values) - 1, int(len(values) * share))] if values else 1.0
    for step in (50, 100, 150, 200, 300, 400, 500, 600, 800, 1000, 1500, 2000, 3000, 5000, 10_000, 20_000):
        if most <= step:
            return float(step)
    return most


def _smooth(values: Series, wide: int = 5) -> Series:
    """Each value as the mean of those around it."""
    found = [value for _, value in values]
    around = [found[max(0, n - wide // 2) : n + wide // 2 + 1] for n in range(len(found))]
    return [(at, sum(near) / len(near)) for (at, _), near in zip(values, around, strict=True)]


def _ticks(most: float) -> list[float]:
    return [most * part / 4 for part in range(5)]
