"""Builds every member's wheel into dist/, with the locked hatchling and nothing downloaded. Run by `make dist`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Build the wheels one after the other, into dist/ or the folder named; the first that fails ends it."""
    out = Path(sys.argv[1]).resolve() if sys.argv[1:] else ROOT / "dist"
    for old in out.glob("*.whl"):
        old.unlink()
    members = [
        p.parent for s in ("framework", "plugins/*", "adapters/*") for p in sorted(ROOT.glob(f"{s}/pyproject.toml"))
    ]
    for folder in members:
        command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            print(done.stdout + done.stderr, file=sys.stderr)
            print(f"dist: {folder.relative_to(ROOT)} did not build; the reason is above", file=sys.stderr)
            return done.returncode
    for wheel in sorted(out.glob("*.whl")):
        print(f"{wheel.name}  {wheel.stat().st_size // 1024} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
