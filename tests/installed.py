"""An environment of its own, as a user has it: plain pip, and no checkout, uv or Node.js in reach."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from attrs import frozen


@frozen
class Installed:
    """A virtual environment and a home that is empty at first; commands run in that home."""

    home: Path

    @property
    def binaries(self) -> Path:
        """Where its commands are."""
        return self.home / "env" / "bin"

    @classmethod
    def fresh(cls, home: Path) -> Installed:
        """A new one in ``home``."""
        subprocess.run([sys.executable, "-m", "venv", str(home / "env")], check=True, timeout=60)
        return cls(home)

    def pip(self, *arguments: str) -> None:
        """Runs pip; fails with its words."""
        command = [str(self.binaries / "pip"), "--disable-pip-version-check", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=self.home, timeout=240)
        assert done.returncode == 0, done.stdout + done.stderr

    def run(self, name: str, *arguments: str, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
        """Runs one of its commands; the environment has only its own binaries on ``PATH``."""
        environment = {"PATH": str(self.binaries), "HOME": str(self.home), "XDG_RUNTIME_DIR": str(self.home)}
        command = [str(self.binaries / name), *arguments]
        return subprocess.run(
            command, cwd=self.home, env=environment, capture_output=True, text=True, check=False, timeout=timeout_s
        )
