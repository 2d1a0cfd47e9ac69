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

    from jackfield.values.findings import Finding

#: ``--json``, the same on every command; the command gets ``as_json``.
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def console(*, stderr: bool = False) -> Console:
    """A console that is coloured where a person looks at it, and as wide as needed where a program reads it."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(file=stream, highlight=False, width=None if stream.isatty() else 200, soft_wrap=not stream.isatty())


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str = "none") -> None:
    """Prints rows under their columns; one line with ``empty`` where there are none."""
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
    console().print(shown)


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


def warn(findings: Iterable[Finding]) -> None:
    """Prints each finding on a line of stderr."""
    for finding in findings:
        click.echo(f"{finding.severity}: {finding}", err=True)
