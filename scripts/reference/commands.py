"""docs/reference/cli.md: every command's own help."""

from __future__ import annotations

import click

from jackfield.cli.frame import commands, group
from scripts.reference.markdown import page


def made() -> str:
    """Every command's own help."""
    root = _context(group.jackfield, "jackfield")
    parts = ["```\n" + group.jackfield.get_help(root) + "\n```"]
    for name in commands.found():
        command = commands.imported(name)
        parts.append(f"## `jackfield {name}`\n\n```\n{command.get_help(_context(command, name, root))}\n```")
    return page("Commands", *("\n".join(line.rstrip() for line in part.splitlines()) for part in parts))


def _context(command: click.Command, name: str, parent: click.Context | None = None) -> click.Context:
    return command.make_context(name, [], parent, resilient_parsing=True, terminal_width=100)
