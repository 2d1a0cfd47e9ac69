"""What feeds a publication: a device or a program's source, opened, and put where its encoder takes it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from jackfield.roles import Capture, CaptureDriver
from jackfield.session.handover import Handover
from jackfield.session.opening import TooSlow, bordered, opened
from jackfield.session.sources import AudioSource, SourceCapture, VideoSource
from jackfield.values.devices import Device
from jackfield.values.errors import CallError, DeviceGone
from jackfield.values.formats import AudioFormat, MediaFormat, VideoFormat
from jackfield.values.media import AudioBlock, EncodedFrame, Media, VideoFrame

Answer = TypeVar("Answer")

OPEN_TIMEOUT_S = 10.0
#: Raw media that waits for the encoder: the newest picture, or 200 ms of sound.
PICTURES, BLOCKS = 1, 20


class Intake:
    """The sink of one publication's capture. ``closed_to`` says why nothing is taken just now; none of it waits."""

    def __init__(self, kind: str, encoded: Callable[[EncodedFrame], None], failed: Callable[[CallError], None]) -> None:
        self.raw: Handover[VideoFrame | AudioBlock] = Handover(PICTURES if kind == "video" else BLOCKS)
        self.open = False
        self.taken = 0
        self._encoded, self._failed = encoded, failed

    def deliver(self, media: Media) -> None:
        """Takes one frame or block, on the capture's thread."""
        if not self.open:
            return
        self.taken += 1
        if isinstance(media, EncodedFrame):
            self._encoded(media)
        else:
            self.raw.put(media)

    def fail(self, error: CallError) -> None:
        """The capture has ended by itself."""
        self._failed(error)


class Feed:
    """One capture, opened and started at most once; `open`, `start` and `stop` keep slow devices off the event loop."""

    def __init__(
        self,
        format: MediaFormat,
        *,
        device: Device | None = None,
        driver: CaptureDriver | None = None,
        source: VideoSource | AudioSource | None = None,
    ) -> None:
        self.device, self._driver, self._source = device, driver, source
        self.format: MediaFormat = source.format if source is not None else format
        self.capture: Capture | None = None
        self._started = False

    @property
    def is_video(self) -> bool:
        """Whether pictures come, not sound."""
        return isinstance(self.format, VideoFormat)

    @property
    def codec(self) -> str | None:
        """The codec that comes, where the source is already encoded."""
        return self.format.codec if isinstance(self.format, VideoFormat) else None

    async def open(self) -> None:
        """The device is open and its format known; `DeviceError` says why not."""
        if self.capture is not None:
            return
        if self._source is not None:
            self.capture = SourceCapture(self._source)
        else:
            self.capture = await self._opened()
        self.format = self.capture.format

    async def _opened(self) -> Capture:
        assert self._driver is not None
        assert self.device is not None
        driver, device, wanted = self._driver, self.device, self.format
        opening = opened(lambda: driver.open(device, wanted), lambda capture: capture.stop(), timeout_s=OPEN_TIMEOUT_S)
        try:
            return await self._bordered(opening)
        except TooSlow:
            found = f"{device.label} did not open within {OPEN_TIMEOUT_S:g} s"
            raise DeviceGone(f"{found}; unplug it and try again") from None

    async def start(self, sink: Intake) -> None:
        """Media flows."""
        capture = self.capture
        if not self._started and capture is not None:
            self._started = True
            try:
                await self._bordered(opened(lambda: capture.start(sink), lambda _: capture.stop()))
            except asyncio.CancelledError:
                self.capture, self._started = None, False  # it is stopped once it has started
                raise

    async def _bordered(self, job: Awaitable[Answer]) -> Answer:
        device = self.device
        what = f"{device.label} ({device.id}) could not be opened" if device else "a source could not be started"
        return await bordered(job, what, "mend the plugin that drives it, or name another device")

    async def stop(self) -> None:
        """Closed. A feed that was stopped can be opened anew."""
        capture, self.capture = self.capture, None
        self._started = False
        if capture is not None:
            await asyncio.to_thread(capture.stop)


def wanted_format(kind: str, width: int, height: int, fps: float) -> MediaFormat:
    """What a device is asked for."""
    return VideoFormat(width, height, fps) if kind == "video" else AudioFormat()
