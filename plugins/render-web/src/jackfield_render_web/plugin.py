"""What this plugin answers."""

from __future__ import annotations

from collections.abc import Sequence

from jackfield.hookspecs import hookimpl
from jackfield.roles import RendererFactory
from jackfield_render_web.factory import WebRendererFactory
from jackfield_render_web.options import Options


class RenderWebPlugin:
    """A call in a browser."""

    name = "render-web"
    api_version = (1, 0)
    options = Options

    @hookimpl
    def register_renderers(self, options: Options) -> Sequence[RendererFactory]:
        """The one renderer."""
        return (WebRendererFactory(options),)


plugin = RenderWebPlugin()
