"""How one setting's value is read: what is accepted, what it becomes, and what is said when it is refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Any

Reader = Callable[[object], Any]

#: RTP encoding names by their upper-case spelling, so that ``h264`` and ``H.264`` are understood.
VIDEO_CODECS: Mapping[str, str] = {name: name for name in ("VP8", "H264", "VP9", "AV1", "H265")} | {"HEVC": "H265"}


class Refused(ValueError):
    """The value is not accepted; the message says what would be, and ``path`` is the part of the value at fault."""

    def __init__(self, allowed: str, *, path: str = "", value: object = None, near: str = "") -> None:
        super().__init__(allowed)
        self.allowed = allowed
        self.path = path
        self.value = value
        self.near = near


class SeveralRefused(ValueError):
    """Several parts of one value are not accepted."""

    def __init__(self, parts: Iterable[Refused]) -> None:
        super().__init__("several parts are refused")
        self.parts = tuple(parts)


def nearest(word: object, known: Iterable[str]) -> str:
    """The known spelling nearest to ``word``, or "" when none is near."""
    by_folded = {name.lower().replace("-", "_"): name for name in known}
    near = get_close_matches(str(word).lower().replace("-", "_"), list(by_folded), n=1, cutoff=0.6)
    return by_folded[near[0]] if near else ""


def snake_case(key: str) -> str:
    """``startAudioMuted`` as ``start_audio_muted``; what is snake_case already stays as it is."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key).lower().replace("-", "_")


def flag(value: object) -> bool:
    """True or false, and no other truth."""
    if isinstance(value, bool):
        return value
    raise Refused("true or false")


def text(*, longest: int = 256, pattern: str = "", allowed: str = "") -> Reader:
    """Reads text that is not blank, or None."""

    def read(value: object) -> str | None:
        wanted = allowed or f"text of 1 to {longest} characters"
        if value is None:
            return None
        if not isinstance(value, str) or not value.strip() or len(value) > longest:
            raise Refused(wanted)
        if pattern and not re.fullmatch(pattern, value):
            raise Refused(wanted)
        return value

    return read


def number(least: float, most: float, *, whole: bool = False, unit: str = "") -> Reader:
    """Reads a number from ``least`` to ``most``."""
    kind = "a whole number" if whole else "a number"
    allowed = f"{kind} from {least:,.10g} to {most:,.10g}".replace(",", " ") + (f" {unit}" if unit else "")

    def read(value: object) -> float | int:
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise Refused(allowed)
        if whole and value != int(value):
            raise Refused(allowed)
        return int(value) if whole else float(value)

    return read


def one_of(kind: type[StrEnum]) -> Reader:
    """Reads a member, in any case and by any of its aliases."""
    members = [member.value for member in kind]

    def read(value: object) -> StrEnum:
        if isinstance(value, kind):
            return value
        found = kind.__members__.get(value.strip().upper()) if isinstance(value, str) else None
        if found is None:
            near = nearest(value, kind.__members__) if isinstance(value, str) else ""
            raise Refused("one of " + ", ".join(members), near=near.upper())
        return found

    return read


def names(what: str) -> Reader:
    """Reads one name or a list of names; the order is that of preference."""

    def read(value: object) -> tuple[str, ...]:
        items = [value] if isinstance(value, str) else value
        if not isinstance(items, list | tuple) or not all(isinstance(item, str) and item.strip() for item in items):
            raise Refused(f"{what}, or a list of them in order of preference")
        return tuple(item.strip() for item in items)

    return read


def video_codecs(value: object) -> tuple[str, ...]:
    """Reads video codecs, in order of preference."""
    allowed = "codecs out of " + ", ".join(VIDEO_CODECS) + ", in order of preference"
    try:
        asked = names("a codec")(value)
    except Refused:
        raise Refused(allowed) from None
    refused = [name for name in asked if name.upper().replace(".", "") not in VIDEO_CODECS]
    if refused:
        raise Refused(allowed, value=refused[0], near=nearest(refused[0], VIDEO_CODECS))
    if not asked:
        raise Refused(allowed)
    return tuple(dict.fromkeys(VIDEO_CODECS[name.upper().replace(".", "")] for name in asked))


def device_wish(value: object) -> str | tuple[str, ...] | None:
    """Reads which device is wanted: an id, a list in order of preference, ``none``; None for the best found."""
    if value is None or (isinstance(value, str) and value.strip().lower() in {"best", "default", "auto"}):
        return None
    if value is False or value in ((), []) or (isinstance(value, str) and value.strip().lower() == "none"):
        return "none"
    if isinstance(value, str) and value.strip():
        return value.strip()
    if isinstance(value, list | tuple) and all(isinstance(item, str) and item.strip() for item in value):
        return tuple(item.strip() for item in value)
    raise Refused('a device\'s id, label or address, a list of them in order of preference, or "none"')


def path(value: object) -> str | None:
    """Reads where a file goes, as text or a path."""
    read: Callable[[object], str | None] = text(longest=4096, allowed="a file's or folder's path")
    return read(str(value) if isinstance(value, Path) else value)
