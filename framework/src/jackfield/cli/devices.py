"""List cameras, microphones, screens and speakers, and watch them come and go."""

from __future__ import annotations

import queue
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from jackfield.cli.frame import output
from jackfield.cli.frame.exits import Exit
from jackfield.cli.frame.group import Frame

if TYPE_CHECKING:
    from jackfield.plugins import Plugins
    from jackfield.values.devices import Device, DeviceChange

KINDS = ("camera", "microphone", "screen", "speaker")
EPILOG = """
\b
Examples:
  jackfield devices                       all of them
  jackfield devices camera --modes        cameras, with the sizes and rates they have
  jackfield devices --watch --json        one JSON object per line as they come and go
  jackfield devices --wish C920 camera    which camera that wish means, and why

Ends with 5 when no device is found, or the wish means none, with 3 when the configuration is wrong.
"""


@click.command("devices", epilog=EPILOG)
@click.argument("kind", type=click.Choice(KINDS), required=False)
@click.option("--watch", is_flag=True, help="Go on and show each change, until Ctrl-C.")
@click.option("--seconds", type=click.FloatRange(0), help="With --watch: end after this long.")
@click.option("--modes", is_flag=True, help="Show the formats that each device has.")
@click.option("--wish", metavar="TEXT", help="Show the device that an id, label or address means. Needs a kind.")
@output.json_option
@click.pass_obj
def command(
    frame: Frame, kind: Any, watch: bool, seconds: float | None, modes: bool, wish: str | None, as_json: bool
) -> int:
    """List devices by the id that lasts, the label for people and the address of the moment."""
    plugins = frame.plugins()
    if wish is not None:
        return _explain(plugins, kind, wish, as_json)
    devices = plugins.devices(kind)
    if watch:
        return _watch(plugins, kind, devices, seconds, as_json)
    if as_json:
        output.print_json(devices)
    else:
        _show(devices, modes)
    output.warn(plugins.findings)
    if any(finding.severity == "error" for finding in plugins.findings):
        return Exit.SETTINGS
    return Exit.OK if devices else Exit.DEVICE


def _show(devices: Sequence[Device], modes: bool) -> None:
    columns = ["kind", "id", "label", "address", "state", *(["modes"] if modes else [])]
    rows = []
    for device in devices:
        state = f"{device.state}: {device.note}" if device.note else device.state
        row = [device.kind, device.id, device.label, device.address, state]
        rows.append([*row, *(["\n".join(map(str, device.modes))] if modes else [])])
    output.table("Devices", columns, rows, empty="none; `jackfield plugins` shows which drivers are installed")


def _explain(plugins: Plugins, kind: Any, wish: str, as_json: bool) -> int:
    if kind is None:
        raise click.UsageError("--wish needs a kind: jackfield devices camera --wish " + wish)
    _, _, choice = plugins.device(kind, wish)
    if as_json:
        output.print_json(choice)
    else:
        click.echo(str(choice))
    return Exit.OK


def _watch(plugins: Plugins, kind: Any, devices: Sequence[Device], seconds: float | None, as_json: bool) -> int:
    changes: queue.SimpleQueue[DeviceChange] = queue.SimpleQueue()
    unwatch: list[Callable[[], None]] = []
    try:
        unwatch += [driver.watch(changes.put) for driver in plugins.captures]
        unwatch += [driver.watch(changes.put) for driver in plugins.playbacks]
        for device in devices:
            _line("present", device, as_json)
        _follow(changes, kind, seconds, as_json)
    finally:
        for stop in unwatch:
            stop()
    return Exit.OK


def _follow(changes: queue.SimpleQueue[DeviceChange], kind: Any, seconds: float | None, as_json: bool) -> None:
    import time

    end = None if seconds is None else time.monotonic() + seconds
    while end is None or time.monotonic() < end:
        try:
            change = changes.get(timeout=0.2)  # short, so that Ctrl-C is heard at once on every platform
        except queue.Empty:
            continue
        if kind in (None, change.device.kind):
            _line(change.change, change.device, as_json)


def _line(change: str, device: Device, as_json: bool) -> None:
    if as_json:
        output.print_json_line({"change": change, "device": device})
    else:
        note = f" — {device.note}" if device.note else ""
        click.echo(f"{change:8} {device.kind:10} {device.id}  {device.label} {device.address} [{device.state}]{note}")
