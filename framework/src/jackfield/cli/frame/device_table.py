"""Devices for people: a table where there is room for it, else a list in which no id is broken."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence
from itertools import groupby

import click
from attrs import evolve, frozen

from jackfield.cli.frame import output
from jackfield.plugins.devices import ailment
from jackfield.values.devices import Device
from jackfield.values.formats import AudioFormat, MediaFormat, VideoFormat

COLUMNS = ("kind", "id", "label", "address", "bus", "modes", "state")
_GAP = 3


@frozen
class Row:
    """A device, and its modes where they were asked for."""

    device: Device
    modes: Sequence[MediaFormat] | None = None

    @property
    def cells(self) -> tuple[str, ...]:
        """What stands in the table's columns."""
        each = self.device
        return each.kind, each.id, each.label, each.address, each.bus, summary(each.modes), each.state


def show(rows: Sequence[Row]) -> None:
    """Prints the devices; modes in full, and what ails a device, stand below."""
    room = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    in_full = any(row.modes is not None for row in rows)
    columns = [(name, *cells) for name, *cells in zip(COLUMNS, *(row.cells for row in rows), strict=True) if any(cells)]
    width = sum(max(map(len, column)) + _GAP for column in columns)
    if in_full or (room is not None and width > room):
        for row in rows:
            _entry(row, room)
    else:
        names, *cells = zip(*columns, strict=True)
        output.table("Devices", names, cells, width=width)
        _notes(rows, room)


def _notes(rows: Sequence[Row], room: int | None) -> None:
    for row in rows:
        if row.device.note:
            _wrapped(f"{row.device.id}: {ailment(row.device)}", "", room)


def _entry(row: Row, room: int | None) -> None:
    device = row.device
    click.echo(f"{device.kind}  {device.id}")
    where = " · ".join(filter(None, (device.label, device.address, device.bus, device.state)))
    _wrapped(where, "    ", room)
    if device.note:
        _wrapped(device.note, "    ", room)
    if row.modes is not None:
        for line in in_full(row.modes):
            _wrapped(line, "    ", room)
    elif device.modes:
        _wrapped(summary(device.modes), "    ", room)


def _wrapped(text: str, indent: str, room: int | None) -> None:
    if room is not None:
        text = textwrap.fill(
            text, room, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
        )
        click.echo(text)
    else:
        click.echo(indent + text)


def summary(modes: Sequence[MediaFormat]) -> str:
    """The largest of the modes, and all their pixel formats and codecs, on one line."""
    pictures = [mode for mode in modes if isinstance(mode, VideoFormat)]
    if pictures:
        largest = max(pictures, key=lambda mode: (mode.width * mode.height, mode.fps))
        kinds = dict.fromkeys(mode.codec or mode.pixel_format for mode in pictures)
        size = str(evolve(largest, pixel_format="", codec=None))
        return f"{size} {' '.join(filter(None, kinds))}".rstrip()
    sounds = [mode for mode in modes if isinstance(mode, AudioFormat)]
    rates = sorted({mode.rate for mode in sounds}, reverse=True)
    channels = sorted({mode.channels for mode in sounds})
    return f"{'/'.join(map(str, rates))} Hz {'/'.join(map(str, channels))} ch" if sounds else ""


def in_full(modes: Sequence[MediaFormat]) -> Iterator[str]:
    """Every mode; pictures of one layout and size share a line with their rates."""
    if not modes:
        yield "no modes are known before it is opened"
    pictures = [mode for mode in modes if isinstance(mode, VideoFormat)]
    ordered = sorted(pictures, key=lambda mode: (mode.codec or mode.pixel_format, -mode.width, -mode.height))
    for (layout, width, height), same in groupby(
        ordered, lambda mode: (mode.codec or mode.pixel_format, mode.width, mode.height)
    ):
        rates = ",".join(f"{rate:g}" for rate in sorted({mode.fps for mode in same if mode.fps}, reverse=True))
        size = f"{width}x{height}" if width and height else "its own size"
        yield f"{layout or 'any'} {size}" + (f"@{rates}" if rates else "")
    for mode in modes:
        if isinstance(mode, AudioFormat):
            yield f"{mode.rate} Hz {mode.channels} ch"
