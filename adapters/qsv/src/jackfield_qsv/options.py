"""The keys of ``[qsv]`` in ``jackfield.toml``."""

from __future__ import annotations

from attrs import field, frozen, validators

from jackfield.media.libav.hardware import CardOptions


@frozen
class Options(CardOptions):
    """How Quick Sync trades quality for time."""

    #: Quick Sync's preset: veryfast, faster, fast, medium, slow, slower, veryslow.
    preset: str = field(default="veryfast", validator=validators.matches_re("(very)?(fast|slow)|faster|slower|medium"))
