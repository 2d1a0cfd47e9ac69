"""What this plugin answers."""

from __future__ import annotations

from collections.abc import Sequence

from jackfield.hookspecs import hookimpl
from jackfield.roles import RendererFactory
from jackfield_render_headless.options import Options
from jackfield_render_headless.renderer import HeadlessRendererFactory


class RenderHeadlessPlugin:
    """A call with nothing to see."""

    name = "render-headless"
    api_version = (1, 0)
    options = Options

    @hookimpl
    def register_renderers(self, options: Options) -> Sequence[RendererFactory]:
        """The one renderer."""
        return (HeadlessRendererFactory(options),)


plugin = RenderHeadlessPlugin()
