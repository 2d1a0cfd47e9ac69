"""What is plugged into a capture card sends another size: noticed by an event, and taken over.

V4L2_EVENT_SOURCE_CHANGE: until the new timings or standard are set, the driver gives pictures of the old size, or none.
"""

from __future__ import annotations

import ctypes
import errno

from jackfield_v4l2 import structs
from jackfield_v4l2.node import Node

_NO_SIGNAL = frozenset({errno.ENOLINK, errno.ENOLCK, errno.ERANGE, errno.ENODATA})


def heed_signal(node: Node) -> None:
    """The driver tells of changes from now on, where it can."""
    event = structs.EventSubscription(type=structs.EVENT_SOURCE_CHANGE)
    try:
        node.ask(structs.SUBSCRIBE_EVENT, event)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTTY):
            raise


def changed_signal(node: Node) -> bool:
    """Whether one of the events that wait says that the size has changed. Takes them all."""
    changed = False
    while True:
        try:
            event = node.ask(structs.DQEVENT, structs.Event())
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.EAGAIN, errno.EINVAL):
                return changed
            raise
        is_source = event.type == structs.EVENT_SOURCE_CHANGE
        changed |= is_source and bool(event.u.changes & structs.EVENT_CHANGES_RESOLUTION)


def adopt_signal(node: Node, *, digital_only: bool = False) -> bool:
    """The driver is set to what it receives, by timings (HDMI) or standard (analogue). False: it receives nothing."""
    index = ctypes.c_int32()
    try:
        node.kernel.ioctl(node.fd, structs.G_INPUT, index)
        entry = node.ask(structs.ENUMINPUT, structs.Input(index=index.value))
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ENOTTY):
            return True  # it has no inputs: nothing is to be set
        raise
    try:
        if entry.capabilities & structs.IN_CAP_DV_TIMINGS:
            node.ask(structs.S_DV_TIMINGS, node.ask(structs.QUERY_DV_TIMINGS, structs.DvTimings()))
        elif entry.capabilities & structs.IN_CAP_STD and not digital_only:
            standard = ctypes.c_uint64()
            node.kernel.ioctl(node.fd, structs.QUERYSTD, standard)
            if not standard.value:
                return False
            node.kernel.ioctl(node.fd, structs.S_STD, standard)
    except OSError as error:
        if error.errno in _NO_SIGNAL:
            return False
        raise
    return True
