"""What happens to our own media, and to the devices of this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from jackfield.values.event import Event

if TYPE_CHECKING:
    from jackfield.session.publication import Publication
    from jackfield.values.devices import Device
    from jackfield.values.errors import CallError
    from jackfield.values.settings import AudioMode


# --- our own media ------------------------------------------------------------------------------------------------
@frozen
class AudioMuted(Event):
    """Our microphone is off; ``by_moderator`` when somebody else did it."""

    by_moderator: bool = False


@frozen
class AudioUnmuted(Event):
    """Our microphone is on."""


@frozen
class VideoPaused(Event):
    """Our camera is off; ``by_moderator`` when somebody else did it."""

    by_moderator: bool = False


@frozen
class VideoResumed(Event):
    """Our camera is on."""


@frozen
class ScreenShareStarted(Event):
    """Our screen is to be seen."""


@frozen
class ScreenShareStopped(Event):
    """Our screen is no longer to be seen."""


@frozen
class AudioModeChanged(Event):
    """Sound comes out of another kind of loudspeaker."""

    mode: AudioMode


@frozen
class CameraChanged(Event):
    """The camera in use; None: none."""

    device: Device | None


@frozen
class MicrophoneChanged(Event):
    """The microphone in use; None: none."""

    device: Device | None


@frozen
class SpeakerChanged(Event):
    """The loudspeaker in use; None: none."""

    device: Device | None


@frozen
class CamerasChanged(Event):
    """A camera was plugged in or pulled out, or its state changed; all that are there now."""

    devices: tuple[Device, ...]


@frozen
class MicrophonesChanged(Event):
    """A microphone was plugged in or pulled out, or its state changed; all that are there now."""

    devices: tuple[Device, ...]


@frozen
class SpeakersChanged(Event):
    """A loudspeaker was plugged in or pulled out, or its state changed; all that are there now."""

    devices: tuple[Device, ...]


@frozen
class ScreensChanged(Event):
    """A screen or window came or went; all that are there now."""

    devices: tuple[Device, ...]


@frozen
class CameraFacingChanged(Event):
    """The camera in use looks the other way now: ``front`` or ``rear``."""

    facing: str


@frozen
class DeviceLost(Event):
    """A device in use has gone; ``error`` says how. Its track stays published: others see a placeholder or hear
    silence until `DeviceRestored`, or until another device takes its place."""

    device: Device
    error: CallError


@frozen
class DeviceRestored(Event):
    """A device that was lost is in use again, and its first picture or sound has come."""

    device: Device


@frozen
class NoAudioInput(Event):
    """A microphone that is on has given digital silence, or nothing, for ``silent_s``.

    Told once; and once more, with ``ended``, when it is heard again. ``device`` is None where a program gives the
    sound.
    """

    device: Device | None
    silent_s: float
    ended: bool = False


@frozen
class TalkingWhileMuted(Event):
    """Somebody speaks into the microphone that is muted. Nothing is sent; told at most every half minute."""

    device: Device | None


@frozen
class EncoderChanged(Event):
    """A publication's encoder is another one now: ``encoder`` in place of ``before``, for what ``before`` did."""

    publication: Publication
    encoder: str
    reason: str
    before: str = ""
