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


def test_plain_pip_installs_the_wheels_and_finds_every_plugin(wheels: list[Path], tmp_path: Path) -> None:
    """In a fresh environment each plugin is listed as loaded, with no checkout, uv or Node.js at hand."""
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "env")], check=True)
    binaries = tmp_path / "env" / "bin"
    subprocess.run([binaries / "pip", "install", "-q", *map(str, wheels)], check=True, cwd=tmp_path, timeout=240)
    command = [binaries / "jackfield", "plugins", "--json"]
    environment = {"PATH": f"{binaries}:/usr/bin:/bin", "HOME": str(tmp_path)}
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=tmp_path, env=environment, timeout=30
    )
    assert done.returncode == 0, done.stderr
    assert [member.name for member in MEMBERS if f'"{member.name}"' not in done.stdout] == []
