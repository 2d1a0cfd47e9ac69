"""What `make dist` makes is what a user installs with plain pip; and plugins from outside the tree, as the guides write
them: built, installed, chosen, tested, and missed once they are gone."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.installed import Installed
from tests.test_house_rules import MEMBERS, ROOT

pytestmark = pytest.mark.timeout(300)
GUIDES = {"grey": "write-a-capture-plugin.md", "board": "write-a-renderer.md"}


def test_every_member_is_a_wheel_with_types_and_without_tests(wheels: list[Path]) -> None:
    """One pure-Python wheel for each member, with its licence, and nothing in it that only the checkout needs."""
    assert len(wheels) == len(MEMBERS) + 1
    for wheel in wheels:
        names = zipfile.ZipFile(wheel).namelist()
        assert any(name.endswith("py.typed") for name in names), wheel.name
        assert any(name.endswith("licenses/LICENSE") for name in names), wheel.name
        assert [name for name in names if "/tests/" in name or "node_modules" in name] == []


def test_plain_pip_installs_the_wheels_and_finds_every_plugin(installed: Installed) -> None:
    """In a fresh environment every plugin is listed."""
    done = installed.run("jackfield", "plugins", "--json")
    assert done.returncode == 0, done.stderr
    assert [member.name for member in MEMBERS if f'"{member.name}"' not in done.stdout] == []


def test_the_demo_runs_from_the_wheels(installed: Installed) -> None:
    """The main job works with what pip installed, and ends by itself once media arrived."""
    done = installed.run("jackfield", "demo", "--seconds", "5")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_web_client_is_in_the_wheel(wheels: list[Path]) -> None:
    """What the embedded server hands to browsers travels with the framework."""
    framework = next(wheel for wheel in wheels if wheel.name.startswith("jackfield-"))
    assert [name for name in zipfile.ZipFile(framework).namelist() if "/static/" in name and name.endswith(".html")]


# --- plugins from outside the tree ------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The guides' files, as they stand there, each guide's in a folder of its own."""
    folders = {plugin: tmp_path_factory.mktemp(plugin) for plugin in GUIDES}
    for plugin, page in GUIDES.items():
        text = (ROOT / "docs" / page).read_text(encoding="utf-8")
        for name, content in re.findall(r"```\w+ title=(\S+)\n(.*?)```", text, re.DOTALL):
            (folders[plugin] / name).write_text(content, encoding="utf-8")
    return folders


def wheel(files: Path) -> Path:
    """The plugin's wheel."""
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(files), str(files)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return next(files.glob("*.whl"))


@pytest.mark.parametrize(("plugin", "most"), [("grey", 40), ("board", 55)])
def test_a_guides_plugin_stays_as_small_as_it_says(written: dict[str, Path], plugin: str, most: int) -> None:
    """About thirty lines for a camera, fifty for a renderer."""
    lines = [line for line in (written[plugin] / f"jackfield_{plugin}.py").read_text().splitlines() if line.strip()]
    assert len(lines) <= most


def test_a_renderer_comes_and_shows_a_call(installed: Installed, written: dict[str, Path]) -> None:
    """Installed it passes its contract, and shows a call from the command line: us, as nobody else is there."""
    installed.pip("install", str(wheel(written["board"])), "pytest", "pytest-asyncio")
    command = "pytest", "-q", "-p", "no:cacheprovider", str(written["board"] / "test_board.py")
    test = installed.run(*command, timeout_s=120)
    assert test.returncode == 0, test.stdout + test.stderr
    join = ("join", "stand-up", "--name", "Ada", "--render", "board", "--microphone", "none", "--seconds", "3")
    shown = installed.run(
        "jackfield", *join, "--camera", "synthetic:card-front", "--video", "320x180@10", "--speaker", "none"
    )
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert "Ada: muted brightness" in shown.stdout
    assert "nothing in this installation acts on it" not in shown.stderr
    installed.pip("uninstall", "-y", "jackfield-board")


def test_a_plugin_comes_and_goes(installed: Installed, written: dict[str, Path]) -> None:
    """Installed it is listed, chosen by the configuration and passes its contract; gone, one error says what to do."""
    files = written["grey"]
    (installed.home / "jackfield.toml").write_text((files / "jackfield.toml").read_text())
    installed.pip("install", str(wheel(files)), "pytest")
    listed = json.loads(installed.run("jackfield", "devices", "--json").stdout)
    assert "grey:wall" in [device["id"] for device in listed]
    doctor = json.loads(installed.run("jackfield", "doctor", "--json").stdout)
    camera = next(check for check in doctor if check["what"] == "camera")
    assert camera["found"].startswith("grey:wall")

    test = installed.run("pytest", "-q", "-p", "no:cacheprovider", str(files / "test_grey.py"), timeout_s=120)
    assert test.returncode == 0, test.stdout + test.stderr
    assert re.search(r"\b1\d passed|\b2\d passed", test.stdout)

    installed.pip("uninstall", "-y", "jackfield-grey")
    missed = installed.run("jackfield", "join", "stand-up", "--seconds", "1")
    (installed.home / "jackfield.toml").unlink()
    assert missed.returncode == 3
    assert "pip install jackfield-grey" in missed.stderr
    assert "Traceback" not in missed.stderr
