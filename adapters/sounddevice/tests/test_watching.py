"""Watching goes on whatever happens to what tells of news, and leaves nothing open when it ends."""

from __future__ import annotations

import errno
import os
import queue
import resource
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jackfield_sounddevice import linux_news, watching
from jackfield_sounddevice.linux_news import LinuxNews
from jackfield_sounddevice.watching import Watch

from jackfield.values.devices import Device, DeviceChange

LIMIT_S = 20.0
MOST = 1024


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with no sound server, whose cards are folders here; looking is not waited for long."""
    monkeypatch.setattr(linux_news.pulse, "is_there", lambda: False)
    monkeypatch.setattr(linux_news, "LOOK_S", 0.1)
    (tmp_path / "sys/class/sound").mkdir(parents=True)
    return tmp_path


@pytest.fixture
def crowded() -> Iterator[None]:
    """Every descriptor that is opened now is beyond what `select` can take."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, MOST + 200), hard))
    taken = [os.open(os.devnull, os.O_RDONLY)]
    while taken[-1] <= MOST:
        taken.append(os.open(os.devnull, os.O_RDONLY))
    yield
    for each in taken:
        os.close(each)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Monitor:
    """udev's, with a pipe to speak through; reading it raises what a test wants."""

    def __init__(self, error: int) -> None:
        self._woken, self._waker = os.pipe()
        self._error = error

    def fileno(self) -> int:
        """What is waited for."""
        return self._woken

    def speak(self) -> None:
        """Something came or went."""
        os.write(self._waker, b"x")

    def poll(self, timeout: float) -> None:
        """Fails."""
        if self._error == errno.ENOBUFS:
            os.read(self._woken, 1)
        raise OSError(self._error, os.strerror(self._error))

    def close(self) -> None:
        """Both ends."""
        os.close(self._woken)
        os.close(self._waker)


@pytest.mark.usefixtures("crowded")
def test_a_program_with_more_than_a_thousand_files_is_told(root: Path) -> None:
    """As a server of calls: a card that comes is news, and all that was opened is closed."""
    before = len(os.listdir("/proc/self/fd"))
    news = LinuxNews(root)
    (root / "sys/class/sound/card0").mkdir()
    assert news.wait()
    news.close()
    assert not news.wait()
    news.release()
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("error", [errno.ENOBUFS, errno.EBADF])
def test_events_that_the_kernel_dropped_are_news(root: Path, monkeypatch: pytest.MonkeyPatch, error: int) -> None:
    """Too many at once: everything is listed. A monitor that is broken is left, and the folder is looked at."""
    monitor = Monitor(error)
    monkeypatch.setattr(linux_news, "_monitor", lambda: monitor)
    monkeypatch.setattr(linux_news, "LIST_S", 3600.0)
    news = LinuxNews(root)
    monitor.speak()
    assert news.wait()
    (root / "sys/class/sound/card0").mkdir()
    assert news.wait()
    news.close()
    assert not news.wait()
    news.release()
    news.close()  # once more, by whoever comes late
    monitor.close()


class Failing:
    """News that cannot be waited for, twice; then there is some, once."""

    def __init__(self) -> None:
        self.failures = 2
        self.closed, self.released = threading.Event(), threading.Event()

    def wait(self) -> bool:
        """Fails, or waits for the end."""
        if self.failures:
            self.failures -= 1
            raise ValueError("filedescriptor out of range in select()")
        return not self.closed.wait(LIMIT_S)

    def close(self) -> None:
        """Ends `wait`."""
        self.closed.set()

    def release(self) -> None:
        """Told."""
        self.released.set()


def test_where_waiting_fails_it_is_looked_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """What came is told, and at the end everything is released."""
    monkeypatch.setattr(watching, "LOOK_S", 0.01)
    device = Device("sounddevice:alsa-x", "microphone", "X")
    listings: Iterator[Any] = iter([[], [], [device]])
    told: queue.SimpleQueue[DeviceChange] = queue.SimpleQueue()
    news = Failing()
    watch = Watch(lambda: next(listings), news, told.put)
    assert told.get(timeout=LIMIT_S) == DeviceChange("added", device)
    watch.end()
    assert news.released.wait(LIMIT_S)
