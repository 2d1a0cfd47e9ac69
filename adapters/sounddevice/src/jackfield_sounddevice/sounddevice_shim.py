"""Private names of python-sounddevice, read in 0.5: PortAudio lists anew once it is ended and started."""

from __future__ import annotations

from typing import Any


def list_anew(library: Any) -> None:
    """PortAudio has looked for devices again. Every stream of this process must be closed before."""
    library._terminate()
    library._initialize()
