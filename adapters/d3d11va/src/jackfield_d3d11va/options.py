"""The keys of ``[d3d11va]`` in ``jackfield.toml``."""

from __future__ import annotations

from attrs import field, frozen, validators

from jackfield.media.libav.hardware import CardOptions


@frozen
class Options(CardOptions):
    """Which GPU decodes."""

    #: The GPU, counted from 0; -1: the first.
    adapter: int = field(default=-1, validator=validators.ge(-1))
