"""A plugin outside the tree, as the guide writes it: built, installed, chosen, tested, and missed once it is gone."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.installed import Installed
from tests.test_house_rules import ROOT

GUIDE = ROOT / "docs" / "write-a-capture-plugin.md"

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The guide's files, as they stand there."""
    folder = tmp_path_factory.mktemp("grey")
    for name, text in re.findall(r"```\w+ title=(\S+)\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL):
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def wheel(files: Path) -> Path:
    """The plugin's wheel."""
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(files), str(files)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return next(files.glob("*.whl"))


def test_the_guides_plugin_is_about_thirty_lines(files: Path) -> None:
    """It stays as small as the guide says."""
    lines = [line for line in (files / "jackfield_grey.py").read_text().splitlines() if line.strip()]
    assert len(lines) <= 40


def test_a_plugin_comes_and_goes(installed: Installed, files: Path, wheel: Path) -> None:
    """Installed it is listed, chosen by the configuration and passes its contract; gone, one error says what to do."""
    (installed.home / "jackfield.toml").write_text((files / "jackfield.toml").read_text())
    installed.pip("install", str(wheel), "pytest")
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
