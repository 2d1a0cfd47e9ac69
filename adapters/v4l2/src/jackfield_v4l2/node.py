"""One open device node, and the questions that it is asked. Errors are ``OSError``, translated by the callers."""

from __future__ import annotations

import ctypes
import errno
from collections.abc import Callable, Iterator
from typing import TypeVar

from jackfield_v4l2 import structs
from jackfield_v4l2.kernel import Kernel

Answer = TypeVar("Answer", bound=ctypes.Structure)

#: No list of a driver's is longer; one that never ends does not hang us.
_LONGEST = 1024


class Node:
    """An open node. Used by one thread at a time; closed by `close` or at the end of ``with``."""

    def __init__(self, kernel: Kernel, path: str) -> None:
        self.kernel = kernel
        self.path = path
        self.fd = kernel.open(path)

    def __enter__(self) -> Node:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """The node is closed, once."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            self.kernel.close(fd)

    def ask(self, request: int, argument: Answer) -> Answer:
        """The request's answer, in the structure that was given; one that a signal interrupted is asked again."""
        while True:
            try:
                self.kernel.ioctl(self.fd, request, argument)
            except InterruptedError:
                continue
            return argument

    def tell(self, request: int, value: int) -> None:
        """A request whose argument is one number."""
        self.kernel.ioctl(self.fd, request, ctypes.c_int32(value))

    def listed(self, request: int, make: Callable[[int], Answer]) -> Iterator[Answer]:
        """What the driver lists, one by one: ``make(index)`` is the question."""
        for index in range(_LONGEST):
            try:
                yield self.ask(request, make(index))
            except OSError as error:
                if error.errno in (errno.EINVAL, errno.ENOTTY, errno.ENODATA):
                    return
                raise

    def capabilities(self) -> tuple[structs.Capability, int]:
        """The driver's description of itself, and what this very node can do."""
        found = self.ask(structs.QUERYCAP, structs.Capability())
        return found, found.device_caps if found.capabilities & structs.CAP_DEVICE_CAPS else found.capabilities

    def buffer_type(self) -> int:
        """Single- or multi-planar capture; ``OSError`` EINVAL where the node captures no pictures by streaming."""
        _, can = self.capabilities()
        if can & structs.CAP_STREAMING and can & structs.CAP_VIDEO_CAPTURE:
            return structs.CAPTURE
        if can & structs.CAP_STREAMING and can & structs.CAP_VIDEO_CAPTURE_MPLANE:
            return structs.CAPTURE_MPLANE
        raise OSError(errno.EINVAL, "it is no camera that streams")

    @property
    def needs_pipeline(self) -> bool:
        """Whether it is one end of a pipeline that somebody must set up first (V4L2_CAP_IO_MC)."""
        return bool(self.capabilities()[1] & structs.CAP_IO_MC)
