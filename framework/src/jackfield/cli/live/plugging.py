"""Watches devices come and go: one line for each that is there, and for each change."""

from __future__ import annotations

import os
import queue
import select
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from jackfield.cli.frame import output
from jackfield.values.devices import Device, DeviceChange, DeviceKind

if TYPE_CHECKING:
    from jackfield.plugins import Plugins

#: Short, so that Ctrl-C is heard at once on every platform.
_BEAT_S = 0.2


def watch(plugins: Plugins, kind: DeviceKind | None, seconds: float | None, as_json: bool) -> None:
    """Shows what is there and each change, until Ctrl-C, the end of whoever reads, or so many seconds."""
    changes: queue.SimpleQueue[DeviceChange] = queue.SimpleQueue()
    with _watched(plugins, changes), _until_interrupted():
        devices, broken = plugins.listing(kind)
        output.say_broken(broken)
        for device in devices:
            line("present", device, as_json)
        _follow(changes, kind, devices, seconds, as_json)


@contextmanager
def _until_interrupted() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        click.echo(err=True)


@contextmanager
def _watched(plugins: Plugins, changes: queue.SimpleQueue[DeviceChange]) -> Iterator[None]:
    unwatch: list[tuple[str, Callable[[], None]]] = []
    try:
        for offer in [*plugins.offers("register_captures"), *plugins.offers("register_playbacks")]:
            try:
                unwatch.append((offer.plugin, offer.thing.watch(changes.put)))
            except Exception as exc:  # one driver that cannot be watched costs no other
                _say(offer.plugin, "cannot be watched, so its changes are not shown", exc)
        yield
    finally:
        for plugin, stop in unwatch:
            try:
                stop()
            except Exception as exc:
                _say(plugin, "did not end its watch", exc)


def _say(plugin: str, what: str, exc: Exception) -> None:
    fix = f'see `jackfield doctor`, or leave it out with [plugins] disable = ["{plugin}"]'
    click.echo(f"warning: plugin {plugin} {what}: {type(exc).__name__}: {exc}; {fix}", err=True)


def _follow(
    changes: queue.SimpleQueue[DeviceChange],
    kind: DeviceKind | None,
    present: Sequence[Device],
    seconds: float | None,
    as_json: bool,
) -> None:
    there = {(device.kind, device.id): device for device in present}
    end = None if seconds is None else time.monotonic() + seconds
    while (end is None or time.monotonic() < end) and not _reader_is_gone():
        try:
            change = changes.get(timeout=_BEAT_S)
        except queue.Empty:
            continue
        key = (change.device.kind, change.device.id)
        if kind not in (None, change.device.kind) or (change.change == "added" and there.get(key) == change.device):
            continue  # it came between the watch and the list, which has it
        there[key] = change.device
        if change.change == "removed":
            del there[key]
        line(change.change, change.device, as_json)


def _reader_is_gone() -> bool:
    """Whether whoever read our output has ended (``| head``)."""
    try:
        if os.name != "posix" or sys.stdout.isatty():
            return False
        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)
        return bool(poll.poll(0))
    except (OSError, ValueError):  # there is no file behind it
        return False


def line(change: str, device: Device, as_json: bool) -> None:
    """One change, at once."""
    if as_json:
        output.print_json_line({"change": change, "device": device})
        return
    state = device.state + (f": {device.note}" if device.note else "")
    state = "" if change == "removed" else state
    where = " · ".join(filter(None, (device.label, device.address, state)))
    click.echo(f"{change:8} {device.kind:10} {device.id}  {where}")
    sys.stdout.flush()
