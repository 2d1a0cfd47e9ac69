"""What tests of the packages share: the wheels, and an environment into which plain pip put them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.installed import Installed
from tests.test_house_rules import ROOT


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Every member's wheel, built as `make dist` builds it."""
    folder = tmp_path_factory.mktemp("wheels")
    subprocess.run([sys.executable, str(ROOT / "scripts" / "dist.py"), str(folder)], check=True, timeout=280)
    return sorted(folder.glob("*.whl"))


@pytest.fixture(scope="session")
def installed(wheels: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """A fresh environment with the wheels."""
    found = Installed.fresh(tmp_path_factory.mktemp("installed"))
    found.pip("install", *map(str, wheels))
    return found
