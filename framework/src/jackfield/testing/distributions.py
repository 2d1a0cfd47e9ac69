"""Small distributions with real entry points, for tests of what is installed."""

from __future__ import annotations

import sys
from pathlib import Path
from textwrap import dedent


def install(
    folder: Path, name: str, code: str, *, distribution: str = "", version: str = "1.0", entry_point: str = ""
) -> Path:
    """Writes a distribution with one plugin into ``folder`` and answers with it; put the folder on ``sys.path``.

    ``code`` is the module's source and ends by making an object called ``plugin``. Removing the folder uninstalls it.
    """
    distribution = distribution or f"jackfield-{name}"
    module = distribution.replace("-", "_")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{module}.py").write_text(dedent(code), encoding="utf-8")
    metadata = folder / f"{module}-{version}.dist-info"
    metadata.mkdir(exist_ok=True)
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n", encoding="utf-8"
    )
    target = entry_point or f"{module}:plugin"
    (metadata / "entry_points.txt").write_text(f"[jackfield]\n{name} = {target}\n", encoding="utf-8")
    sys.modules.pop(module, None)
    return folder
