"""The kernel's side of V4L2, made up: requests answered as drivers answer them, node by node."""

from __future__ import annotations

import ctypes
import errno
import os
import select
import time
from collections.abc import Callable, Sequence
from typing import Any

import av
from attrs import define, field

from jackfield_v4l2 import structs
from jackfield_v4l2.kernel import Ready
from jackfield_v4l2.pixels import H264, LAYOUTS, MJPEG
from jackfield_v4l2.testing.camera import FakeCamera, FakeControl
from jackfield_v4l2.testing.pictures import content, stride, stride_padding

#: A fake camera takes a picture so often.
PERIOD_S = 0.005


class FakeMemory:
    """A buffer in our own memory."""

    def __init__(self, camera: FakeCamera, length: int) -> None:
        self.octets = bytearray(length)
        self._camera = camera
        camera.maps += 1

    def view(self) -> memoryview:
        """See `Memory`."""
        return memoryview(self.octets)

    def close(self) -> None:
        """See `Memory`; a view that is still held is an error, as it is for ``mmap``."""
        self.octets.clear()
        self._camera.maps -= 1


@define(eq=False)
class Handle:
    """One open file of a camera."""

    camera: FakeCamera
    code: int = 0
    width: int = 0
    height: int = 0
    fps: int = 30
    #: By index: the memory of each plane.
    buffers: list[list[FakeMemory]] = field(factory=list)
    queued: list[int] = field(factory=list)
    streaming: bool = False
    #: When the next picture is taken.
    due: float = 0.0

    @property
    def filled(self) -> bool:
        """Whether a buffer is filled by now."""
        runs = self.streaming and not self.camera.frozen
        return runs and bool(self.queued) and time.monotonic() >= self.due


class FakeKernel:
    """Any number of cameras. File descriptors are real (of a null device), so that one left open can be seen."""

    def __init__(self, *cameras: FakeCamera) -> None:
        self.cameras = list(cameras)
        self.handles: dict[int, Handle] = {}
        #: Requests in order, by name.
        self.asked: list[str] = []

    # --- see `Kernel`
    def open(self, path: str) -> int:
        """See `Kernel`."""
        camera = self._camera(path)
        if camera is None:
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
        if camera.denied:
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        self.asked.append("OPEN")
        fd = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        code, sizes = next(iter(camera.modes.items()))
        width, height = next(iter(sizes))
        self.handles[fd] = Handle(camera, code, width, height)
        return fd

    def close(self, fd: int) -> None:
        """See `Kernel`."""
        del self.handles[fd]
        os.close(fd)

    def ioctl(self, fd: int, request: int, argument: Any) -> None:
        """See `Kernel`."""
        handle = self.handles[fd]
        self.asked.append(structs.NAMES[request])
        handle.camera.before(request)
        if not handle.camera.plugged:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        failures = handle.camera.fails.get(request)
        if failures:
            raise _error(failures.pop(0))
        answer = _ANSWERS.get(request)
        if answer is None:
            raise _error(errno.ENOTTY)
        answer(self, handle, argument)

    def map(self, fd: int, length: int, offset: int) -> FakeMemory:
        """See `Kernel`; an offset is index and plane."""
        handle = self.handles[fd]
        memory = FakeMemory(handle.camera, length)
        handle.buffers[offset >> 16][offset >> 12 & 0xF] = memory
        return memory

    def wait(self, fd: int, wake: int, timeout_s: float) -> Ready:
        """See `Kernel`."""
        handle = self.handles.get(fd)
        end = time.monotonic() + max(0.0, timeout_s)
        while True:
            woken = bool(select.select([wake], [], [], PERIOD_S / 2)[0])
            camera = handle.camera if handle else None
            if camera is not None and not camera.plugged:
                return Ready(error=True, event=True, woken=woken)
            filled = handle is not None and handle.filled
            if filled or woken or time.monotonic() >= end:
                return Ready(picture=filled, woken=woken)

    def exists(self, path: str) -> bool:
        """See `Kernel`."""
        return self._camera(path) is not None

    def may_open(self, path: str) -> bool:
        """See `Kernel`."""
        camera = self._camera(path)
        return camera is not None and not camera.denied

    def group(self, path: str) -> str:
        """See `Kernel`."""
        return "video"

    def holders(self, path: str) -> Sequence[str]:
        """See `Kernel`."""
        camera = self._camera(path)
        return [camera.held_by] if camera and camera.held_by else []

    def _camera(self, path: str) -> FakeCamera | None:
        return next((each for each in self.cameras if each.address == path and each.plugged), None)

    # --- requests
    def querycap(self, handle: Handle, argument: structs.Capability) -> None:
        """VIDIOC_QUERYCAP."""
        camera = handle.camera
        can = structs.CAP_VIDEO_CAPTURE_MPLANE if camera.multiplanar else structs.CAP_VIDEO_CAPTURE
        can |= structs.CAP_STREAMING | (structs.CAP_IO_MC if camera.pipeline else 0)
        argument.card, argument.driver = camera.card.encode()[:31], b"fake"
        argument.capabilities, argument.device_caps = can | structs.CAP_DEVICE_CAPS, can

    def enum_fmt(self, handle: Handle, argument: structs.FormatDescription) -> None:
        """VIDIOC_ENUM_FMT."""
        argument.pixelformat = _nth(list(handle.camera.modes), argument.index)

    def enum_sizes(self, handle: Handle, argument: structs.FrameSize) -> None:
        """VIDIOC_ENUM_FRAMESIZES."""
        width, height = _nth(list(handle.camera.modes[argument.pixel_format]), argument.index)
        argument.type, argument.u.discrete.width, argument.u.discrete.height = structs.SIZE_DISCRETE, width, height

    def enum_intervals(self, handle: Handle, argument: structs.FrameInterval) -> None:
        """VIDIOC_ENUM_FRAMEINTERVALS."""
        rates = handle.camera.modes[argument.pixel_format][argument.width, argument.height]
        argument.type = structs.INTERVAL_DISCRETE
        argument.u.discrete = structs.Fraction(1, _nth(list(rates), argument.index))

    def g_fmt(self, handle: Handle, argument: structs.Format) -> None:
        """VIDIOC_G_FMT."""
        planes = _planes(handle)
        pix = argument.fmt.pix_mp if handle.camera.multiplanar else argument.fmt.pix
        pix.width, pix.height, pix.pixelformat = handle.width, handle.height, handle.code
        if handle.camera.multiplanar:
            pix.num_planes = len(planes)
            for number, (line, size) in enumerate(planes):
                pix.plane_fmt[number].bytesperline, pix.plane_fmt[number].sizeimage = line, size
        else:
            pix.bytesperline, pix.sizeimage = planes[0]

    def s_fmt(self, handle: Handle, argument: structs.Format) -> None:
        """VIDIOC_S_FMT: the nearest that there is."""
        self._own(handle)
        pix = argument.fmt.pix_mp if handle.camera.multiplanar else argument.fmt.pix
        sizes = handle.camera.modes.get(pix.pixelformat)
        handle.code = pix.pixelformat if sizes else handle.code
        wanted = (pix.width, pix.height)
        handle.width, handle.height = min(
            handle.camera.modes[handle.code], key=lambda size: abs(size[0] - wanted[0]) + abs(size[1] - wanted[1])
        )
        self.g_fmt(handle, argument)

    def g_parm(self, handle: Handle, argument: structs.StreamParm) -> None:
        """VIDIOC_G_PARM."""
        argument.parm.capture.capability = structs.CAP_TIMEPERFRAME
        argument.parm.capture.timeperframe = structs.Fraction(1, handle.fps)

    def s_parm(self, handle: Handle, argument: structs.StreamParm) -> None:
        """VIDIOC_S_PARM: the nearest that there is."""
        interval = argument.parm.capture.timeperframe
        wanted = interval.denominator / interval.numerator
        rates = handle.camera.modes[handle.code][handle.width, handle.height]
        handle.fps = min(rates, key=lambda rate: abs(rate - wanted))
        self.g_parm(handle, argument)

    def reqbufs(self, handle: Handle, argument: structs.RequestBuffers) -> None:
        """VIDIOC_REQBUFS."""
        self._own(handle)
        count = max(2, argument.count) if argument.count else 0
        handle.buffers = [[None] * len(_planes(handle)) for _ in range(count)]  # type: ignore[list-item]
        handle.queued.clear()
        argument.count = count

    def querybuf(self, handle: Handle, argument: structs.Buffer) -> None:
        """VIDIOC_QUERYBUF."""
        planes = _planes(handle)
        if handle.camera.multiplanar:
            argument.length = len(planes)
            for number, (_, size) in enumerate(planes):
                argument.m.planes[number].length = size
                argument.m.planes[number].m.mem_offset = argument.index << 16 | number << 12
        else:
            argument.length, argument.m.offset = planes[0][1], argument.index << 16

    def qbuf(self, handle: Handle, argument: structs.Buffer) -> None:
        """VIDIOC_QBUF."""
        if argument.index in handle.queued:
            raise _error(errno.EINVAL)
        handle.queued.append(argument.index)

    def dqbuf(self, handle: Handle, argument: structs.Buffer) -> None:
        """VIDIOC_DQBUF: fills the oldest buffer and hands it over."""
        if not handle.streaming:
            raise _error(errno.EINVAL)
        camera = handle.camera
        if not handle.filled:
            raise _error(errno.EAGAIN)
        handle.due = time.monotonic() + PERIOD_S
        argument.index = handle.queued.pop(0)
        self._fill(handle, argument)
        argument.sequence, camera.sent = camera.sent, camera.sent + 1
        stamp = time.monotonic_ns()
        argument.timestamp.tv_sec, argument.timestamp.tv_usec = stamp // 10**9, stamp % 10**9 // 1000
        argument.flags = structs.BUF_TIMESTAMP_MONOTONIC if camera.monotonic else 0
        if not camera.monotonic:
            argument.timestamp.tv_sec = 1
        if camera.flagged:
            camera.flagged -= 1
            argument.flags |= structs.BUF_ERROR

    def _fill(self, handle: Handle, argument: structs.Buffer) -> None:
        camera = handle.camera
        width, height = camera.really or (handle.width, handle.height)
        key = camera.sent % 30 == 0 or camera.keyframes_forced > 0
        camera.keyframes_forced = 0 if key else camera.keyframes_forced
        parts = content(handle.code, width, height, keyframe=key, padding=camera.padding)
        for number, part in enumerate(parts):
            if camera.garbled:
                camera.garbled -= 1
                part = part[: len(part) // 3] + bytes(range(256)) * (len(part) // 768) + part[2 * len(part) // 3 :]
            if camera.cut:
                camera.cut -= 1
                part = part[: len(part) // 2]
            memory = handle.buffers[argument.index][number]
            memory.octets[: len(part)] = part[: len(memory.octets)]
            if camera.multiplanar:
                argument.m.planes[number].bytesused = len(part)
            else:
                argument.bytesused = len(part)

    def streamon(self, handle: Handle, argument: ctypes.c_int32) -> None:
        """VIDIOC_STREAMON."""
        self._own(handle)
        handle.streaming = True

    def streamoff(self, handle: Handle, argument: ctypes.c_int32) -> None:
        """VIDIOC_STREAMOFF."""
        handle.streaming = False
        handle.queued.clear()

    def query_control(self, handle: Handle, argument: structs.QueryExtControl) -> None:
        """VIDIOC_QUERY_EXT_CTRL, of one control or the next."""
        number = argument.id & 0x0FFFFFFF
        if argument.id & structs.FLAG_NEXT:
            later = [each for each in handle.camera.controls if each.number > number]
            found = min(later, key=lambda each: each.number, default=None)
        else:
            found = handle.camera.control(number)
        if found is None:
            raise _error(errno.EINVAL)
        argument.id, argument.type, argument.name = found.number, found.type, found.name.encode()
        argument.minimum, argument.maximum, argument.step = found.minimum, found.maximum, 1
        argument.default_value, argument.flags = found.default, found.flags

    def query_menu(self, handle: Handle, argument: structs.QueryMenu) -> None:
        """VIDIOC_QUERYMENU."""
        control = handle.camera.control(argument.id)
        entry = control.menu.get(argument.index) if control else None
        if entry is None:
            raise _error(errno.EINVAL)
        if isinstance(entry, int):
            argument.u.value = entry
        else:
            argument.u.name = entry.encode()

    def g_controls(self, handle: Handle, argument: structs.ExtControls) -> None:
        """VIDIOC_G_EXT_CTRLS, of one."""
        asked = argument.controls[0]
        asked.u.value = self._control(handle, asked.id).value

    def s_controls(self, handle: Handle, argument: structs.ExtControls) -> None:
        """VIDIOC_S_EXT_CTRLS, of one."""
        asked = argument.controls[0]
        control = self._control(handle, asked.id)
        if control.flags & (structs.FLAG_READ_ONLY | structs.FLAG_GRABBED):
            raise _error(errno.EACCES)
        control.value = asked.u.value
        if asked.id == structs.CID_FORCE_KEY_FRAME:
            handle.camera.keyframes_forced += 1
        if asked.id == structs.CID_BITRATE:
            handle.camera.bitrates.append(control.value)

    def extension(self, handle: Handle, argument: structs.ExtensionQuery) -> None:
        """UVCIOC_CTRL_QUERY, of the H.264 unit."""
        lengths = {0x09: 4, 0x0E: 10}
        if not handle.camera.unit or argument.unit != handle.camera.unit or argument.selector not in lengths:
            raise _error(errno.ENOENT)
        if argument.query == structs.XU_GET_LEN:
            argument.data[0] = lengths[argument.selector]
            return
        if argument.size != lengths[argument.selector]:
            raise _error(errno.ENOBUFS)
        octets = bytes(argument.data[: argument.size])
        if argument.selector == 0x09 and octets[2] in (1, 2):
            handle.camera.keyframes_forced += 1
        elif argument.selector == 0x0E:
            handle.camera.bitrates.append(int.from_bytes(octets[6:10], "little"))

    def _control(self, handle: Handle, number: int) -> FakeControl:
        control = handle.camera.control(number)
        if control is None:
            raise _error(errno.EINVAL)
        return control

    def _own(self, handle: Handle) -> None:
        others = (each for each in self.handles.values() if each.camera is handle.camera and each is not handle)
        if handle.camera.held_by or any(other.buffers for other in others):
            raise _error(errno.EBUSY)


def _nth(items: list[Any], index: int) -> Any:
    if index >= len(items):
        raise _error(errno.EINVAL)
    return items[index]


def _planes(handle: Handle) -> list[tuple[int, int]]:
    """Octets a row and in all, of each memory plane."""
    code, width, height = handle.code, handle.width, handle.height
    if code in MJPEG | H264:
        return [(0, width * height * 2)]
    parts = content(code, width, height, keyframe=False, padding=handle.camera.padding)
    layout = LAYOUTS[code].pixel_format
    picture = av.VideoFrame(width, height, layout)
    lines = [stride(layout, width, n) + stride_padding(picture, n, handle.camera.padding) for n in range(len(parts))]
    return list(zip(lines, map(len, parts), strict=True))


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


_ANSWERS: dict[int, Callable[[FakeKernel, Handle, Any], None]] = {
    structs.QUERYCAP: FakeKernel.querycap,
    structs.ENUM_FMT: FakeKernel.enum_fmt,
    structs.ENUM_FRAMESIZES: FakeKernel.enum_sizes,
    structs.ENUM_FRAMEINTERVALS: FakeKernel.enum_intervals,
    structs.G_FMT: FakeKernel.g_fmt,
    structs.S_FMT: FakeKernel.s_fmt,
    structs.G_PARM: FakeKernel.g_parm,
    structs.S_PARM: FakeKernel.s_parm,
    structs.REQBUFS: FakeKernel.reqbufs,
    structs.QUERYBUF: FakeKernel.querybuf,
    structs.QBUF: FakeKernel.qbuf,
    structs.DQBUF: FakeKernel.dqbuf,
    structs.STREAMON: FakeKernel.streamon,
    structs.STREAMOFF: FakeKernel.streamoff,
    structs.QUERY_EXT_CTRL: FakeKernel.query_control,
    structs.QUERYMENU: FakeKernel.query_menu,
    structs.G_EXT_CTRLS: FakeKernel.g_controls,
    structs.S_EXT_CTRLS: FakeKernel.s_controls,
    structs.XU_QUERY: FakeKernel.extension,
}
