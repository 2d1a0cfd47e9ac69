"""Factories: they describe and probe, and import native libraries only when something is opened."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Literal

from attrs import define, field

from jackfield.roles import AudioProcessor, VideoProcessor
from jackfield.values.devices import Device
from jackfield.values.findings import Finding
from jackfield.values.settings import SessionSettings

if TYPE_CHECKING:
    from jackfield_processing.options import Options

RANK = 50
LIBRARY = "pywebrtc-audio"


@define(eq=False)
class WebrtcFactory:
    """Opens WebRTC's audio processing module."""

    options: Options
    kind: Literal["audio", "video"] = "audio"
    name: str = "webrtc"
    rank: int = RANK
    does: tuple[str, ...] = ("echo_cancellation", "noise_suppression", "auto_gain_control")

    def unsuited(self, what: str, device: Device | None, settings: SessionSettings) -> str | None:
        """A microphone that the options leave alone."""
        if device is not None and device.id in self.options.leave:
            return f"[processing] leave names {device.id}"
        return None

    def probe(self) -> str | None:
        """Whether the library is there and can be loaded."""
        try:
            import pywebrtc_audio  # noqa: F401
        except ModuleNotFoundError:
            return f"{LIBRARY} is not installed: pip install {LIBRARY}"
        except Exception as exc:
            return f"{LIBRARY} cannot be loaded: {exc}"
        return None

    def diagnose(self) -> Sequence[Finding]:
        """What calls go without while the library is missing."""
        reason = self.probe()
        if reason is None:
            return ()
        fix = f"pip install {LIBRARY}, where it has a wheel for this machine; headphones keep the echo out meanwhile"
        return (Finding("warning", LIBRARY, f"no echo, noise or gain is dealt with: {reason}", fix),)

    def open(self, what: Collection[str], device: Device | None, settings: SessionSettings) -> AudioProcessor:
        """The module with these parts on and no others."""
        from jackfield_processing.webrtc import WebrtcProcessor

        return WebrtcProcessor(what, self.options)


@define(eq=False)
class FramingFactory:
    """Opens what crops, turns and mirrors the pictures of the cameras that the options name."""

    options: Options
    kind: Literal["audio", "video"] = "video"
    name: str = "framing"
    rank: int = RANK
    #: What some camera is to have done to it.
    does: tuple[str, ...] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.does = self.options.framing

    def unsuited(self, what: str, device: Device | None, settings: SessionSettings) -> str | None:
        """A camera that the options do not name for this."""
        if device is None:
            return "a program's pictures are sent as they are"
        asked = {
            "crop": self.options.crop_of(device.id) is not None,
            "rotate": self.options.rotation_of(device.id) != 0,
            "mirror": self.options.mirrors(device.id),
        }
        return None if asked[what] else f"[processing] {what} does not name {device.id}"

    def probe(self) -> str | None:
        """It needs PyAV, which is there wherever pictures are."""
        return None

    def open(self, what: Collection[str], device: Device | None, settings: SessionSettings) -> VideoProcessor:
        """Does this to each picture, in one pass."""
        from jackfield_processing.framing import Framing

        camera = device.id if device else ""
        return Framing(
            crop=self.options.crop_of(camera) if "crop" in what else None,
            rotate=self.options.rotation_of(camera) if "rotate" in what else 0,
            mirror="mirror" in what,
        )
