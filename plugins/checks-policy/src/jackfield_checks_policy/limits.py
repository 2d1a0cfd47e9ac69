"""The limits, each a function from options and settings to findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from jackfield.values.findings import Finding
from jackfield.values.settings import SessionSettings, SessionType
from jackfield_checks_policy.options import Options

Limit = Callable[[Options, SessionSettings], Iterator[Finding]]


def findings(options: Options, settings: SessionSettings) -> list[Finding]:
    """Everything in the settings that goes beyond what the options allow."""
    return [finding for limit in LIMITS for finding in limit(options, settings)]


def _size(options: Options, settings: SessionSettings) -> Iterator[Finding]:
    wanted = settings.video
    limits = [
        ("width", wanted.width, options.max_width, "pixels"),
        ("height", wanted.height, options.max_height, "pixels"),
        ("fps", wanted.fps, options.max_fps, "frames per second"),
        ("max_bitrate_bps", wanted.bitrate_bps, options.max_bitrate_bps, "bit/s"),
    ]
    for key, value, most, unit in limits:
        if settings.type is SessionType.VIDEO and most is not None and value > most:
            found = f"{_short(value)} {unit} is above the limit of {_short(most)}"
            yield Finding(options.severity, f"video.{key}", found, f"set it to {_short(most)} or less")


def _short(number: float) -> str:
    return str(int(number) if number == int(number) else number)


def _kind(options: Options, settings: SessionSettings) -> Iterator[Finding]:
    if settings.type is SessionType.VIDEO and not options.allow_video:
        yield Finding(options.severity, "type", "calls with pictures are not allowed", 'set type to "VOICE"')


def _codecs(options: Options, settings: SessionSettings) -> Iterator[Finding]:
    allowed = {name.upper() for name in options.allow_codecs}
    refused = [name for name in settings.video_codecs if allowed and name.upper() not in allowed]
    if refused:
        listed = ", ".join(options.allow_codecs)
        yield Finding(options.severity, "video_codecs", f"{', '.join(refused)} is not allowed", f"use {listed}")


def _encoders(options: Options, settings: SessionSettings) -> Iterator[Finding]:
    allowed = {name.lower() for name in options.allow_encoders}
    refused = [name for name in settings.encoders if allowed and name.lower() not in allowed]
    if refused:
        listed = ", ".join(options.allow_encoders)
        yield Finding(options.severity, "encoders", f"{', '.join(refused)} is not allowed", f"use {listed}")


def _recording(options: Options, settings: SessionSettings) -> Iterator[Finding]:
    asked = {"auto_start_recording": settings.auto_start_recording, "record_to": settings.record_to is not None}
    for key, is_asked in asked.items():
        if is_asked and not options.allow_recording:
            yield Finding(options.severity, key, "recording is not allowed", "leave it out")
    if options.allow_recording and options.record_under and settings.record_to:
        folder = options.record_under.expanduser().resolve()
        if not Path(settings.record_to).expanduser().resolve().is_relative_to(folder):
            found = f"{settings.record_to} is outside the folder for recordings"
            yield Finding(options.severity, "record_to", found, f"name a place under {folder}")


def _transcription(options: Options, settings: SessionSettings) -> Iterator[Finding]:
    if settings.auto_start_transcription and not options.allow_transcription:
        yield Finding(options.severity, "auto_start_transcription", "transcription is not allowed", "leave it out")


def _encryption(options: Options, settings: SessionSettings) -> Iterator[Finding]:
    if options.require_e2ee and settings.e2ee_key is None:
        yield Finding(options.severity, "e2ee_key", "calls must be encrypted end to end, and it is not set", "set it")


LIMITS: tuple[Limit, ...] = (_kind, _size, _codecs, _encoders, _recording, _transcription, _encryption)
