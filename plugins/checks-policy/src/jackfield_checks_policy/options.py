"""What may be limited: the keys of ``[checks-policy]``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from attrs import field, frozen, validators

_positive = validators.optional(validators.gt(0))


@frozen(kw_only=True)
class Options:
    """Limits of this installation; None and the defaults limit nothing."""

    #: "warning" lets the call go on and says what was found.
    severity: Literal["error", "warning"] = "error"
    max_width: int | None = field(default=None, validator=_positive)
    max_height: int | None = field(default=None, validator=_positive)
    max_fps: float | None = field(default=None, validator=_positive)
    max_bitrate_bps: int | None = field(default=None, validator=_positive)
    #: Video codecs that may be used; empty allows all.
    allow_codecs: tuple[str, ...] = ()
    #: Encoder backends or names that may be asked for; empty allows all.
    allow_encoders: tuple[str, ...] = ()
    allow_video: bool = True
    allow_recording: bool = True
    allow_transcription: bool = True
    #: Recordings may go here and nowhere else.
    record_under: Path | None = None
    require_e2ee: bool = False
