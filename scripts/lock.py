"""Writes requirements.lock: every version with its hashes, and no address of any index. Run by `make lock`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("framework", "plugins/*", "adapters/*")


def main() -> int:
    """Resolve for every platform; arguments are passed on (`--upgrade`, `--upgrade-package NAME`)."""
    uv = Path(sys.executable).parent / "uv"
    members = sorted(str(p.relative_to(ROOT)) for s in SOURCES for p in ROOT.glob(f"{s}/pyproject.toml"))
    command = [str(uv), "pip", "compile", *members, "--group", "dev", "--quiet"]
    command += ["--universal", "--python-version", "3.11", "--generate-hashes", "--no-annotate"]
    command += ["--no-emit-index-url", "--no-emit-find-links", "--no-emit-package", "jackfield"]
    command += ["--custom-compile-command", "make lock", "--output-file", "requirements.lock", *sys.argv[1:]]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, "UV_NO_PROGRESS": "1"}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
