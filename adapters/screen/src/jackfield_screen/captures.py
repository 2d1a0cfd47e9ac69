"""An open screen or window: a steady beat, and pictures that follow its size."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from jackfield.roles import CaptureSink
from jackfield.values.devices import Device
from jackfield.values.errors import CallError, DeviceError, DeviceGone
from jackfield.values.formats import MediaFormat, VideoFormat
from jackfield.values.media import VideoFrame
from jackfield_screen.desktop import PIXEL_FORMAT, Area, View
from jackfield_screen.grabber import Grabber

_log = logging.getLogger("jackfield.screen")

#: A size that changes under a picture costs a picture; one that cannot be taken for so long has failed.
_PATIENCE_S = 2.0
#: How often it is looked whether the display has answered; one that has not for so many looks is gone. Its connection
#: would wait for ever. Looks are counted and not seconds: a process that was stopped itself is no reason.
_LOOK_S, _LOOKS = 1.0, 5
#: A beat that comes too late by more than this is left out rather than caught up with.
_TOO_LATE_NS = 100_000_000


class ScreenCapture:
    """Takes a picture at each beat. ``format`` is that of the latest."""

    def __init__(
        self,
        device: Device,
        view: View,
        fps: float,
        *,
        cursor: bool = True,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._device, self._view, self._cursor, self._clock_ns = device, view, cursor, clock_ns
        self._fps, self._period_ns = fps, round(1e9 / fps)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._guarding: threading.Thread | None = None
        self._grabber: Grabber | None = None
        self._failing_since_ns: int | None = None
        self._taking_since_ns: int | None = None
        self._is_told = threading.Lock()
        try:
            self.format: MediaFormat = self._opened()
        except BaseException:
            view.close()
            raise

    def _opened(self) -> VideoFormat:
        area = self._view.look()
        if area is None:
            raise DeviceError(f"{self._device.label} cannot be seen: it is minimised; show it, and try again")
        self._grabber = Grabber(self._device.label, area, cursor=self._cursor)
        return VideoFormat(area.width, area.height, self._fps, PIXEL_FORMAT)

    #: A window that is minimised gives nothing for as long as it is, and is no lost device; a display that hangs or
    #: fails is told of.
    mends_itself = True

    def start(self, sink: CaptureSink) -> None:
        """Pictures go to the sink, on a thread of this capture."""
        self._thread = threading.Thread(target=self._run, args=(sink,), name=self._device.id, daemon=True)
        self._thread.start()
        self._guarding = threading.Thread(
            target=self._guard, args=(sink,), name=f"{self._device.id} guard", daemon=True
        )
        self._guarding.start()

    def _guard(self, sink: CaptureSink) -> None:
        """Tells of a display whose connection hangs in a picture: that thread can be neither ended nor waited for."""
        seen, looks = None, 0
        while looks < _LOOKS:
            if self._stopping.wait(_LOOK_S):
                return
            taking = self._taking_since_ns
            looks = looks + 1 if taking is not None and taking == seen else 0
            seen = taking
        found = f"{self._device.label} ({self._device.id}) has not answered for {_LOOKS * _LOOK_S:g} s"
        self._fail(sink, DeviceGone(f"{found}: its display hangs, or was stopped; see to it, or name another screen"))

    def _fail(self, sink: CaptureSink, error: CallError) -> None:
        if self._is_told.acquire(blocking=False) and not self._stopping.is_set():
            sink.fail(error)

    def stop(self) -> None:
        """Nothing more comes, and the connections to the screen are closed."""
        self._stopping.set()
        if self._thread is None:
            self._close()
        else:
            for thread in (self._thread, self._guarding):
                if thread is not None and thread is not threading.current_thread():
                    thread.join(timeout=0.9)

    def _run(self, sink: CaptureSink) -> None:
        due_ns = self._clock_ns()
        try:
            while not self._stopping.is_set():
                self._taking_since_ns = self._clock_ns()
                self._take(sink)
                self._taking_since_ns = None
                due_ns = self._next(due_ns)
                self._stopping.wait(max(0, due_ns - self._clock_ns()) / 1e9)
        except CallError as error:
            self._fail(sink, error)
        finally:
            self._stopping.set()  # the guard's end too
            self._close()

    def _next(self, due_ns: int) -> int:
        now_ns = self._clock_ns()
        due_ns += self._period_ns
        return now_ns if due_ns < now_ns - _TOO_LATE_NS else due_ns

    def _take(self, sink: CaptureSink) -> None:
        """One picture, if it can be seen; one whose size changed in the middle is left out."""
        area = self._view.look()
        if area is None:
            return
        try:
            grabber = self._grabber_of(area)
            picture = grabber.take()
        except DeviceError as error:
            self._bear(error)
            return
        self._failing_since_ns = None
        if picture is not None and not self._stopping.is_set():
            sink.deliver(VideoFrame(picture, self._clock_ns()))

    def _grabber_of(self, area: Area) -> Grabber:
        if self._grabber is not None and self._grabber.area == area:
            return self._grabber
        self._shut()
        self._grabber = Grabber(self._device.label, area, cursor=self._cursor)
        now = VideoFormat(area.width, area.height, self._fps, PIXEL_FORMAT)
        if now != self.format:
            _log.info("%s is now %s", self._device.id, now)
            self.format = now
        return self._grabber

    def _bear(self, error: DeviceError) -> None:
        self._shut()
        now_ns = self._clock_ns()
        if self._failing_since_ns is None:
            self._failing_since_ns = now_ns
        elif now_ns - self._failing_since_ns > _PATIENCE_S * 1e9:
            raise error

    def _shut(self) -> None:
        if self._grabber is not None:
            self._grabber.close()
            self._grabber = None

    def _close(self) -> None:
        self._shut()
        self._view.close()
