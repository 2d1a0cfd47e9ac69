"""For tests on the kernel's own drivers: the one camera that is there, running, and what it ended with."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jackfield.testing.fakes import FakeSink
from jackfield.values.devices import Device
from jackfield.values.errors import CallError
from jackfield.values.formats import VideoFormat
from jackfield_v4l2.driver import V4l2Captures

#: Emulation is slow: what hangs is told from what is slow by this.
LONG_S = 120.0


def only(cameras: V4l2Captures) -> Device:
    """The one camera; a node of metadata is none."""
    (device,) = cameras.devices()
    return device


@contextmanager
def running(cameras: V4l2Captures, format: VideoFormat) -> Iterator[tuple[Any, FakeSink]]:
    """The one camera, from its first picture until it is stopped."""
    capture, sink = cameras.open(only(cameras), format), FakeSink()
    try:
        capture.start(sink)
        assert sink.wait(1, LONG_S), f"no picture came, and {sink.errors or 'no error'}"
        yield capture, sink
    finally:
        capture.stop()


def failed(sink: FakeSink) -> CallError:
    """The error that the capture ended with."""
    end = time.monotonic() + LONG_S
    while not sink.errors:
        assert time.monotonic() < end, "the capture did not end"
        time.sleep(0.02)
    return sink.errors[0]


def more(sink: FakeSink, count: int) -> list[Any]:
    """So many frames from now on."""
    before = len(sink.media)
    media = sink.wait(before + count, LONG_S)
    assert len(media) >= before + count, f"{len(media) - before} of {count} came, and {sink.errors or 'no error'}"
    return media[before : before + count]


def open_nodes() -> list[str]:
    """Video nodes that this process has open."""
    links = [os.path.realpath(each) for each in Path("/proc/self/fd").iterdir()]
    return [link for link in links if link.startswith("/dev/video")]
