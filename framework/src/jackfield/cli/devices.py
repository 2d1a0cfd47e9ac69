"""List cameras, microphones, screens and speakers, and watch them come and go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from jackfield.cli.frame import output
from jackfield.cli.frame.exits import Exit
from jackfield.cli.frame.group import Frame

if TYPE_CHECKING:
    from jackfield.plugins import Plugins
    from jackfield.values.devices import Device

KINDS = ("camera", "microphone", "screen", "speaker")
EPILOG = """
\b
Examples:
  jackfield devices                       all of them
  jackfield devices camera --modes        cameras, with the sizes and rates they have
  jackfield devices --watch --json        one JSON object per line as they come and go
  jackfield devices --wish C920 camera    which camera that wish means, and why
  jackfield devices --controls C920       what can be adjusted on it: exposure, focus, zoom
  jackfield devices --set C920 zoom_absolute=150

Ends with 5 when no device is found, or the wish means none, with 3 when the configuration is wrong.
"""


@click.command("devices", epilog=EPILOG)
@click.argument("kind", type=click.Choice(KINDS), required=False)
@click.option("--watch", is_flag=True, help="Go on and show each change, until Ctrl-C.")
@click.option("--seconds", type=click.FloatRange(0), help="With --watch: end after this long.")
@click.option("--modes", is_flag=True, help="Show every format of each device; asks those that do not tell before.")
@click.option("--wish", metavar="TEXT", help="Show the device that an id, label or address means. Needs a kind.")
@click.option("--controls", metavar="TEXT", help="Show what can be adjusted on the device that this means.")
@click.option(
    "--set", "changes", nargs=2, multiple=True, metavar="TEXT NAME=VALUE", help="Adjust the device that this means."
)
@output.json_option
@click.pass_obj
def command(
    frame: Frame,
    kind: Any,
    watch: bool,
    seconds: float | None,
    modes: bool,
    wish: str | None,
    controls: str | None,
    changes: Sequence[tuple[str, str]],
    as_json: bool,
) -> int:
    """List devices by the id that lasts, the label for people and the address of the moment."""
    output.quiet()
    plugins = frame.plugins()
    if wish is not None:
        return _explain(plugins, kind, wish, as_json)
    if controls is not None or changes:
        from jackfield.cli.live import adjusting

        adjusting.adjust(plugins, kind or "camera", changes)
        if controls is not None:
            adjusting.show(plugins, kind or "camera", controls, as_json)
        return Exit.OK
    if watch:
        from jackfield.cli.live import plugging

        plugging.watch(plugins, kind, seconds, as_json)
        return Exit.OK
    devices, broken = plugins.listing(kind)
    if as_json:
        output.print_json([_whole(plugins, device) for device in devices] if modes else devices)
    else:
        _show(plugins, devices, modes)
    output.say_broken(broken)
    output.warn(plugins.findings)
    if any(finding.severity == "error" for finding in plugins.findings):
        return Exit.SETTINGS
    return Exit.OK if devices else Exit.DEVICE


def _show(plugins: Plugins, devices: Sequence[Device], modes: bool) -> None:
    from jackfield.cli.frame.device_table import Row, show

    if devices:
        show([Row(device, plugins.modes(device) if modes else None) for device in devices])
    else:
        click.echo(
            "Devices: none; `jackfield doctor` says what is missing, `jackfield plugins` which drivers there are"
        )


def _whole(plugins: Plugins, device: Device) -> Device:
    import attrs

    return attrs.evolve(device, modes=tuple(plugins.modes(device)))


def _explain(plugins: Plugins, kind: Any, wish: str, as_json: bool) -> int:
    if kind is None:
        raise click.UsageError("--wish needs a kind: jackfield devices camera --wish " + wish)
    _, _, choice = plugins.device(kind, wish)
    if as_json:
        output.print_json(choice)
    else:
        click.echo(str(choice))
    return Exit.OK
