"""The border: what the operating system raises leaves as an error that says whose move it is."""

from __future__ import annotations

import errno
import getpass
from collections.abc import Iterator
from contextlib import contextmanager

from jackfield.values.devices import Device
from jackfield.values.errors import DeviceBusy, DeviceDenied, DeviceError, DeviceGone
from jackfield_v4l2.kernel import Kernel

_GONE = frozenset({errno.ENODEV, errno.ENXIO, errno.ENOENT, errno.ESHUTDOWN})
_HINTS = {
    errno.ENOSPC: "its USB bus has no room for these pictures beside what runs there: ask for a smaller or slower mode "
    "or for MJPEG, or plug it into another bus",
    errno.EPIPE: "its media pipeline is not set up: use the pipe plugin with rpicam-vid or gst-launch-1.0",
    errno.ENOMEM: "the system has no memory for its buffers: ask for a smaller mode",
    errno.EIO: "the device or its cable has a fault: unplug it and plug it in again",
    errno.EPROTO: "the device or its cable has a fault: unplug it and plug it in again",
    errno.ETIMEDOUT: "the device does not answer: unplug it and plug it in again",
}


@contextmanager
def translated(device: Device, kernel: Kernel, doing: str) -> Iterator[None]:
    """What is raised inside while ``doing`` (``opening``) leaves as a `DeviceError` of ``device``."""
    try:
        yield
    except OSError as error:
        raise named(device, kernel, doing, error) from error


def named(device: Device, kernel: Kernel, doing: str, error: OSError) -> DeviceError:
    """The error in our words. A node that is no longer there is gone, whatever the driver answered."""
    who, details = f"{device.label} ({device.id})", {"device": device.id, "address": device.address}
    if error.errno in _GONE or not kernel.exists(device.address):
        return DeviceGone(
            f"{who} was unplugged, or is not there: plug it in ({doing}: {_said(error)})", details=details
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return DeviceDenied(denied(device, kernel), details=details)
    if error.errno == errno.EBUSY:
        holders = ", ".join(kernel.holders(device.address)) or "another program"
        return DeviceBusy(f"{who} is in use by {holders}: close that, and try again", details=details)
    hint = _HINTS.get(error.errno or 0, "unplug it and plug it in again, or name another camera")
    return DeviceError(f"{who} failed at {doing}: {_said(error)}; {hint}", details=details)


def denied(device: Device, kernel: Kernel) -> str:
    """That this user may not open the device, and the command that lets them."""
    group = kernel.group(device.address) or "video"
    return (
        f"{device.label} ({device.id}) may not be opened by this user: {device.address} is for group {group}; "
        + allow(group)
    )


def allow(group: str) -> str:
    """The command that lets this user in."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = "$USER"
    return f"sudo usermod -aG {group} {user}, then log in anew"


def _said(error: OSError) -> str:
    code = errno.errorcode.get(error.errno or 0, "")
    return f"{code} {error.strerror or error}".strip()
