"""Opens the page; imports the web server only then."""

from __future__ import annotations

from typing import Any

from attrs import define

from jackfield.roles import RenderedCall, Renderer
from jackfield.values.errors import ContainerError
from jackfield.values.settings import HIDES
from jackfield_render_web.options import Options

#: Every part of the page that can be hidden, and what its header says.
ACTS_ON = HIDES | {"title"}


@define
class WebRendererFactory:
    """Opens renderers whose ``view`` is the address of a page on this machine."""

    options: Options
    name: str = "render-web"
    rank: int = 40
    #: Settings on which the page acts.
    acts_on: frozenset[str] = ACTS_ON

    async def open(self, call: RenderedCall, container: Any) -> Renderer:
        """A page that shows the call. `ContainerError` for a container: a browser opens the address."""
        if container is not None:
            found = f"render-web draws into no {type(container).__name__}"
            raise ContainerError(f"{found}: leave container out, and open call.view in a browser")
        from jackfield_render_web.renderer import WebRenderer

        renderer = WebRenderer(call, self.options)
        await renderer.start()
        return renderer
