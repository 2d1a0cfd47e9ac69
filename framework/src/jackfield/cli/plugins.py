"""List the plugins that are installed, which work, and why the others do not."""

from __future__ import annotations

import click

from jackfield.cli.frame import output
from jackfield.cli.frame.exits import Exit
from jackfield.cli.frame.group import Frame

EPILOG = """
\b
Examples:
  jackfield plugins
  jackfield plugins --json
  jackfield --config studio.toml plugins

Ends with 0 when all of them work, with 5 when one failed or was refused, with 3 when the configuration is wrong.
"""


@click.command("plugins", epilog=EPILOG)
@output.json_option
@click.pass_obj
def command(frame: Frame, as_json: bool) -> int:
    """List every plugin: its version, whether it works, why not, and the hooks it answers."""
    plugins = frame.plugins()
    if as_json:
        output.print_json({"plugins": plugins.rows, "findings": plugins.findings})
    else:
        rows = [(row.name, row.version, row.state, ", ".join(row.answers) or row.reason) for row in plugins.rows]
        empty = "none is installed; their distributions are called jackfield-…"
        output.table("Plugins", ("name", "version", "state", "answers, or why not"), rows, empty=empty)
        output.warn(plugins.findings)
    if any(finding.severity == "error" for finding in plugins.findings):
        return Exit.SETTINGS
    return Exit.DEVICE if any(row.state in ("failed", "refused") for row in plugins.rows) else Exit.OK
