"""Measure latency, CPU, memory, joining and the server under load, beside a peer in the same run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from jackfield.bench.loss.measure import table
from jackfield.bench.loss.traces import TRACES
from jackfield.bench.measures import LENGTH_S, LENGTHS, MEASURES
from jackfield.bench.report import COLUMNS, Figure, all_beside_each_other, one_beside_the_other
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

#: How a measurement stands on a page, where that is not a row for each peer.
PAGES: dict[str, Callable[[Sequence[Figure]], list[str]]] = {
    "loss": table,
    "sfu": all_beside_each_other,
    "memory": all_beside_each_other,
}


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
    found: dict[str, list[Figure]] = {}
    of_one: dict[str, dict[str, Any]] = {"loss": of_loss, "sfu": {"rooms": rooms}}
    for name in what or tuple(MEASURES):
        length = seconds or LENGTHS.get(name, LENGTH_S)
        told = MEASURES[name](length, lambda line: click.echo(line, err=True), **of_one.get(name, {}))
        found[name] = list(told)
    figures = [figure for each in found.values() for figure in each]
    if as_json:
        output.print_json([figure.row() for figure in figures])
    elif markdown:
        for name, each in found.items():
            lines = PAGES.get(name, one_beside_the_other)(each)
            click.echo("\n\n".join(["\n".join(lines), *_conditions(each)]) + "\n")
    else:
        output.table("Benchmarks", COLUMNS, [figure.cells() for figure in figures])
        for conditions in _conditions(figures):
            click.echo(conditions)
    return Exit.OK


def _conditions(figures: list[Figure]) -> list[str]:
    return list(dict.fromkeys(figure.conditions for figure in figures))
