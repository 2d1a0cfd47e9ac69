"""The keys of ``[render-qt]`` in ``jackfield.toml``."""

from __future__ import annotations

from typing import Literal

from attrs import frozen


@frozen
class Options:
    """How the widget looks."""

    #: ``auto`` follows the application's palette.
    colours: Literal["auto", "light", "dark"] = "auto"
    #: Show the widget as a window of its own when a call is joined without a container.
    window: bool = False
