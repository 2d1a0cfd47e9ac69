"""What this plugin answers."""

from __future__ import annotations

from collections.abc import Sequence

from jackfield.hookspecs import hookimpl
from jackfield.roles import RendererFactory
from jackfield_render_record.options import Options
from jackfield_render_record.renderer import RecordRendererFactory


class RenderRecordPlugin:
    """A call, kept."""

    name = "render-record"
    api_version = (1, 0)
    options = Options

    @hookimpl
    def register_renderers(self, options: Options) -> Sequence[RendererFactory]:
        """One file per participant."""
        return (RecordRendererFactory(options),)


plugin = RenderRecordPlugin()
