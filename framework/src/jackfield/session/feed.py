"""What feeds a publication: a device or a program's source, opened, and put where its encoder takes it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import TypeVar

from attrs import evolve

from jackfield.media.negotiation import passthrough_mode
from jackfield.roles import Capture, CaptureDriver
from jackfield.session.intake import Intake, Tap
from jackfield.session.opening import TooSlow, aside, begun, bordered, opened
from jackfield.session.sources import AudioSource, SourceCapture, VideoSource
from jackfield.values.devices import Device
from jackfield.values.errors import CallError, DeviceGone, PluginError
from jackfield.values.formats import MediaFormat, VideoFormat, impossible

logger = logging.getLogger("jackfield.media")

Answer = TypeVar("Answer")

OPEN_TIMEOUT_S, STOP_TIMEOUT_S = 10.0, 3.0


class Feed:
    """One capture, opened and started at most once; `open`, `start` and `stop` keep slow devices off the event loop."""

    def __init__(
        self,
        format: MediaFormat,
        *,
        device: Device | None = None,
        driver: CaptureDriver | None = None,
        source: VideoSource | AudioSource | None = None,
        find: Callable[[], Device | None] = lambda: None,
        modes: Callable[[Device], Sequence[MediaFormat]] = lambda device: (),
        codecs: Collection[str] = (),
    ) -> None:
        """``find`` answers with the device as it is now: it may have come back under another address. ``codecs`` are
        those in which its pictures may come encoded, where ``modes`` has one near ``format``. Both may block."""
        self.device, self._driver, self._source = device, driver, source
        self.format: MediaFormat = source.format if source is not None else format
        self.capture: Capture | None = None
        self.codecs = codecs
        self._wish, self._find, self._modes = self.format, find, modes
        self._started = self._was_open = False
        self._tap: Tap | None = None

    @property
    def treated(self) -> bool:
        """Whether processors may change what comes: a device's media, or what a program asks for."""
        return self._source is None or getattr(self._source, "process", False)

    @property
    def is_video(self) -> bool:
        """Whether pictures come, not sound."""
        return isinstance(self.format, VideoFormat)

    @property
    def codec(self) -> str | None:
        """The codec that comes, where the source is already encoded."""
        return self.format.codec if isinstance(self.format, VideoFormat) else None

    @property
    def gives_raw(self) -> bool:
        """Whether what came of it last was not encoded."""
        return self._tap is not None and self._tap.gives_raw

    def turned_raw(self) -> None:
        """Its source gives raw pictures from now on, where it gave encoded ones."""
        if isinstance(self.format, VideoFormat):
            self.format = evolve(self.format, codec=None)

    def narrow(self, codec: str) -> None:
        """The track is of this codec now: opened anew, the device may encode to no other."""
        self.codecs = [each for each in self.codecs if each == codec]

    async def open(self) -> None:
        """The device is open and its format known; `DeviceError` says why not."""
        if self.capture is not None:
            return
        if self._was_open and self.device is not None:
            self.device = await aside(self._find) or self.device
        if self._source is not None:
            self.capture = SourceCapture(self._source)
        else:
            self.capture = await self._opened()
        self.format, self._was_open = self.capture.format, True

    async def _opened(self) -> Capture:
        assert self._driver is not None
        assert self.device is not None
        driver, device = self._driver, self.device
        opening = opened(
            lambda: driver.open(device, self._wanted(device)), lambda capture: capture.stop(), timeout_s=OPEN_TIMEOUT_S
        )
        try:
            capture = await self._bordered(opening)
        except TooSlow:
            found = f"{device.label} did not open within {OPEN_TIMEOUT_S:g} s"
            raise DeviceGone(f"{found}; unplug it and try again") from None
        try:
            self._check(capture)
        except PluginError:
            self.capture = capture if callable(getattr(capture, "stop", None)) else None
            await self.stop()
            raise
        return capture

    def _check(self, capture: Capture) -> None:
        """`PluginError` where what a plugin has opened is not what a capture has to be."""
        wanted, format = type(self._wish), getattr(capture, "format", None)
        if isinstance(format, wanted) and not impossible(format):
            return
        who = f"{self.device.label} ({self.device.id})" if self.device else "a source"
        found = f"{who}: its plugin opened {type(capture).__name__} {capture!r:.100}, whose format is "
        found += f"{format!r:.200}, which no device has" if isinstance(format, wanted) else f"no {wanted.__name__}"
        raise PluginError(f"{found}; mend the plugin, or name another device")

    def _wanted(self, device: Device) -> MediaFormat:
        """What the device is asked for, on the thread that opens it."""
        if not isinstance(self._wish, VideoFormat) or not self.codecs:
            return self._wish
        return passthrough_mode(self._modes(device), self._wish, self.codecs) or self._wish

    async def start(self, intake: Intake, failed: Callable[[CallError], None]) -> None:
        """Media flows; ``failed`` is told, on any thread, when the capture ends by itself."""
        capture = self.capture
        if not self._started and capture is not None:
            self._started = True
            tap = self._tap = Tap(intake, failed)
            try:
                await self._bordered(begun(lambda: capture.start(tap), capture.stop, timeout_s=OPEN_TIMEOUT_S))
            except (asyncio.CancelledError, TooSlow) as exc:
                self.capture, self._started = None, False  # it is stopped once it has started
                if isinstance(exc, TooSlow):
                    what = self.device.label if self.device else "a source"
                    found = f"{what} did not start within {OPEN_TIMEOUT_S:g} s"
                    raise DeviceGone(f"{found}; unplug it and try again") from None
                raise
            except Exception:
                await self.stop()  # it is open, and others may want it
                raise

    async def _bordered(self, job: Awaitable[Answer]) -> Answer:
        device = self.device
        what = f"{device.label} ({device.id}) could not be opened" if device else "a source could not be started"
        return await bordered(job, what, "mend the plugin that drives it, or name another device")

    async def stop(self) -> None:
        """Closed, or given up after `STOP_TIMEOUT_S`; never raises. A feed that was stopped can be opened anew."""
        capture, self.capture = self.capture, None
        self._started = False
        if self._tap is not None:
            self._tap.off()
        if capture is None:
            return
        what = self.device.id if self.device else "a source"
        try:
            await opened(capture.stop, lambda _: None, timeout_s=STOP_TIMEOUT_S)
        except TooSlow:
            logger.warning("%s did not close within %g s and is left to its driver", what, STOP_TIMEOUT_S)
        except Exception:
            logger.warning("%s could not be closed", what, exc_info=True)
