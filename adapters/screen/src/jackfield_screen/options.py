"""The keys of ``[screen]`` in ``jackfield.toml``."""

from __future__ import annotations

from attrs import frozen


@frozen
class Options:
    """Which screens there are, and how they are taken."""

    #: The X display, in place of ``$DISPLAY``: ``:1``.
    display: str = ""
    #: Draw the mouse pointer into the pictures.
    cursor: bool = True
    #: List single windows beside whole screens.
    windows: bool = True
