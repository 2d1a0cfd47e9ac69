"""Shows what can be adjusted on a device, and adjusts it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from jackfield.cli.frame import output
from jackfield.roles import Control, HasControls
from jackfield.values.devices import DeviceKind
from jackfield.values.errors import DeviceError

if TYPE_CHECKING:
    from jackfield.plugins import Plugins
    from jackfield.values.devices import Device


def show(plugins: Plugins, kind: DeviceKind, wish: str, as_json: bool) -> None:
    """The controls of the device that the wish means: a row each, or JSON."""
    device, driver = _adjustable(plugins, kind, wish)
    controls = driver.controls(device)
    if as_json:
        output.print_json(controls)
        return
    rows = [[each.name, _shown(each.value), _allowed(each), _shown(each.default), each.note] for each in controls]
    output.table(f"Controls of {device.id}", ["name", "is", "may be", "by default", ""], rows)


def adjust(plugins: Plugins, kind: DeviceKind, changes: Sequence[tuple[str, str]]) -> None:
    """Each change is a wish for a device and ``name=value``; all are done in order, up to the first that is wrong."""
    for wish, assignment in changes:
        name, equals, value = assignment.partition("=")
        if not equals or not name.strip():
            raise click.UsageError(f"--set wants a device and name=value, and found {assignment!r}")
        device, driver = _adjustable(plugins, kind, wish)
        driver.set_control(device, name.strip(), value.strip())
        click.echo(f"{device.id}: {name.strip()} is set to {value.strip()}", err=True)


def _adjustable(plugins: Plugins, kind: DeviceKind, wish: str) -> tuple[Device, HasControls]:
    device, driver, _ = plugins.device(kind, wish)
    if device is None or not isinstance(driver, HasControls):
        named = device.id if device else wish
        raise DeviceError(f"{named} has no controls: its driver cannot adjust anything")
    return device, driver


def _shown(value: Any) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _allowed(control: Control) -> str:
    if control.kind == "menu":
        return ", ".join(control.choices)
    if control.kind == "integer":
        return f"{control.minimum} to {control.maximum}" + (f" by {control.step}" if control.step > 1 else "")
    return "true, false" if control.kind == "boolean" else "pressed"
