"""The command line: one file per command, found by name and imported when it is called.

A command is a module of this folder that defines ``command``; the first line of its docstring is its short help.
"""

from __future__ import annotations

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; the answer is its exit code (``jackfield.cli.frame.exits``). A user's mistake never raises."""
    try:
        from jackfield.cli.frame import group
    except KeyboardInterrupt:  # while it is being loaded
        return 130
    return group.run(arguments)
