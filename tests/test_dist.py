"""What `make dist` makes is what a user installs with plain pip."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_house_rules import MEMBERS, ROOT

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Path]]:
    folder = tmp_path_factory.mktemp("wheels")
    subprocess.run([sys.executable, str(ROOT / "scripts" / "dist.py"), str(folder)], check=True, timeout=280)
    return sorted(folder.glob("*.whl"))


def test_every_member_is_a_wheel_with_types_and_without_tests(wheels: list[Path]) -> None:
    """One pure-Python wheel for each member, with its licence, and nothing in it that only the checkout needs."""
    assert len(wheels) == len(MEMBERS) + 1
    for wheel in wheels:
        names = zipfile.ZipFile(wheel).namelist()
        assert any(name.endswith("py.typed") for name in names), wheel.name
        assert any(name.endswith("licenses/LICENSE") for name in names), wheel.name
        assert [name for name in names if "/tests/" in name or "node_modules" in name] == []


@pytest.fixture(scope="module")
def installed(wheels: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The binaries of a fresh environment into which plain pip put the wheels."""
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", str(folder / "env")], check=True)
    binaries = folder / "env" / "bin"
    subprocess.run([binaries / "pip", "install", "-q", *map(str, wheels)], check=True, cwd=folder, timeout=240)
    return binaries


def jackfield(binaries: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command with no checkout, uv or Node.js in reach."""
    home = binaries.parent.parent
    command = [str(binaries / "jackfield"), *arguments]
    environment = {"PATH": str(binaries), "HOME": str(home), "XDG_RUNTIME_DIR": str(home)}
    options = {"capture_output": True, "text": True, "check": False, "timeout": 60}
    return subprocess.run(command, cwd=home, env=environment, **options)


def test_plain_pip_installs_the_wheels_and_finds_every_plugin(installed: Path) -> None:
    """In a fresh environment every plugin is listed."""
    done = jackfield(installed, "plugins", "--json")
    assert done.returncode == 0, done.stderr
    assert [member.name for member in MEMBERS if f'"{member.name}"' not in done.stdout] == []


def test_the_demo_runs_from_the_wheels(installed: Path) -> None:
    """The main job works with what pip installed, and ends by itself once media arrived."""
    done = jackfield(installed, "demo", "--seconds", "5")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_web_client_is_in_the_wheel(wheels: list[Path]) -> None:
    """What the embedded server hands to browsers travels with the framework."""
    framework = next(wheel for wheel in wheels if wheel.name.startswith("jackfield-"))
    assert [name for name in zipfile.ZipFile(framework).namelist() if "/static/" in name and name.endswith(".html")]
