"""What others see behind us; the part of a `CallSession` that a plugin with `ShowsBackdrop` fills."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from jackfield.media import still
from jackfield.plugins import Plugins
from jackfield.roles import BACKGROUND, Backdrop
from jackfield.session.opening import aside
from jackfield.session.own_media import OwnMedia
from jackfield.values.errors import PluginError, SettingsError
from jackfield.values.findings import Finding

_LACKING: Final = (
    f"no plugin here tells a person from what is behind them: pip install jackfield-{BACKGROUND}, and "
    "docs/virtual-background.md says what it does. Nothing was changed"
)


class Background:
    """The virtual background: of our camera, whichever that is, from the next picture on and until the call is over.

    Where showing it fails in mid-call, an `Error` event names the plugin, and others see a covered picture, never the
    camera's own, until another background is asked for, or none.
    """

    _own: OwnMedia
    _plugins: Plugins

    if TYPE_CHECKING:  # what a `CallSession` has

        def _check_active(self) -> None: ...

    @property
    def can_set_background(self) -> bool:
        """Whether a plugin here can change what is behind us."""
        offers = self._plugins.offers("register_processors")
        return any(offer.thing.kind == "video" and BACKGROUND in offer.thing.does for offer in offers)

    @property
    def background(self) -> Backdrop | None:
        """What was asked for last to be seen behind us: a blur or a picture; None for what is there."""
        return self._own.backdrop

    async def set_background_blur(self, level: float) -> None:
        """What is behind us is blurred, by ``level`` from 0 to 1; 0 shows it as it is.

        `SettingsError` for another level; `PluginError` where no plugin can, or the camera gives encoded pictures
        alone. Nothing is changed then.
        """
        self._check_able(f"a blur of {level}")
        if isinstance(level, bool) or not isinstance(level, int | float) or not 0 <= level <= 1:
            fix = "give a level from 0 (as it is) to 1 (blurred most)"
            raise SettingsError([Finding("error", "background blur", f"{level!r} was asked for", fix)])
        await self._own.set_backdrop(Backdrop(blur=float(level)) if level else None)

    async def set_background_image(self, path: str | Path) -> None:
        """This picture is behind us: scaled to cover the camera's, and cropped centrally.

        `SettingsError` where the file is not there, or is no picture, or one too large; `PluginError` as for
        `set_background_blur`. Nothing is changed then.
        """
        self._check_able(f"{path} as background")
        picture = await aside(lambda: still.read(path, f"{BACKGROUND} image"))
        self._check_active()
        await self._own.set_backdrop(Backdrop(picture=picture))

    async def clear_background(self) -> None:
        """What is behind us is seen as it is; fine to call where nothing was set."""
        self._check_active()
        await self._own.set_backdrop(None)

    def _check_able(self, asked: str) -> None:
        self._check_active()
        if not self.can_set_background:
            raise PluginError(f"{asked} was asked for: {_LACKING}")
