"""What is read of a process's memory, and how its growth is told."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from jackfield.bench.memory.process import cpu_s, family, growth_per_minute, pss_bytes


def test_growth_is_the_slope_of_what_was_seen() -> None:
    """A line's own slope; one that goes up and down as much has none."""
    assert growth_per_minute([(at, 5 + 2 * at) for at in (10.0, 11.0, 13.0, 20.0)]) == pytest.approx(120)
    assert growth_per_minute([(0.0, 1.0), (1.0, 3.0), (2.0, 3.0), (3.0, 1.0)]) == pytest.approx(0)


def test_too_little_seen_is_no_growth() -> None:
    """Nothing, one look, or several at one instant."""
    assert growth_per_minute([]) == 0
    assert growth_per_minute([(1.0, 7.0)]) == 0
    assert growth_per_minute([(1.0, 7.0), (1.0, 9.0)]) == 0


@pytest.mark.skipif(not os.path.exists("/proc/self/smaps_rollup"), reason="no /proc here")
def test_a_process_is_read_with_its_children() -> None:
    """The children belong to the family, and each has memory of its own."""
    command = [sys.executable, "-c", "print(flush=True); input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert child.pid in family(os.getpid())
        assert 1e6 < pss_bytes(child.pid) < 1e9
        assert cpu_s(child.pid) < 60
        child.communicate(b"\n")
