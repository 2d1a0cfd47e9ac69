"""What commands print: tables for people, JSON for programs, errors on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import attrs
import click

if TYPE_CHECKING:
    from rich.console import Console

    from jackfield.plugins.selection import PassedOver
    from jackfield.values.findings import Finding

#: ``--json``, the same on every command; the command gets ``as_json``.
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def console(*, stderr: bool = False, width: int | None = None) -> Console:
    """A console that is coloured where a person looks at it, and as wide as needed where a program reads it."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    room = None if stream.isatty() else max(200, width or 0)
    return Console(file=stream, highlight=False, width=room, soft_wrap=not stream.isatty())


def table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    empty: str = "none",
    width: int | None = None,
) -> None:
    """Prints rows under their columns; one line with ``empty`` where there are none. Programs get ``width``."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    cells = [[Text(str(cell)) for cell in row] for row in rows]
    if not cells:
        click.echo(f"{title}: {empty}")
        return
    shown = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        shown.add_column(column, overflow="fold")
    for cell in cells:
        shown.add_row(*cell)
    console(width=width).print(shown)


def qr_code(text: str) -> None:
    """Prints the text as a QR code of half blocks."""
    import segno

    segno.make(text, error="l").terminal(out=sys.stdout, compact=True)


def self_signed(fingerprint: str, link: str) -> None:
    """Says what a browser will ask, and prints the link as a QR code where somebody looks at a terminal."""
    click.echo(f"The certificate is self-signed: a browser asks once. sha-256 {fingerprint}\n")
    if sys.stdout.isatty():
        qr_code(link)


def print_json(value: object) -> None:
    """Prints one JSON value; attrs classes become objects."""
    click.echo(json.dumps(plain(value), indent=2, ensure_ascii=False))


def print_json_line(value: object) -> None:
    """Prints one JSON value on one line, at once: for what goes on and on."""
    click.echo(json.dumps(plain(value), ensure_ascii=False))
    sys.stdout.flush()


def plain(value: object) -> Any:
    """The value in what JSON has."""
    if attrs.has(type(value)):
        return {f.name: plain(getattr(value, f.name)) for f in attrs.fields(type(value)) if f.repr}  # type: ignore[arg-type]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def quiet() -> None:
    """Warnings of the framework's log are not shown, for a command that says the same in its own words."""
    import logging

    logging.getLogger("jackfield").addHandler(logging.NullHandler())


def warn(findings: Iterable[Finding]) -> None:
    """Prints each finding on a line of stderr."""
    for finding in findings:
        click.echo(f"{finding.severity}: {finding}", err=True)


def say_broken(drivers: Iterable[PassedOver]) -> None:
    """Prints each driver that could not say what it has on a line of stderr."""
    for driver in drivers:
        reason = " ".join(driver.reason.split())
        fix = f'see `jackfield doctor`, or leave it out with [plugins] disable = ["{driver.plugin}"]'
        click.echo(f"warning: plugin {driver.plugin}: {reason}; {fix}", err=True)
