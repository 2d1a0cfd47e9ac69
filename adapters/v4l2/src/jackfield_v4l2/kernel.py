"""The seam to the kernel: all that this adapter asks of a device node passes here, so that a fake can stand in."""

from __future__ import annotations

import ctypes
import grp
import mmap
import os
import select
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from attrs import frozen


@frozen
class Ready:
    """What a wait ended with; all false when the time was up."""

    picture: bool = False
    event: bool = False
    error: bool = False
    woken: bool = False


class Memory(Protocol):
    """A buffer that the driver fills."""

    def view(self) -> memoryview:
        """Its octets; released before `close`."""

    def close(self) -> None:
        """The memory is no longer ours."""


class Kernel(Protocol):
    """What the kernel does with a device node. Everything raises ``OSError``, as the calls of the same names do."""

    def open(self, path: str) -> int:
        """The node, open for reading and writing, without blocking."""

    def close(self, fd: int) -> None:
        """The node, closed."""

    def ioctl(self, fd: int, request: int, argument: ctypes.Structure | ctypes._SimpleCData[int]) -> None:
        """One request; the answer is written into ``argument``."""

    def map(self, fd: int, length: int, offset: int) -> Memory:
        """A buffer of the driver's, mapped."""

    def wait(self, fd: int, wake: int, timeout_s: float) -> Ready:
        """Until the node has something, or ``wake`` can be read; with ``fd`` -1 for ``wake`` alone."""

    def exists(self, path: str) -> bool:
        """Whether the node is there."""

    def may_open(self, path: str) -> bool:
        """Whether this user may open the node, by its permissions; opens nothing."""

    def group(self, path: str) -> str:
        """The group that may open the node; "" where there is none."""

    def holders(self, path: str) -> Sequence[str]:
        """Programs that have the node open, as far as this user may see: ``ffmpeg (4711)``."""


class Linux:
    """The kernel itself."""

    def open(self, path: str) -> int:
        """See `Kernel`."""
        return os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)

    def close(self, fd: int) -> None:
        """See `Kernel`."""
        os.close(fd)

    def ioctl(self, fd: int, request: int, argument: ctypes.Structure | ctypes._SimpleCData[int]) -> None:
        """See `Kernel`."""
        import fcntl

        fcntl.ioctl(fd, request, argument, True)

    def map(self, fd: int, length: int, offset: int) -> Memory:
        """See `Kernel`."""
        return _Mapped(mmap.mmap(fd, length, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE, offset=offset))

    def wait(self, fd: int, wake: int, timeout_s: float) -> Ready:
        """See `Kernel`."""
        poll = select.poll()
        if fd >= 0:
            poll.register(fd, select.POLLIN | select.POLLPRI)
        poll.register(wake, select.POLLIN)
        found = dict(poll.poll(max(0.0, timeout_s) * 1000))
        mask = found.get(fd, 0)
        return Ready(
            picture=bool(mask & select.POLLIN),
            event=bool(mask & select.POLLPRI),
            error=bool(mask & (select.POLLERR | select.POLLHUP | select.POLLNVAL)),
            woken=wake in found,
        )

    def exists(self, path: str) -> bool:
        """See `Kernel`."""
        return os.path.exists(path)

    def may_open(self, path: str) -> bool:
        """See `Kernel`."""
        return os.access(path, os.R_OK | os.W_OK)

    def group(self, path: str) -> str:
        """See `Kernel`."""
        try:
            return grp.getgrgid(os.stat(path).st_gid).gr_name
        except (OSError, KeyError):
            return ""

    def holders(self, path: str) -> Sequence[str]:
        """See `Kernel`."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if any(os.readlink(each) == path for each in (process / "fd").iterdir()):
                    found.append(f"{(process / 'comm').read_text().strip()} ({process.name})")
            except OSError:
                continue  # it has ended, or is another user's
        return found


class _Mapped:
    def __init__(self, memory: mmap.mmap) -> None:
        self._memory = memory

    def view(self) -> memoryview:
        return memoryview(self._memory)

    def close(self) -> None:
        self._memory.close()
