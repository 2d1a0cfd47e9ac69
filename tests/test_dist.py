"""What `make dist` makes is what a user installs with plain pip."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from tests.installed import Installed
from tests.test_house_rules import MEMBERS

pytestmark = pytest.mark.timeout(300)


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
