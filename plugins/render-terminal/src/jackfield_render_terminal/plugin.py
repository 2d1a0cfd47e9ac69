"""What this plugin answers."""

from __future__ import annotations

from collections.abc import Sequence

from jackfield.hookspecs import hookimpl
from jackfield.roles import RendererFactory
from jackfield_render_terminal.factory import TerminalRendererFactory
from jackfield_render_terminal.options import Options


class RenderTerminalPlugin:
    """A call where there is no screen but a terminal's."""

    name = "render-terminal"
    api_version = (1, 0)
    options = Options

    @hookimpl
    def register_renderers(self, options: Options) -> Sequence[RendererFactory]:
        """The one renderer."""
        return (TerminalRendererFactory(options),)


plugin = RenderTerminalPlugin()
