"""The rules that a reader counts on without asking: layout, direction, size and what never gets into the repository."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FRAMEWORK = ROOT / "framework" / "src" / "jackfield"
MEMBERS = sorted(p.parent for kind in ("plugins", "adapters") for p in ROOT.glob(f"{kind}/*/pyproject.toml"))
FOREIGN = {"aiortc", "aioice", "pylibsrtp", "av"}

# What each part of the framework may import. The server and the client share what is below `session`, never each other.
_SHARED = {
    "values",
    "rendered",
    "roles",
    "hookspecs",
    "plugins",
    "tokens",
    "state",
    "links",
    "runtime",
    "local",
    "own_python",
    "web_client",
}
_SHARED |= {"log_limit", "door"}
MAY_IMPORT = {
    "values": set(),
    "rendered": {"values"},
    "roles": {"values", "rendered"},
    "hookspecs": {"values", "roles"},
    "own_python": set(),
    "web_client": {"values"},
    "log_limit": set(),
    "door": {"log_limit"},
    "plugins": {"values", "roles", "hookspecs", "own_python"},
    "tokens": {"values"},
    "state": {"values"},
    "links": {"values"},
    "runtime": {"values", "state"},
    "local": {"values", "state", "runtime", "links", "tokens", "own_python"},
    "media": _SHARED,
    "rtc": _SHARED | {"media"},
    "session": _SHARED | {"media", "rtc"},
    "calls": _SHARED | {"media", "rtc", "session"},
    "sync": _SHARED | {"media", "rtc", "session", "calls"},
    "server": _SHARED | {"media", "rtc"},
    "testing": _SHARED | {"media", "rtc", "session", "server"},
    "bench": _SHARED | {"media", "rtc", "session", "calls"},
    "cli": _SHARED | {"media", "rtc", "session", "calls", "server", "testing", "bench", ""},
    "": _SHARED | {"media", "rtc", "session", "calls"},
}

# Spelt in pieces, so that this file does not hold what it looks for.
FORBIDDEN = {
    "a registry's address": r"registry\.npm" r"js|pypi\.o" r"rg|pythonhost" r"ed\.org|proxy\.gola" r"ng",
    "a download address in a lock": r'"resolv' r'ed": *"http|^--(extra-)?ind' r"ex-url|^--find-li" r"nks",
    "a path of one machine": r"(?<![\w.~$}-])/(wor" r"k|roo" r"t|far" r"m|opt/whe" r"els)/|/tmp/bash" r"_jobs",
}  # fmt: skip


@cache
def tracked() -> list[Path]:
    """Every file that git has, or would take."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


def sources() -> list[Path]:
    """Every module that a member ships."""
    members = [ROOT / "framework", *MEMBERS]
    return sorted(path for member in members for path in (member / "src").rglob("*.py"))


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_no_file_holds_a_download_address_or_a_machine_path() -> None:
    """A clone says nothing about where it was made, or where its packages came from."""
    found = []
    for path in tracked():
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        found += [
            f"{name(path)}: {what}: {hit[0]!r}"
            for what, pattern in FORBIDDEN.items()
            if (hit := re.search(pattern, text, re.MULTILINE))
        ]
    assert found == []


def test_no_tracked_file_is_large() -> None:
    """Generated bundles and recordings stay out of git; only the locks and pictures may be large."""
    may = {".lock", ".png", ".jpg"}
    assert [name(path) for path in tracked() if path.stat().st_size > 400_000 and path.suffix not in may] == []


@pytest.mark.parametrize("member", MEMBERS, ids=lambda path: path.name)
def test_every_member_has_the_same_face(member: Path) -> None:
    """Folder, distribution, package and entry point carry one name; README, licence, types and tests are there."""
    package = "jackfield_" + member.name.replace("-", "_")
    project = tomllib.loads((member / "pyproject.toml").read_text())["project"]
    assert project["name"] == f"jackfield-{member.name}"
    assert project["entry-points"]["jackfield"] == {member.name: f"{package}.plugin:plugin"}
    assert project["license"] == "Apache-2.0"
    wanted = [
        "README.md",
        "LICENSE",
        "tests",
        *(f"src/{package}/{n}" for n in ("__init__.py", "py.typed", "plugin.py")),
    ]
    assert [part for part in wanted if not (member / part).exists()] == []
    assert list((member / "tests").glob("test_*.py")), "it has no test of its own"
    assert len((member / "README.md").read_text().split("\n\n", 1)[1].strip().splitlines()) >= 3


@pytest.mark.parametrize("member", MEMBERS, ids=lambda path: path.name)
def test_the_framework_names_no_plugin(member: Path) -> None:
    """Adding a plugin touches no file outside its own folder."""
    distribution, package = f"jackfield-{member.name}", "jackfield_" + member.name.replace("-", "_")
    named = re.compile(rf"\b({re.escape(distribution)}|{package})\b")
    files = [
        path for path in tracked() if path.is_relative_to(ROOT / "framework") and path.suffix in (".py", ".toml", ".ts")
    ]
    files = [path for path in files if "tests" not in path.relative_to(ROOT).parts]
    found = [name(path) for path in files if named.search(path.read_text())]
    # A plugin's bare name as a string; `codecs` is also a word of the settings, `screen` a kind of device and source,
    # `sounddevice` a library that contracts look for, `background` what a processor does (`roles.BACKGROUND`).
    bare = {member.name} - {"codecs", "screen", "sounddevice", "background"}
    for path in files:
        if path.suffix == ".py":
            found += [f"{name(path)}: {word!r}" for word in bare & strings(path)]
    assert found == []


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


@cache
def strings(path: Path) -> frozenset[str]:
    """Every literal text in a module."""
    return frozenset(
        node.value for node in ast.walk(parsed(path)) if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def run_time_nodes(path: Path) -> Iterator[ast.AST]:
    """Every node but those that only a type checker reads: a type's name may look up, running code may not."""
    waiting: list[ast.AST] = [parsed(path)]
    while waiting:
        node = waiting.pop()
        if not (isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")):
            yield node
            waiting += ast.iter_child_nodes(node)


def imports(path: Path) -> Iterator[str]:
    """Every module that this one imports when it runs, by its full name, wherever in the file the import stands."""
    package = ("jackfield", *path.relative_to(FRAMEWORK).with_suffix("").parts)[:-1]
    for node in run_time_nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) + "." if node.level else ""
            module = (base + (node.module or "")).strip(".")
            yield from (f"{module}.{alias.name}" for alias in node.names)


def part(module: str) -> str | None:
    """The part of the framework that a module belongs to: empty for the package itself, nothing for foreign ones."""
    names = module.split(".")
    if names[0] != "jackfield":
        return None
    return names[1] if len(names) > 1 and names[1] in MAY_IMPORT else ""


def test_every_part_of_the_framework_has_its_place_in_the_order() -> None:
    """A new package or module is placed in MAY_IMPORT before it is used."""
    here = {path.stem for path in FRAMEWORK.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert here - {"__init__", "__main__", *MAY_IMPORT} == set()


def test_arrows_point_one_way() -> None:
    """cli → calls → session → rtc → media → roles → values, and server → rtc: nothing imports what stands above it."""
    wrong = []
    for path in FRAMEWORK.rglob("*.py"):
        first = path.relative_to(FRAMEWORK).parts[0].removesuffix(".py")
        own = "cli" if first == "__main__" else "" if first == "__init__" else first
        for module in imports(path):
            other = part(module)
            if other is not None and other != own and other not in MAY_IMPORT.get(own, set()):
                wrong.append(f"{name(path)} imports {module}")
    assert wrong == []


def test_modules_and_functions_stay_short() -> None:
    """No module is past 600 lines and no function past 50."""
    wrong = []
    for path in sources():
        text = path.read_text()
        if (lines := len(text.splitlines())) > 600:
            wrong.append(f"{name(path)}: {lines} lines")
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                wrong += [f"{name(path)}:{node.lineno} {node.name}: {length} lines"] if length > 50 else []
    assert wrong == []


def test_no_name_says_nothing() -> None:
    """No class or module is a Manager, Helper, Utils, Base or Common."""
    empty = re.compile(r"(Manager|Helper|Utils?|Base|Common)(?=[A-Z_]|$)|^(utils?|helpers?|common|base)$")
    wrong = [name(path) for path in sources() if empty.search(path.stem)]
    for path in sources():
        classes = [node.name for node in ast.walk(parsed(path)) if isinstance(node, ast.ClassDef)]
        wrong += [f"{name(path)}: {each}" for each in classes if empty.search(each)]
    assert wrong == []


def is_private(word: str) -> bool:
    return word.startswith("_") and not (word.startswith("__") and word.endswith("__"))


def foreign_private_names(path: Path) -> Iterator[str]:
    """Private names of WebRTC and media libraries, as far as the names that a file imports betray them."""
    tree, bound = parsed(path), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names if alias.name.split(".")[0] in FOREIGN]
            bound |= {alias.asname or alias.name.split(".")[0] for alias in node.names if alias.name in modules}
            yield from (module for module in modules if any(map(is_private, module.split("."))))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in FOREIGN and not node.level:
            bound |= {alias.asname or alias.name for alias in node.names}
            words = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
            yield from (f"{node.module}: {word}" for word in words if is_private(word))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_private(node.attr):
            root: ast.expr = node.value
            while isinstance(root, ast.Attribute | ast.Call):
                root = root.func if isinstance(root, ast.Call) else root.value
            if isinstance(root, ast.Name) and root.id in bound:
                yield f"{root.id}…{node.attr}"


def test_private_names_of_foreign_libraries_stay_in_shims() -> None:
    """When a library moves, one file per library needs a look."""
    files = [path for path in sources() if not path.stem.endswith("_shim")]
    assert [f"{name(path)}: {each}" for path in files for each in foreign_private_names(path)] == []


def test_nothing_is_left_open() -> None:
    """No stub and no note to oneself stands in the code."""
    open_end = re.compile(r"raise NotImplemented" r"Error|\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")
    files = [path for path in tracked() if path.suffix in (".py", ".ts", ".js", ".css", ".html")]
    assert [f"{name(path)}: {hit[0]}" for path in files if (hit := open_end.search(path.read_text()))] == []
