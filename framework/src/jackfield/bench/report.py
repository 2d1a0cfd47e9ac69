"""What a benchmark prints: each figure beside its peer's, with the ratio and the conditions."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence

from attrs import frozen


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
