"""What a benchmark prints: each figure beside its peer's, with the ratio and the conditions."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence

from attrs import frozen

COLUMNS = ("what", "ours", "peer", "ratio", "beside")


@frozen
class Figure:
    """One row. ``ratio`` is ours / peer; ``better`` says which way it should go. ``note``: why one is absent."""

    name: str
    unit: str
    ours: float | None
    peer: float | None
    conditions: str
    peer_name: str
    better: str = "lower"
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours over the peer's."""
        return self.ours / self.peer if self.ours is not None and self.peer else None

    def cells(self) -> tuple[str, ...]:
        """As people read it, under `COLUMNS`."""
        beside = f"{self.peer_name}: not measured, {self.note}" if self.note else self.peer_name
        return self.name, shown(self.ours, self.unit), shown(self.peer, self.unit), shown(self.ratio), beside

    def row(self) -> dict[str, object]:
        """As ``--json`` has it."""
        return {
            "name": self.name,
            "unit": self.unit,
            "ours": _rounded(self.ours),
            "peer": _rounded(self.peer),
            "ratio": _rounded(self.ratio),
            "peer_name": self.peer_name,
            "better": self.better,
            "conditions": self.conditions,
            "note": self.note,
        }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which ``share`` of them lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def machine() -> str:
    """The machine, in words that mean something elsewhere too."""
    return f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"


def shown(value: float | None, unit: str = "") -> str:
    """A figure as people read it."""
    return "–" if value is None else f"{value:.2f} {unit}".rstrip()


def one_beside_the_other(figures: Iterable[Figure]) -> list[str]:
    """A table for a page with a row for each figure and its ratio to its peer."""
    return _table(COLUMNS, [each.cells() for each in figures])


def all_beside_each_other(figures: Sequence[Figure]) -> list[str]:
    """For a page: what has several peers is one row, with a column for each. What has others is another table."""
    rows: dict[str, dict[str, str]] = {}
    for each in figures:
        row = rows.setdefault(each.name, {"what": each.name, "Jackfield": shown(each.ours, each.unit)})
        row[each.peer_name] = each.note or shown(each.peer, each.unit)
    lines: list[str] = []
    for columns in dict.fromkeys(map(tuple, rows.values())):
        lines += [""] if lines else []
        lines += _table(columns, [tuple(row.values()) for row in rows.values() if tuple(row) == columns])
    return lines


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (columns, ["---"] * len(columns), *rows)]
