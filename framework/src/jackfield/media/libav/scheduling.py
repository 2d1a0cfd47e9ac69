"""The priority of our threads stays ours: FFmpeg's libraries may not change it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def priority_kept() -> Iterator[None]:
    """The calling thread has the scheduling policy that it had, and so have threads that were begun meanwhile.

    SVT-AV1 gives itself and its caller SCHED_FIFO at 99 where it runs as root (seen in 4.1). Every thread and process
    begun afterwards inherits that, and a few that are busy keep a small machine from everything else (sched(7)).
    Where nothing was changed, this costs a few system calls.
    """
    if not sys.platform.startswith("linux"):
        yield
        return
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    known = set(os.listdir("/proc/self/task"))
    try:
        yield
    finally:
        if os.sched_getscheduler(0) != policy:
            os.sched_setscheduler(0, policy, parameters)
            for thread in set(os.listdir("/proc/self/task")) - known:
                with suppress(OSError):  # it has ended
                    os.sched_setscheduler(int(thread), policy, parameters)
