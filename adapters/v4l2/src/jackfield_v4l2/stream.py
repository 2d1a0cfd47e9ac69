"""The driver's buffers: asked for, mapped, filled, given back. Errors are ``OSError``, translated by the callers."""

from __future__ import annotations

import ctypes
import errno

from attrs import define, field, frozen

from jackfield.values.formats import VideoFormat
from jackfield_v4l2 import structs
from jackfield_v4l2.kernel import Memory
from jackfield_v4l2.modes import Mode, rate_of
from jackfield_v4l2.node import Node

#: Enough that the driver never waits for us at 60 pictures a second, few enough that no picture grows old.
BUFFERS = 4


@frozen
class Shape:
    """What the driver really gives: one entry of ``strides`` for each of its memory planes."""

    code: int
    width: int
    height: int
    strides: tuple[int, ...]
    full_range: bool = False


@frozen(eq=False)
class Filled:
    """One filled buffer. ``parts`` point into the driver's memory until `Stream.give_back`."""

    index: int
    parts: tuple[memoryview, ...] = field(repr=False)
    flags: int
    sequence: int
    #: The driver's instant, by the monotonic clock; None where it does not say, or by another clock.
    time_ns: int | None

    @property
    def damaged(self) -> bool:
        """The driver itself says that the picture is not whole."""
        return bool(self.flags & structs.BUF_ERROR)


@define(eq=False)
class Stream:
    """A format set on an open node, and its buffers. Used by one thread at a time."""

    node: Node
    kind: int
    shape: Shape
    fps: float
    _memories: list[tuple[Memory, ...]] = field(factory=list)
    _views: list[tuple[memoryview, ...]] = field(factory=list)

    @classmethod
    def prepared(cls, node: Node, mode: Mode | None) -> Stream:
        """A stream with its buffers, not yet running; ``mode`` None: in the format that the driver has now."""
        kind = node.buffer_type()
        shape = _set_format(node, kind, mode)
        fps = _set_rate(node, kind, mode.format.fps if mode else 0.0)
        stream = cls(node, kind, shape, fps)
        try:
            stream._allocate()
        except BaseException:
            stream.close()
            raise
        return stream

    def start(self) -> None:
        """The driver fills buffers from now on."""
        for index in range(len(self._memories)):
            self.give_back(index)
        self.node.tell(structs.STREAMON, self.kind)

    def halt(self) -> None:
        """The driver fills no more; every buffer is ours again."""
        self.node.tell(structs.STREAMOFF, self.kind)

    def take(self) -> Filled | None:
        """The oldest filled buffer; None where none is filled yet."""
        buffer, planes = self._buffer(0)
        try:
            self.node.ask(structs.DQBUF, buffer)
        except BlockingIOError:
            return None
        views = self._views[buffer.index]
        if self.kind == structs.CAPTURE_MPLANE:
            used = [(planes[i].data_offset, planes[i].bytesused) for i in range(len(views))]
        else:
            used = [(0, buffer.bytesused)]
        parts = tuple(view[start:end] for view, (start, end) in zip(views, used, strict=True))
        return Filled(buffer.index, parts, buffer.flags, buffer.sequence, _instant(buffer))

    def give_back(self, index: int) -> None:
        """The driver may fill this buffer again."""
        buffer, _ = self._buffer(index)
        self.node.ask(structs.QBUF, buffer)

    def close(self) -> None:
        """Halted, and no memory of the driver's is ours any more. Never raises."""
        for action in (self.halt, self._release, lambda: self._request(0)):
            try:
                action()
            except OSError:
                continue  # the device is gone, and with it what was to be undone

    def _allocate(self) -> None:
        for index in range(self._request(BUFFERS)):
            buffer, planes = self._buffer(index)
            self.node.ask(structs.QUERYBUF, buffer)
            if self.kind == structs.CAPTURE_MPLANE:
                where = [(planes[i].length, planes[i].m.mem_offset) for i in range(buffer.length)]
            else:
                where = [(buffer.length, buffer.m.offset)]
            mapped: list[Memory] = []
            self._memories.append(())
            for length, offset in where:
                mapped.append(self.node.kernel.map(self.node.fd, length, offset))
                self._memories[-1] = tuple(mapped)
            self._views.append(tuple(memory.view() for memory in mapped))

    def _request(self, count: int) -> int:
        request = structs.RequestBuffers(count=count, type=self.kind, memory=structs.MEMORY_MMAP)
        got = int(self.node.ask(structs.REQBUFS, request).count)
        if count and got < 2:
            raise OSError(errno.ENOMEM, f"the driver gave {got} buffers of {count}")
        return got

    def _release(self) -> None:
        memories, self._memories = self._memories, []
        views, self._views = self._views, []
        for each in views:
            for view in each:
                view.release()
        for mapped in memories:
            for memory in mapped:
                memory.close()

    def _buffer(self, index: int) -> tuple[structs.Buffer, ctypes.Array[structs.Plane]]:
        buffer = structs.Buffer(index=index, type=self.kind, memory=structs.MEMORY_MMAP)
        planes = (structs.Plane * structs.MAX_PLANES)()
        if self.kind == structs.CAPTURE_MPLANE:
            buffer.m.planes = ctypes.cast(planes, ctypes.POINTER(structs.Plane))
            buffer.length = len(self.shape.strides)
        return buffer, planes


def _set_format(node: Node, kind: int, mode: Mode | None) -> Shape:
    form = node.ask(structs.G_FMT, structs.Format(type=kind))
    pix = form.fmt.pix_mp if kind == structs.CAPTURE_MPLANE else form.fmt.pix
    if mode is not None:
        pix.width, pix.height, pix.pixelformat = mode.format.width, mode.format.height, mode.code
        pix.field = structs.FIELD_ANY
        if kind == structs.CAPTURE_MPLANE:
            pix.num_planes = 0
            ctypes.memset(ctypes.byref(pix.plane_fmt), 0, ctypes.sizeof(pix.plane_fmt))
        else:
            pix.bytesperline = pix.sizeimage = 0
        node.ask(structs.S_FMT, form)
    if kind == structs.CAPTURE_MPLANE:
        strides = tuple(pix.plane_fmt[i].bytesperline for i in range(pix.num_planes))
    else:
        strides = (pix.bytesperline,)
    return Shape(pix.pixelformat, pix.width, pix.height, strides, pix.quantization == 1)


def _set_rate(node: Node, kind: int, fps: float) -> float:
    """The rate that the driver says it gives; what was asked for where it does not say."""
    try:
        parm = node.ask(structs.G_PARM, structs.StreamParm(type=kind))
        capture = parm.parm.capture
        if fps and capture.capability & structs.CAP_TIMEPERFRAME:
            capture.timeperframe = structs.Fraction(1000, round(fps * 1000))
            node.ask(structs.S_PARM, parm)
    except OSError as error:
        if error.errno not in (errno.ENOTTY, errno.EINVAL):
            raise
        return fps
    return rate_of(capture.timeperframe) or fps


def _instant(buffer: structs.Buffer) -> int | None:
    stamp = int(buffer.timestamp.tv_sec) * 1_000_000_000 + int(buffer.timestamp.tv_usec) * 1000
    monotonic = buffer.flags & structs.BUF_TIMESTAMP_MASK == structs.BUF_TIMESTAMP_MONOTONIC
    return stamp if monotonic and stamp > 0 else None


def format_of(stream: Stream, mode: VideoFormat) -> VideoFormat:
    """What the stream gives, in the words of a mode."""
    return VideoFormat(stream.shape.width, stream.shape.height, stream.fps, mode.pixel_format, mode.codec)
