"""The keys of ``[codecs]`` in ``jackfield.toml``."""

from __future__ import annotations

from typing import Literal

from attrs import field, frozen, validators

Preset = Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium"]
Application = Literal["voip", "audio", "lowdelay"]


@frozen
class Options:
    """How software codecs trade quality for CPU time."""

    #: x264's preset.
    h264_preset: Preset = field(
        default="superfast",
        validator=validators.in_(("ultrafast", "superfast", "veryfast", "faster", "fast", "medium")),
    )
    #: libvpx's realtime speed, 4 (best) to 16 (least CPU).
    vp8_speed: int = field(default=8, validator=[validators.ge(4), validators.le(16)])
    #: libvpx's realtime speed for VP9, 5 (best) to 9 (least CPU).
    vp9_speed: int = field(default=8, validator=[validators.ge(5), validators.le(9)])
    #: SVT-AV1's preset, 8 (best) to 13 (least CPU).
    av1_preset: int = field(default=12, validator=[validators.ge(8), validators.le(13)])
    #: Threads of one encoder; 0: one up to 1280x720, two beyond.
    threads: int = field(default=0, validator=[validators.ge(0), validators.le(16)])
    #: What Opus is tuned for: speech, or music.
    opus_application: Application = field(default="voip", validator=validators.in_(("voip", "audio", "lowdelay")))
    #: The loss that Opus prepares for with in-band error correction.
    opus_loss_percent: int = field(default=10, validator=[validators.ge(0), validators.le(100)])
