"""What `/proc` says of a process and its children, and how a figure grows."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_PSS = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)


def family(pid: int) -> list[int]:
    """The process and all that it started and that are still there."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += family(int(child))
    return found


def cpu_s(pid: int) -> float:
    """CPU seconds, user and system (proc(5), fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def pss_bytes(pid: int) -> int:
    """Resident memory, in which a page that n processes share counts as its n-th part (proc(5), smaps_rollup)."""
    found = _PSS.search(Path(f"/proc/{pid}/smaps_rollup").read_text())
    return int(found[1]) * 1024 if found else 0


def growth_per_minute(values: Sequence[tuple[float, float]]) -> float:
    """The slope of the line that fits these (seconds, value) best, per minute; 0 where there is none to fit."""
    count = len(values)
    if count < 2:
        return 0.0
    mean_at = sum(at for at, _ in values) / count
    mean = sum(value for _, value in values) / count
    spread = sum((at - mean_at) ** 2 for at, _ in values)
    together = sum((at - mean_at) * (value - mean) for at, value in values)
    return 60 * together / spread if spread else 0.0
