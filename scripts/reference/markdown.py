"""What every page is made of."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from enum import Enum
from pathlib import Path

import attrs

from jackfield.values.settings import VideoWish

ROOT = Path(__file__).resolve().parent.parent.parent
FRAMEWORK = ROOT / "framework" / "src" / "jackfield"
MADE = "<!-- Made from the code by `make docs`: change it there. -->"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Rows under their columns."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def prose(docstring: str | None) -> str:
    """A docstring as one paragraph of Markdown."""
    return " ".join(inspect.cleandoc(docstring or "").split()).replace("``", "`")


def comment_above(lines: Sequence[str], number: int) -> str:
    """The ``#:`` comment that ends above this line, counted from 1; "" where there is none."""
    first = number - 1
    while first and lines[first - 1].strip().startswith("#:"):
        first -= 1
    return prose(" ".join(line.strip().removeprefix("#:") for line in lines[first : number - 1]))


def code(text: object) -> str:
    """Text in code type; empty where there is none."""
    return f"`{text}`" if str(text) else ""


def page(title: str, *parts: str) -> str:
    """A whole page."""
    return "\n\n".join([f"# {title}", MADE, *(part.strip("\n") for part in parts)]) + "\n"


def plain(value: object) -> str:
    """A default as ``jackfield.toml`` would hold it; "none" where nothing is set."""
    if value is None or value == () or value == "" or value == {}:
        return "none"
    if isinstance(value, bool):
        return code(str(value).lower())
    if isinstance(value, Enum):
        return code(value.value)
    if isinstance(value, VideoWish):
        parts = [f"{key} = {item:g}" for key, item in attrs.asdict(value).items() if item is not None]
        return code("{ " + ", ".join(parts) + " }")
    if isinstance(value, tuple | list):
        return code("[" + ", ".join(f'"{item}"' for item in value) + "]")
    return code(f"{value:g}" if isinstance(value, float) else f'"{value}"' if isinstance(value, str) else value)
