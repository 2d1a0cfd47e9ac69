"""The command line: commands are files, errors are one line, exit codes mean something."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import click
import pytest

from jackfield.cli import main
from jackfield.cli.doctor import _backends
from jackfield.cli.frame import commands, exits, group, output
from jackfield.cli.frame.exits import Exit
from jackfield.plugins.selection import Choice, PassedOver
from jackfield.testing import install
from jackfield.values import errors
from jackfield.values.findings import Finding

DRIVER = """
    from jackfield import Device, DeviceChange, hookimpl
    from jackfield.roles import Control
    from jackfield.values.errors import SettingsError
    from jackfield.values.findings import Finding

    ZOOM = [100]
    REAR = Device("cam:b", "camera", "Rear", "/dev/video2")
    CAMERAS = [Device("cam:a", "camera", "C920", "/dev/video0", rank=70), REAR]

    class Driver:
        name, kinds = "cam", frozenset({"camera"})
        def devices(self):
            return CAMERAS
        def watch(self, changed):
            changed(DeviceChange("removed", CAMERAS[1]))
            return lambda: print("unwatched")
        def open(self, device, format): ...
        def controls(self, device):
            menu = Control("exposure", "Exposure", "menu", value="Auto", default="Auto", choices=("Auto", "Manual"))
            return [Control("zoom", "Zoom", "integer", value=ZOOM[0], default=100, minimum=100, maximum=400), menu]
        def set_control(self, device, name, value):
            if name != "zoom":
                raise SettingsError([Finding("error", name, f"there is no control {name!r}", "did you mean zoom?")])
            ZOOM[0] = int(value)

    class Plugin:
        name, api_version = "cam", (1, 0)
        @hookimpl
        def register_captures(self):
            return [Driver()]

    plugin = Plugin()
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jackfield_state: Path) -> Path:
    """A working directory with no configuration, where plugin ``cam`` is installed."""
    install(tmp_path / "site", "cam", DRIVER)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], None]:
    """Puts a command ``stand-in`` among the others, which does what the test says."""

    def put(act: Callable[[], Any]) -> None:
        @click.command("stand-in")
        @output.json_option
        def command(as_json: bool) -> Any:
            return act()

        known = dict(commands.found())
        monkeypatch.setattr(commands, "found", lambda: {**known, "stand-in": "Stand in"})
        monkeypatch.setattr(commands, "imported", lambda name: command)

    return put


def raising(error: BaseException) -> Callable[[], None]:
    def act() -> None:
        raise error

    return act


def test_help_lists_every_command_and_exit_code_and_imports_none(capsys: pytest.CaptureFixture[str]) -> None:
    """``jackfield --help`` is fast because it reads files only."""
    code = (
        "import sys; from jackfield.cli import main; main(['--help']); "
        "print([m for m in sys.modules if m.startswith(('jackfield.cli.devices', 'rich', 'av', 'aiohttp'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=30, check=True)
    assert done.stdout.splitlines()[-1] == b"[]"
    assert main(["--help"]) == Exit.OK
    said = capsys.readouterr().out
    for name in commands.found():
        assert f"  {name} " in said
    for meaning in exits.MEANINGS.values():
        assert meaning in said


@pytest.mark.parametrize("name", commands.found())
def test_every_command_has_help_with_examples_and_json(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each says what it is for, shows how it is used, and speaks JSON."""
    assert commands.found()[name]
    assert main([name, "--help"]) == Exit.OK
    said = capsys.readouterr().out
    assert "Examples:" in said
    assert f"jackfield {name}" in said
    assert "--json" in said


def test_a_misspelt_command_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    """It is a usage error, in a line."""
    assert main(["devces"]) == Exit.USAGE
    assert "did you mean devices?" in capsys.readouterr().err


FINDINGS = [Finding("error", "layout", "found 3", "allowed is TILE"), Finding("error", "titel", "no setting", "title?")]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.SettingsError(FINDINGS), Exit.SETTINGS),
        (errors.NetworkError("the server does not answer"), Exit.NETWORK),
        (errors.AuthTokenError("nobody is logged in"), Exit.NETWORK),
        (errors.CallTokenError("it has expired"), Exit.NETWORK),
        (errors.DeviceBusy("held by another program"), Exit.DEVICE),
        (errors.EncoderError("none works"), Exit.DEVICE),
        (errors.PluginError("none is installed"), Exit.DEVICE),
        (errors.SessionActive("leave first"), Exit.FAILED),
        (RuntimeError("a bug"), Exit.FAILED),
        (KeyboardInterrupt(), Exit.INTERRUPTED),
        (BrokenPipeError(), Exit.FAILED),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_an_error_is_an_exit_code_and_a_line_and_no_traceback(
    error: BaseException, code: Exit, stand_in: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever ends a command, a person reads a sentence and a script reads a number."""
    monkeypatch.setattr(sys, "stdout", sys.stdout)
    stand_in(raising(error))
    assert main(["stand-in"]) == code
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert len(said.splitlines()) <= 2


def test_every_mistake_in_settings_is_a_line(stand_in: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """A settings error lists all of its findings."""
    stand_in(raising(errors.SettingsError(FINDINGS)))
    main(["stand-in"])
    assert capsys.readouterr().err.splitlines() == [
        "error: layout: found 3; allowed is TILE",
        "error: titel: no setting; title?",
    ]


@pytest.mark.parametrize("arguments", [["--debug", "stand-in"], ["stand-in", "--debug"]])
def test_debug_shows_where_an_error_came_from(
    arguments: list[str], stand_in: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """It may stand before or after the command."""
    stand_in(raising(errors.NetworkError("no answer")))
    assert main(arguments) == Exit.NETWORK
    assert "Traceback" in capsys.readouterr().err


def test_with_json_an_error_is_json_too(stand_in: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """A program reads the code and whether trying again can help."""
    stand_in(raising(errors.NetworkError("no answer", details={"url": "ws://x"})))
    main(["stand-in", "--json"])
    facts = json.loads(capsys.readouterr().err)["error"]
    assert (facts["code"], facts["retryable"], facts["details"]) == ("ERROR_NETWORK", True, {"url": "ws://x"})


def test_plugins_lists_rows_and_reasons(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A plugin that raises on import is a row, and the exit code says that one is broken."""
    install(place / "site", "broken", "raise OSError('no licence')")
    assert main(["plugins"]) == Exit.DEVICE
    assert "no licence" in capsys.readouterr().out
    assert main(["plugins", "--json"]) == Exit.DEVICE
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["plugins"]}
    assert rows["broken"]["state"] == "failed"
    assert rows["cam"]["answers"] == ["register_captures"]


def test_a_configuration_with_mistakes_shows_all_of_them(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Three mistakes in the file are three lines, and exit code 3."""
    (place / "my.toml").write_text('[call]\nlayuot = "TILE"\n[server]\nport = "x"\n[absent]\n')
    assert main(["--config", "my.toml", "plugins"]) == Exit.SETTINGS
    said = capsys.readouterr().err
    for part in ("[call] layuot", "[server] port", "pip install jackfield-absent"):
        assert part in said
    assert "JACKFIELD_CONFIG" not in os.environ, "what one command was told outlives it"


def test_devices_lists_what_drivers_have(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For people and as JSON."""
    assert main(["devices", "camera"]) == Exit.OK
    assert "cam:a" in capsys.readouterr().out
    main(["devices", "camera", "--json"])
    assert {"cam:a", "cam:b"} <= {device["id"] for device in json.loads(capsys.readouterr().out)}


def test_devices_explains_a_wish(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Which device a wish means, and why not the others; none is an error with what is there."""
    assert main(["devices", "camera", "--wish", "rear"]) == Exit.OK
    assert "cam:b (cam): its label was asked for" in capsys.readouterr().out
    assert main(["devices", "camera", "--wish", "/dev/video0"]) == Exit.OK
    assert "cam:a (cam): its address was asked for" in capsys.readouterr().out
    assert main(["devices", "camera", "--wish", "no such"]) == Exit.DEVICE
    assert "cam:a" in capsys.readouterr().err
    assert main(["devices", "--wish", "x"]) == Exit.USAGE


def test_devices_shows_and_sets_controls(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By wish, with what each may be; a name that means nothing is a wrong setting, a device without any says so."""
    assert main(["devices", "--controls", "rear"]) == Exit.OK
    shown = capsys.readouterr().out
    assert all(word in shown for word in ("zoom", "100 to 400", "Auto, Manual"))
    assert main(["devices", "--set", "rear", "zoom=150", "--controls", "rear", "--json"]) == Exit.OK
    assert json.loads(capsys.readouterr().out)[0]["value"] == 150
    assert main(["devices", "--set", "rear", "zom=150"]) == Exit.SETTINGS
    assert "did you mean zoom?" in capsys.readouterr().err
    assert main(["devices", "--set", "rear", "zoom"]) == Exit.USAGE
    assert main(["devices", "microphone", "--controls", "synthetic"]) == Exit.DEVICE
    assert "has no controls" in capsys.readouterr().err


def test_devices_watches(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line for each device that is there and each change, and the drivers are let go of at the end."""
    assert main(["devices", "camera", "--watch", "--seconds", "0.3", "--json"]) == Exit.OK
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "unwatched"
    changes = [json.loads(line) for line in lines[:-1]]
    assert {"change": "removed", "id": "cam:b"} in [{"change": c["change"], "id": c["device"]["id"]} for c in changes]
    assert any(change["change"] == "present" for change in changes)


def test_doctor_says_what_is_missing_and_what_to_do(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each lack has its fix, each choice the reasons for it."""
    (place / "jackfield.toml").write_text('[plugins]\ndisable = ["codecs"]\n[absent]\n')
    assert main(["doctor"]) == Exit.FAILED
    said = capsys.readouterr().out
    assert "pip install jackfield-absent" in said
    assert "✗ video encoder: none works" in said
    assert "✓ camera: cam:a" in said
    assert "passed over cam:b (cam): rank 50, behind cam:a" in said
    main(["doctor", "--json"])
    checks = {check["what"]: check for check in json.loads(capsys.readouterr().out)}
    assert checks["video encoder"]["state"] == "missing"


def test_doctor_says_what_codecs_of_a_plugin_share_once() -> None:
    """Reasons that differ in one part name the rest as said above; other plugins' are their own."""
    long = "no wheel has it: build it; older ones do not"
    reasons = [("a-h264", "card", f"no h264_x; {long}"), ("a-av1", "card", f"no av1_x; {long}"), ("b", "other", long)]
    choices = [Choice("encoder", passed_over=(PassedOver(*reason),)) for reason in reasons]
    assert [(check.what, check.found) for check in _backends(choices)] == [
        ("codecs of card", f"no h264_x; {long} (a-h264)"),
        ("codecs of card", "no av1_x; and as above (a-av1)"),
        ("codecs of other", f"{long} (b)"),
    ]


def test_output_hides_what_a_repr_hides() -> None:
    """Secrets of attrs classes do not get into JSON."""

    @attrs.frozen
    class Row:
        name: str
        secret: str = attrs.field(repr=False)

    assert output.plain([Row("a", "hush"), {1: (Path("x"), None)}]) == [{"name": "a"}, {"1": ["x", None]}]


def test_a_broken_command_file_is_listed_and_costs_nothing_else(tmp_path: Path) -> None:
    """Commands are found by reading; files without one are left out."""
    (tmp_path / "good_one.py").write_text('"""``jackfield good-one``: does good."""\ncommand = None\n')
    (tmp_path / "broken.py").write_text("def (")
    (tmp_path / "shared.py").write_text("x = 1")
    assert set(commands.found(tmp_path)) == {"broken", "good-one"}
    assert commands.found(tmp_path)["good-one"] == "Does good"


def test_debug_belongs_to_jackfield_unless_it_stands_behind_two_dashes() -> None:
    """What a command passes on is left alone."""
    assert group._debug_first(["join", "--debug", "x"]) == ["--debug", "join", "x"]
    assert group._debug_first(["join", "--", "--debug"]) == ["join", "--", "--debug"]
