"""Open devices: something that makes media, and a beat."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

from jackfield.roles import CaptureSink
from jackfield.values.devices import Device
from jackfield.values.errors import CallError, DeviceError
from jackfield.values.formats import AudioFormat, MediaFormat, VideoFormat
from jackfield.values.media import AudioBlock, VideoFrame
from jackfield_synthetic.driver import CARDS, TONES
from jackfield_synthetic.options import Options
from jackfield_synthetic.ticker import Ticker


class Source(Protocol):
    """Makes one picture or block at a time."""

    period_ns: int

    @property
    def format(self) -> MediaFormat:
        """What it makes."""

    def take(self, due_ns: int) -> VideoFrame | AudioBlock:
        """The next one, for this instant."""

    def close(self) -> None:
        """What it holds is given back. On the thread that takes."""


class TickedCapture:
    """A capture that takes from a source at each beat."""

    def __init__(self, device: Device, source: Source, clock_ns: Callable[[], int]) -> None:
        self.device = device
        self.format = source.format
        self._source = source
        self._ticker = Ticker(device.id, source.period_ns, clock_ns=clock_ns)
        self._sink: CaptureSink | None = None
        self._timer: threading.Timer | None = None

    @property
    def stopped(self) -> bool:
        """Whether it delivers no more."""
        return self._ticker.stopped

    def start(self, sink: CaptureSink) -> None:
        """Media flows to the sink, on a thread of this capture."""
        self._sink = sink
        self._ticker.start(self._tick)
        if self._timer:
            self._timer.start()

    def stop(self) -> None:
        """The thread has ended."""
        if self._timer:
            self._timer.cancel()
        self._ticker.stop()
        self._source.close()

    def lose(self, error: CallError) -> None:
        """Ends by itself, as a device does whose plug is pulled."""
        if not self.stopped and self._sink:
            self._ticker.stop()
            self._sink.fail(error)

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Does this so long after the start, unless it was stopped by then."""
        self._timer = threading.Timer(seconds, action)
        self._timer.daemon = True

    def _tick(self, due_ns: int) -> None:
        assert self._sink is not None
        try:
            media = self._source.take(due_ns)
        except CallError as error:
            self.lose(error)
        else:
            self._sink.deliver(media)


def open_capture(device: Device, format: MediaFormat, options: Options, clock_ns: Callable[[], int]) -> TickedCapture:
    """The device, with the source that suits it."""
    return TickedCapture(device, _source(device, format, options), clock_ns)


def _source(device: Device, format: MediaFormat, options: Options) -> Source:
    if isinstance(format, VideoFormat) != (device.kind in ("camera", "screen")):
        raise DeviceError(f"{device.id} is a {device.kind} and cannot be opened as {format}")
    if device.id.startswith("synthetic:file"):
        from jackfield_synthetic.media_file import FilePictures, FileSound

        return FilePictures(device.address) if isinstance(format, VideoFormat) else FileSound(device.address, format)
    if isinstance(format, AudioFormat):
        from jackfield_synthetic.tones import ToneSource

        return ToneSource(_number(device, TONES), format)
    from jackfield_synthetic.card import CardSource

    return CardSource(_number(device, CARDS), format)


def _number(device: Device, among: tuple[Device, ...]) -> int:
    return [known.id for known in among].index(device.id)
