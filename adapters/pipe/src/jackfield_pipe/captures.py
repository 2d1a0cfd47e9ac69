"""Open devices: a running command and what reads it, with the abilities that its configuration gives it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from attrs import define

from jackfield.media.program.capture import Patience, ProgramCapture
from jackfield.media.program.encoded import H264Units, MjpegPictures
from jackfield.media.program.process import RunningProgram
from jackfield.media.program.raw import RawPictures, Samples, Y4mPictures
from jackfield.media.program.reader import Reader
from jackfield.values.devices import Device
from jackfield.values.errors import CallError
from jackfield.values.formats import AudioFormat, MediaFormat, VideoFormat
from jackfield_pipe.options import PipeDevice

#: A command is not started anew more often than this, for a keyframe or for a bitrate.
RESTART_S = 5.0
#: A bitrate has to differ by so much of the one before to be worth it.
WORTH = 0.25
_SIGNAL_S = 0.2
#: `open` must answer within the ten seconds that the framework gives it.
_FIRST_S = 8.0


@define
class Placeholders:
    """What stands for each name in braces; other braces are the command's own."""

    width: int
    height: int
    fps: float
    bitrate: int
    rate: int
    channels: int

    def filled(self, words: tuple[str, ...]) -> list[str]:
        """The command to start."""
        values = {name: f"{getattr(self, name):g}" for name in ("fps",)}
        values |= {name: str(getattr(self, name)) for name in ("width", "height", "bitrate", "rate", "channels")}
        names = re.compile(r"\{(" + "|".join(values) + r")\}")
        return [names.sub(lambda found: values[found[1]], word) for word in words]


class PipeCapture(ProgramCapture):
    """One command. Keyframes come when it makes them."""

    def __init__(
        self, device: Device, configured: PipeDevice, format: MediaFormat, given_up: Callable[[CallError], None]
    ) -> None:
        self._configured = configured
        self._placeholders = _placeholders(configured, format)
        self._acted_at = 0.0
        name = device.id.partition(":")[2]
        super().__init__(
            f"{device.label} ({device.id})",
            lambda: RunningProgram(self._placeholders.filled(configured.words)),
            lambda: reader_of(device, configured, self._placeholders, format),
            fix=f"run its command by hand, and correct [pipe.{name}]",
            patience=Patience(
                first_s=min(_FIRST_S, max(configured.timeout_s, 2.0)),
                stall_s=configured.timeout_s,
                give_up_s=configured.give_up_s,
            ),
            given_up=given_up,
        )

    def _is_time(self, least_s: float) -> bool:
        now = time.monotonic()
        if now - self._acted_at < least_s:
            return False
        self._acted_at = now
        return True


class SignalledCapture(PipeCapture):
    """A command that makes a keyframe when it gets a signal."""

    def force_keyframe(self) -> None:
        """The signal is sent."""
        number = self._configured.keyframe_signal
        if number is not None and self._is_time(_SIGNAL_S):
            self.signal(number)


class RestartedCapture(PipeCapture):
    """A command that begins with a keyframe whenever it is started."""

    def force_keyframe(self) -> None:
        """It is started anew, unless it just was."""
        if self._is_time(RESTART_S):
            self.restart()


class _Steered(PipeCapture):
    """A command that is started with the bitrate that the path carries."""

    def set_bitrate_bps(self, bitrate_bps: int) -> None:
        """It is started anew where that is worth it."""
        before = self._placeholders.bitrate
        if abs(bitrate_bps - before) > WORTH * before and self._is_time(RESTART_S):
            self._placeholders.bitrate = bitrate_bps
            self.restart()


class SteeredCapture(_Steered):
    """The same, and its keyframes come when it makes them."""


class SignalledSteeredCapture(_Steered, SignalledCapture):
    """Both."""


class RestartedSteeredCapture(_Steered, RestartedCapture):
    """Both."""


def open_capture(
    device: Device, configured: PipeDevice, format: MediaFormat, given_up: Callable[[CallError], None]
) -> PipeCapture:
    """The command has been started; it has the abilities that were configured."""
    steered, keyframe = configured.on_bitrate == "restart", configured.on_keyframe
    kinds: dict[tuple[bool, str], type[PipeCapture]] = {
        (False, ""): PipeCapture,
        (False, "restart"): RestartedCapture,
        (True, ""): SteeredCapture,
        (True, "restart"): RestartedSteeredCapture,
    }
    signalled = SignalledSteeredCapture if steered else SignalledCapture
    return kinds.get((steered, keyframe), signalled)(device, configured, format, given_up)


def reader_of(device: Device, configured: PipeDevice, with_: Placeholders, format: MediaFormat) -> Reader:
    """What reads this command's output from its beginning."""
    if isinstance(format, AudioFormat):
        return Samples(AudioFormat(with_.rate, with_.channels, format.ptime_ms), configured.format)
    wanted = VideoFormat(with_.width, with_.height, with_.fps)
    if configured.format == "h264":
        return H264Units(device.id, VideoFormat(with_.width, with_.height, with_.fps, codec=format.codec))
    if configured.format == "mjpeg":
        return MjpegPictures(wanted)
    if configured.format == "y4m":
        return Y4mPictures(wanted)
    return RawPictures(VideoFormat(with_.width, with_.height, with_.fps, configured.format))


def _placeholders(configured: PipeDevice, format: MediaFormat) -> Placeholders:
    wish = format if isinstance(format, VideoFormat) else VideoFormat()
    width, height = configured.width or max(16, wish.width & ~1), configured.height or max(16, wish.height & ~1)
    fps = configured.fps or wish.fps or 30.0
    return Placeholders(width, height, fps, configured.bitrate_bps, configured.rate, configured.channels)
