"""The keys of ``[sounddevice]`` in ``jackfield.toml``."""

from __future__ import annotations

from attrs import field, frozen, validators


@frozen
class Options:
    """How devices are opened, and which are listed beside those that are found."""

    #: How much sound the device itself may hold, in milliseconds. Less is a shorter delay, and more gaps on a machine
    #: that is busy.
    latency_ms: float = field(default=20.0, validator=[validators.ge(2), validators.le(500)])
    #: Names of PCMs in ALSA's own configuration (``.asoundrc``) that are to be listed as microphone and loudspeaker.
    pcms: tuple[str, ...] = ()
    #: Seconds without a callback after which an open device counts as gone.
    stalled_after_s: float = field(default=0.6, validator=[validators.ge(0.2), validators.le(30)])
