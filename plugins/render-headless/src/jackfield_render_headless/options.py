"""The keys of ``[render-headless]`` in ``jackfield.toml``."""

from __future__ import annotations

from attrs import frozen


@frozen
class Options:
    """How much a renderer that draws nothing should do."""

    #: Take every track's encoded frames and count them; nothing is decoded.
    count: bool = False
