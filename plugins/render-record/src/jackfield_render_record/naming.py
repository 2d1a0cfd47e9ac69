"""What recorded files are called."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Protocol

from jackfield.values.errors import PluginError

_NAMES = "{session}-{uid}-{time}.mkv"
_FIELDS = frozenset({"session", "uid", "name", "time"})
_UNSAFE = re.compile(r"[^\w.@+-]+")
#: Four parts and what stands between them stay below the 255 bytes that file systems allow a name.
_PART_BYTES = 56


class Named(Protocol):
    """Whose file it is."""

    @property
    def uid(self) -> str: ...

    @property
    def person(self) -> str: ...


def naming(to: str, session_id: str, now: datetime) -> Callable[[Named], Path]:
    """Makes a path for each participant that no file has yet, from a folder or a pattern; ``PluginError`` if it cannot.

    What people chose (session, uid, name) goes in without anything that could lead to another folder.
    """
    pattern = to if "{" in to else str(Path(to) / _NAMES)
    unknown = set(re.findall(r"\{(\w*)\}", pattern)) - _FIELDS
    if unknown:
        known = ", ".join("{" + name + "}" for name in sorted(_FIELDS))
        raise PluginError(f"record_to has {{{sorted(unknown)[0]}}} in it; it may have {known}")

    def name(who: Named) -> Path:
        known = {"session": session_id, "uid": who.uid, "name": who.person, "time": now.strftime("%Y%m%d-%H%M%S")}
        filled = re.sub(r"\{(\w+)\}", lambda match: _safe(known[match[1]]), pattern)
        return _free(Path(filled).expanduser())

    return name


def tried(name: Callable[[Named], Path], who: Named) -> None:
    """Nothing, when a file of this name can be written; ``PluginError`` otherwise."""
    try:
        path = name(who)
        path.touch()
        path.unlink()
    except OSError as error:
        found = f"nothing can be recorded: {error.strerror}: {error.filename}"
        raise PluginError(f"{found}; name another place: record_to, --to or --record") from error


def _safe(part: str) -> str:
    short = _UNSAFE.sub("_", part).strip(".").encode()[:_PART_BYTES]
    return short.decode(errors="ignore") or "_"


def _free(path: Path) -> Path:
    path = path if path.suffix in (".mkv", ".mka") else path.with_name(path.name + ".mkv")
    path.parent.mkdir(parents=True, exist_ok=True)
    number = 1
    free = path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return free
