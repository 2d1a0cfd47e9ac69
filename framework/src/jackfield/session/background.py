"""What others see behind us; the part of a `CallSession` that no plugin fills yet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jackfield.values.errors import PluginError

_LACKING = (
    "no plugin here tells a person from what is behind them, and none can be installed yet: docs/virtual-background.md "
    "says why. Nothing was changed; a program can treat its pictures itself and publish a VideoSource"
)


class Background:
    """The virtual background: asked for by name, and refused in words."""

    if TYPE_CHECKING:  # what a `CallSession` has

        def _check_active(self) -> None: ...

    async def set_background_blur(self, level: float) -> None:
        """What is behind us is blurred, by ``level`` from 0 to 1. `PluginError` where no plugin can: none can yet."""
        self._refuse(f"a blur of {level}")

    async def set_background_image(self, path: str | Path) -> None:
        """This picture is behind us. `PluginError` where no plugin can: none can yet."""
        self._refuse(f"{path} as background")

    async def clear_background(self) -> None:
        """What is behind us is seen as it is; fine to call where nothing was set."""
        self._check_active()

    def _refuse(self, asked: str) -> None:
        self._check_active()
        raise PluginError(f"{asked} was asked for: {_LACKING}")
