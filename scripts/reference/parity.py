"""docs/parity.md: what users of other call SDKs look for, what it is called here, and which tests use it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from jackfield.values.events import EVENTS
from scripts.reference.markdown import ROOT, code, page, table

PAGE = ROOT / "docs" / "parity.md"
DATA = Path(__file__).with_suffix(".toml")
ABOUT = """
Every setting, action, state, event and field that a call SDK's users expect, by its name here, and the tests in which
it is used for what it does (those that check how settings are read do not count). Made by `make docs`; a test holds
the code against the names, and this page against the tests.
"""
KINDS = {
    "settings": "Settings",
    "actions": "Actions of a session",
    "state": "State of a session",
    "events": "Events",
    "participant": "A participant",
}
#: Of each row, so many files are named.
SHOWN = 3
#: Tests that read every name, whatever it does; they show nothing of any.
_READERS = {"test_settings.py", "test_events.py", "test_config.py", "test_docs.py", "test_parity.py"}


def rows() -> dict[str, list[str]]:
    """Kind → its names, in order."""
    data = tomllib.loads(DATA.read_text(encoding="utf-8"))
    return {kind: [name for names in data[kind].values() for name in names] for kind in KINDS}


def used(kind: str, name: str, text: str) -> bool:
    """Whether a test's text uses it."""
    return re.search(_pattern(kind, name), text, re.MULTILINE) is not None


def _pattern(kind: str, name: str) -> str:
    if kind == "events":
        return rf"[\"']{name}[\"']|\bevents\.{EVENTS[name].__name__}\b|def {name}\(self, event"
    if kind == "settings":
        camel = re.sub(r"_s$|_(\w)", lambda hit: (hit[1] or "").upper(), name)
        keys = [rf"[\"']{name}[\"']\s*:", rf"\w*[sS]ettings\([^()]*\b{name}=", rf"\.set_{name}\(", rf"^{name} = "]
        keys += [rf"[\"']{camel}[\"']", rf"\b{camel}\s*:", rf"\b{name}="] if "_" in name else []
        keys += [r"startswith\([\"']hide_[\"']\)"] if name.startswith("hide_") else []
        return "|".join(keys)
    return rf"\.{name}\(" if kind == "actions" else rf"\.{name}\b"


@cache
def tests() -> dict[str, str]:
    """Path → text of every test."""
    folders = (
        ROOT / "tests",
        ROOT / "framework" / "tests",
        *ROOT.glob("plugins/*/tests"),
        *ROOT.glob("adapters/*/tests"),
    )
    files = sorted(path for folder in folders for path in folder.glob("test_*.py") if path.name not in _READERS)
    return {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in files}


def users(kind: str, name: str) -> list[str]:
    """The tests that use it; those of whole calls first."""
    return [path for path, text in tests().items() if used(kind, name, text)]


def made() -> str:
    """The page."""
    parts = []
    for kind, names in rows().items():
        found = [(code(name), "<br>".join(map(code, users(kind, name)[:SHOWN])) or "**nowhere**") for name in names]
        parts.append(f"## {KINDS[kind]}\n\n" + table((KINDS[kind].split()[0], "Tested in"), found))
    return page("What is there, and where it is tested", ABOUT, *parts)


def told() -> Iterator[tuple[str, str, list[str]]]:
    """Kind, name and files of each row of the page as it stands."""
    kind = ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            kind = next(each for each, title in KINDS.items() if title == line[3:])
        elif row := re.fullmatch(r"\| `(\w+)` \| (.*) \|", line):
            yield kind, row[1], re.findall(r"`([^`]+)`", row[2])
