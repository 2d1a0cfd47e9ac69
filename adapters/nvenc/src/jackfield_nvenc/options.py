"""The keys of ``[nvenc]`` in ``jackfield.toml``."""

from __future__ import annotations

from attrs import field, frozen, validators

from jackfield.media.libav.hardware import CardOptions


@frozen
class Options(CardOptions):
    """How NVENC trades quality for time, and which card does it."""

    #: NVENC's preset: p1 (fastest) to p7 (best).
    preset: str = field(default="p4", validator=validators.matches_re("p[1-7]"))
    #: The card, counted from 0; -1: the first that can.
    gpu: int = field(default=-1, validator=validators.ge(-1))
