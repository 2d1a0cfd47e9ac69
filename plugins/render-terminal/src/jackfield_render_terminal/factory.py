"""Opens a call in a terminal. Imports nothing native before that."""

from __future__ import annotations

from typing import Any

from attrs import define

from jackfield.roles import RenderedCall, Renderer
from jackfield.values.settings import HIDES
from jackfield_render_terminal.options import Options

#: What can be hidden is hidden, what there is no room for in a terminal too; and what the line at the top says.
ACTS_ON = HIDES | {"title"}


@define
class TerminalRendererFactory:
    """Opens a call in a terminal: the program's own, or that of the file given as container."""

    options: Options
    name: str = "render-terminal"
    rank: int = 5
    #: Settings on which it acts.
    acts_on: frozenset[str] = ACTS_ON

    async def open(self, call: RenderedCall, container: Any) -> Renderer:
        """The terminal is taken over. `ContainerError` where there is none."""
        from jackfield_render_terminal.renderer import TerminalRenderer

        return TerminalRenderer(call, container, self.options)
