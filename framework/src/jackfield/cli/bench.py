"""Measure latency, CPU, memory, joining and the server under load, beside a peer in the same run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from jackfield.bench.loss.traces import TRACES
from jackfield.bench.measures import LENGTH_S, LENGTHS, MEASURES
from jackfield.bench.report import Figure
from jackfield.cli.frame import output
from jackfield.cli.frame.exits import Exit

EPILOG = """
\b
Examples:
  jackfield bench latency              source to decoded picture, beside stock aiortc
  jackfield bench latency cpu join     several, one after the other
  jackfield bench passthrough          H.264 sent as it is, beside encoding it here
  jackfield bench sfu --room 50        the server under load, beside livekit-server and janus where they are on the path
  jackfield bench memory               a client in a call and the server, beside their peers
  jackfield bench loss --trace loss-5 --trace outage --plots .   freezes and delay over a bad network
  jackfield bench cpu --json           a list of objects: name, unit, ours, peer, ratio, conditions

Every measurement runs in processes of its own. Ends with 1 when one of them failed.
"""

COLUMNS = ("what", "ours", "peer", "ratio", "beside")


@click.command("bench", epilog=EPILOG)
@click.argument("what", nargs=-1, type=click.Choice(list(MEASURES)))
@click.option("--seconds", type=click.IntRange(1, 600), help="Length of each run: 10; of sfu 5, of memory 30.")
@click.option("--trace", "traces", multiple=True, type=click.Choice(list(TRACES)), help="With loss: this trace alone.")
@click.option("--side", type=click.Choice(["down", "up"]), default="down", help="With loss: before viewer or sender.")
@click.option("--plots", type=click.Path(file_okay=False, path_type=Path), help="With loss: pictures into this folder.")
@click.option(
    "--room", "rooms", multiple=True, type=click.IntRange(2, 200), help="With sfu: a room of so many (2, 6, 21, 50)."
)
@click.option("--markdown", is_flag=True, help="Print a table for a page.")
@output.json_option
def command(
    what: tuple[str, ...], seconds: int | None, rooms: tuple[int, ...], markdown: bool, as_json: bool, **of_loss: Any
) -> int:
    """Measure WHAT (default: all) and print each figure beside its peer's, with the ratio."""
    figures: list[Figure] = []
    of_one: dict[str, dict[str, Any]] = {"loss": of_loss, "sfu": {"rooms": rooms}}
    for name in what or tuple(MEASURES):
        options, length = of_one.get(name, {}), seconds or LENGTHS.get(name, LENGTH_S)
        figures += MEASURES[name](length, lambda line: click.echo(line, err=True), **options)
    if as_json:
        output.print_json([figure.row() for figure in figures])
        return Exit.OK
    rows = [_cells(figure) for figure in figures]
    if markdown:
        for row in (COLUMNS, ("---",) * len(COLUMNS), *rows):
            click.echo(f"| {' | '.join(row)} |")
        for conditions in dict.fromkeys(figure.conditions for figure in figures):
            click.echo(f"\n{conditions}")
    else:
        output.table("Benchmarks", COLUMNS, rows)
        for conditions in dict.fromkeys(figure.conditions for figure in figures):
            click.echo(conditions)
    return Exit.OK


def _cells(figure: Figure) -> tuple[str, ...]:
    def shown(value: float | None, unit: str = "") -> str:
        return "–" if value is None else f"{value:.2f}{unit}"

    beside = f"{figure.peer_name}: not measured, {figure.note}" if figure.note else figure.peer_name
    unit = f" {figure.unit}"
    return figure.name, shown(figure.ours, unit), shown(figure.peer, unit), shown(figure.ratio), beside
