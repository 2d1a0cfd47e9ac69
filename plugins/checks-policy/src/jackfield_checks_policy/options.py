"""What may be limited: the keys of ``[checks-policy]``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from attrs import field, frozen, validators

_positive = validators.optional(validators.gt(0))


@frozen(kw_only=True)
class Options:
    """Limits of this installation; None and the defaults limit nothing."""

    #: ``"error"`` refuses the call; ``"warning"`` lets the call go on and says what was found.
    severity: Literal["error", "warning"] = "error"
    #: The widest picture, in pixels.
    max_width: int | None = field(default=None, validator=_positive)
    #: The highest picture, in pixels.
    max_height: int | None = field(default=None, validator=_positive)
    #: The most pictures a second.
    max_fps: float | None = field(default=None, validator=_positive)
    #: The highest bitrate of a picture, in bit/s.
    max_bitrate_bps: int | None = field(default=None, validator=_positive)
    #: Video codecs that may be used; empty allows all.
    allow_codecs: tuple[str, ...] = ()
    #: Encoder backends or names that may be asked for; empty allows all.
    allow_encoders: tuple[str, ...] = ()
    #: Whether calls may have pictures.
    allow_video: bool = True
    #: Whether calls may be recorded.
    allow_recording: bool = True
    #: Whether calls may be transcribed.
    allow_transcription: bool = True
    #: Recordings may go here and nowhere else.
    record_under: Path | None = None
    #: Whether calls must be encrypted end to end.
    require_e2ee: bool = False
