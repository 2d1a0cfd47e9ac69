"""What this plugin answers. Qt is imported when a renderer is opened, not before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import define

from jackfield.hookspecs import hookimpl
from jackfield.roles import RenderedCall, Renderer, RendererFactory
from jackfield.values.errors import PluginError
from jackfield_render_qt.options import Options


@define
class QtRendererFactory:
    """Opens widgets. ``container``: None, a ``QWidget`` or a ``QLayout``."""

    options: Options
    name: str = "render-qt"
    rank: int = 50

    async def open(self, call: RenderedCall, container: Any) -> Renderer:
        """The call as a widget, placed in ``container`` where there is one."""
        try:
            from jackfield_render_qt.renderer import opened
        except ImportError as exc:
            raise PluginError(
                f"Qt cannot be loaded: {exc}. On Debian and Ubuntu it needs: apt-get install libegl1 libgl1 "
                "libxkbcommon0 libfontconfig1 libdbus-1-3, and on a desktop libxcb-cursor0"
            ) from exc
        return await opened(call, container, self.options)


class RenderQtPlugin:
    """A call in a window."""

    name = "render-qt"
    api_version = (1, 0)
    options = Options

    @hookimpl
    def register_renderers(self, options: Options) -> Sequence[RendererFactory]:
        """The one renderer."""
        return (QtRendererFactory(options),)


plugin = RenderQtPlugin()
