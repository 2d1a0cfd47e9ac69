"""The keys of ``[render-terminal]`` in ``jackfield.toml``."""

from __future__ import annotations

from typing import Literal

from attrs import field, frozen, validators

Colours = Literal["auto", "true", "256", "none"]


@frozen
class Options:
    """How a call is drawn in a terminal."""

    #: Pictures a second at most; fewer over a line that takes less.
    fps: float = field(default=8.0, validator=validators.and_(validators.gt(0), validators.le(30)))
    #: Colours: true (24 bits), 256, none (shades of characters), or auto, by what the terminal says of itself.
    colours: Colours = field(default="auto", validator=validators.in_(("auto", "true", "256", "none")))
    #: Act on keys.
    keys: bool = True
