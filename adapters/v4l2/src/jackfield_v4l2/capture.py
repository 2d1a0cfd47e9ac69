"""One open camera: a thread that waits for pictures, never longer than the deadline, and hands them on."""

from __future__ import annotations

import errno
import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress

from attrs import evolve, field, frozen

from jackfield.roles import CaptureSink
from jackfield.values.devices import Device
from jackfield.values.errors import CallError, DeviceError, DeviceGone
from jackfield.values.formats import MediaFormat, VideoFormat
from jackfield.values.media import EncodedFrame, Media, VideoFrame
from jackfield_v4l2.border import named, translated
from jackfield_v4l2.deadline import Deadline
from jackfield_v4l2.h264_unit import Steering
from jackfield_v4l2.kernel import Ready
from jackfield_v4l2.modes import Mode
from jackfield_v4l2.node import Node
from jackfield_v4l2.options import Options
from jackfield_v4l2.pictures import Damaged, Unpacks, layout_for, unpacker
from jackfield_v4l2.source_change import adopt_signal, changed_signal
from jackfield_v4l2.stream import Filled, Stream, format_of

logger = logging.getLogger("jackfield.v4l2")

#: `V4l2Capture.stop` waits so long for the thread; a driver that blocks longer is left to it.
STOP_S = 0.6
#: While nothing is received, it is looked for so often.
_SIGNAL_S = 0.25
#: A driver's instant that is older than this, or in the future, is not believed.
_BELIEVED_NS = 2_000_000_000


@frozen
class Opened:
    """What a capture is made of."""

    device: Device
    node: Node
    stream: Stream
    mode: Mode
    wanted: VideoFormat
    steering: Steering
    options: Options
    clock_ns: Callable[[], int] = time.monotonic_ns
    #: Told of a camera that was given up as frozen.
    froze: Callable[[Device], None] = field(default=lambda device: None)


class V4l2Capture:
    """One open camera. What can be steered besides is in the subclasses (`steered`), so that each says what it can."""

    def __init__(self, opened: Opened) -> None:
        self.device = opened.device
        self._opened, self._node, self._stream = opened, opened.node, opened.stream
        self.format: MediaFormat
        self._form: VideoFormat
        self._unpacker: Unpacks
        self._adopt()
        self._wake, self._nudge = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._closed = False
        self._thread: threading.Thread | None = None
        self._keyframe_wanted = False
        self._bitrate_bps: int | None = None
        self._last_ns = 0
        self._deadline = Deadline(opened.clock_ns)
        self._silent = False
        self._damaged = self._lost = 0
        self._sequence: int | None = None
        self._told: set[str] = set()

    def start(self, sink: CaptureSink) -> None:
        """The camera runs; `DeviceError` says why it does not."""
        with self._translated("starting"):
            self._stream.start()
        self._deadline.set(self._opened.options.first_picture_s, halves=False)
        self._thread = threading.Thread(target=self._run, args=(sink,), name=f"v4l2 {self.device.address}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """The camera is closed within a second; one whose driver blocks is closed as soon as it no longer does."""
        self._stopping.set()
        self._poke()
        thread = self._thread
        if thread is None:
            thread = threading.Thread(target=self._close, name=f"v4l2 close {self.device.address}", daemon=True)
            self._thread = thread
            thread.start()
        if thread is not threading.current_thread():
            thread.join(STOP_S)
            if thread.is_alive():
                logger.warning("%s: its driver blocks; it is closed as soon as it answers", self.device.id)

    def _ask(self, *, keyframe: bool = False, bitrate_bps: int | None = None) -> None:
        """The thread asks this of the camera as soon as it can."""
        with self._lock:
            self._keyframe_wanted |= keyframe
            self._bitrate_bps = self._bitrate_bps if bitrate_bps is None else bitrate_bps
        self._poke()

    # --- on the capture's thread
    def _run(self, sink: CaptureSink) -> None:
        error: CallError | None = None
        try:
            while not self._stopping.is_set():
                self._step(sink)
        except CallError as exc:
            error = exc
        except OSError as exc:
            error = self._ended(exc)
        except Exception as exc:
            logger.exception("%s: reading it failed", self.device.id)
            error = DeviceError(f"{self.device.label} ({self.device.id}) could not be read: {exc!r}")
        finally:
            self._close()
        if error is not None and not self._stopping.is_set():
            sink.fail(error)

    def _ended(self, error: OSError) -> CallError:
        """An unplugged device may answer with another error for the blink that its node outlives it."""
        for _ in range(10):
            if error.errno == errno.ENODEV or not self._node.kernel.exists(self.device.address):
                break
            self._stopping.wait(0.05)
        return named(self.device, self._node.kernel, "reading", error)

    def _step(self, sink: CaptureSink) -> None:
        wait = self._node.kernel.wait
        if self._silent:  # a queue that does not run would answer at once
            ready = wait(-1, self._wake, min(_SIGNAL_S, self._deadline.left_s))
        else:
            ready = wait(self._node.fd, self._wake, self._deadline.left_s)
        if ready.woken:
            with suppress(BlockingIOError):
                os.read(self._wake, 64)
        self._steer()
        if self._silent or (ready.event and changed_signal(self._node)):
            self._follow_signal()
        elif ready.picture or ready.error:
            self._take(sink, ready)
        if self._deadline.left_s <= 0 and not self._stopping.is_set():
            self._overdue()

    def _take(self, sink: CaptureSink, ready: Ready) -> None:
        """Every encoded picture that is there; of raw ones the newest."""
        try:
            filled = self._stream.take()
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            self._damaged += 1  # "can also indicate temporary problems": the deadline decides
            self._stopping.wait(0.02)
            return
        if filled is None and ready.error:
            raise OSError(errno.ENODEV, "the driver gives no more pictures")
        while filled is not None:
            newer = self._stream.take() if self._skips else None
            if newer is None:
                self._hand_on(sink, filled)
                filled = None if self._skips or self._stopping.is_set() else self._stream.take()
            else:
                self._stream.give_back(filled.index)
                filled = newer

    @property
    def _skips(self) -> bool:
        return self._form.codec is None and self._opened.mode.format.codec is None

    def _hand_on(self, sink: CaptureSink, filled: Filled) -> None:
        self._count(filled)
        try:
            if filled.damaged:
                raise Damaged("the driver says that it is not whole")
            media = self._unpacker.take(filled.parts, self._instant(filled))
        except Damaged as reason:
            self._lost += 1
            self._damaged += 1
            self._say(f"a picture was damaged: {reason}", f"damaged {type(reason)}")
            if self._form.codec:
                self._keyframe_wanted = True
            return
        finally:
            for part in filled.parts:
                part.release()
            self._stream.give_back(filled.index)
        if media is not None and not self._stopping.is_set():
            self._deliver(sink, media)

    def _count(self, filled: Filled) -> None:
        """Encoded pictures build on each other: after one that the driver had to drop, a keyframe is wanted."""
        before, self._sequence = self._sequence, filled.sequence
        missing = filled.sequence - before - 1 if before is not None else 0
        if missing > 0 and not self._skips:
            self._lost += missing
            self._keyframe_wanted = True

    def _deliver(self, sink: CaptureSink, media: Media) -> None:
        assert isinstance(media, VideoFrame | EncodedFrame)
        if (media.width, media.height) != (self._form.width, self._form.height):
            self._say(f"it gives {media.width}x{media.height}, not {self.format}", f"size {media.width}x{media.height}")
            self._becomes(evolve(self._form, width=media.width, height=media.height))
        if isinstance(media, EncodedFrame) and self._lost:
            media = evolve(media, lost_before=self._lost)
        self._lost = self._damaged = 0
        self._deadline.set(max(self._opened.options.frozen_after_s, 4 / (self._form.fps or 30)))
        sink.deliver(media)

    def _overdue(self) -> None:
        """Halfway through the deadline the stream is started anew, which mends many a camera; then it is given up."""
        if self._deadline.second_half():
            self._say("it gives no pictures; its stream is started anew", "restart")
            self._stream.halt()
            self._stream.start()
            self._keyframe_wanted = True
            return
        if self._silent:
            raise DeviceGone(f"{self.device.label} ({self.device.id}) receives no signal: see what is plugged into it")
        who, silent = f"{self.device.label} ({self.device.id})", self._deadline.seconds
        if self._damaged:
            raise DeviceError(
                f"{who} gave {self._damaged} pictures in {silent:g} s and none of them whole: try another cable or "
                "port, or a smaller mode"
            )
        self._opened.froze(self.device)
        raise DeviceGone(
            f"{who} is frozen: it is plugged in and gave no picture for {silent:g} s; unplug it and plug it in again",
            details={"device": self.device.id, "frozen": True},
        )

    def _follow_signal(self) -> None:
        """What is plugged into the device sends another size now: everything is set up anew for it."""
        if not self._silent:
            self._stream.close()
            self._deadline.set(self._opened.options.frozen_after_s, halves=False)
        self._silent = not adopt_signal(self._node)
        if not self._silent:
            self._stream = Stream.prepared(self._node, None)
            self._stream.start()
            before = self.format
            self._adopt()
            self._say(f"its signal changed from {before} to {self.format}", f"signal {self.format}")
            self._deadline.set(self._opened.options.first_picture_s, halves=False)

    def _adopt(self) -> None:
        form = format_of(self._stream, self._opened.mode.format)
        self._unpacker = unpacker(self._stream.shape, form, self._opened.wanted)
        raw = form.codec is None or self._opened.wanted.codec is None
        self._becomes(evolve(form, codec=None, pixel_format=layout_for(self._opened.wanted)) if raw else form)

    def _becomes(self, form: VideoFormat) -> None:
        self.format = self._form = form

    def _steer(self) -> None:
        steering = self._opened.steering
        with self._lock:
            keyframe, self._keyframe_wanted = self._keyframe_wanted, False
            bitrate, self._bitrate_bps = self._bitrate_bps, None
        try:
            if bitrate is not None and steering.bitrate:
                steering.bitrate(bitrate)
            if keyframe and steering.keyframe:
                steering.keyframe()
        except OSError as error:
            if not self._node.kernel.exists(self.device.address):
                raise
            self._say(f"its encoder cannot be steered: {error}", "steering")

    def _instant(self, filled: Filled) -> int:
        """The driver's own instant where it can be believed; instants grow whatever the driver says."""
        now = self._opened.clock_ns()
        taken = filled.time_ns if filled.time_ns and now - _BELIEVED_NS < filled.time_ns <= now else now
        self._last_ns = max(taken, self._last_ns + 1)
        return self._last_ns

    def _say(self, what: str, once: str) -> None:
        level = logging.DEBUG if once in self._told else logging.WARNING
        self._told.add(once)
        logger.log(level, "%s: %s", self.device.id, what)

    def _translated(self, doing: str) -> AbstractContextManager[None]:
        return translated(self.device, self._node.kernel, doing)

    def _poke(self) -> None:
        with self._lock:
            if not self._closed:
                with suppress(BlockingIOError):
                    os.write(self._nudge, b"\0")

    def _close(self) -> None:
        self._stream.close()
        self._node.close()
        with self._lock:
            if not self._closed:
                self._closed = True
                os.close(self._wake)
                os.close(self._nudge)
