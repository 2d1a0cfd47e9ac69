"""Python's collector of cycles, beside packets."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def spared_collector() -> Iterator[None]:
    """What is there now stays, and is not looked through again; packets come and go without cycles.

    Left as it is, the collector takes a twentieth of the time that forwarding takes, in pauses that calls can hear.
    """
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
