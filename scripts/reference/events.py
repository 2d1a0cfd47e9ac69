"""docs/reference/events.md: everything that happens in a call."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Iterator
from types import ModuleType

import attrs

from jackfield.values import event, events, media_events, ring_events, view_events
from scripts.reference.markdown import FRAMEWORK, code, page, prose, table

ABOUT = """
Hear them with `@call.on("participant_joined")`, with `call.on(name, callback)` (its answer ends it), with a
`CallListener` whose methods carry their names (`call.add_listener`), or one after the other with
`async for event in call.events()`. `Calls` has the same three: what is registered there before the join hears the first
event of every call.

A handler gets the event, runs on the event loop, and may be a coroutine function. One that raises is logged by name and
stops nobody else. `event.name` is the name in the first column. A reader of `events()` that lags by more than 256
misses the oldest.
"""


def made() -> str:
    """Every event, as the source groups them."""
    parts = []
    source = "".join(path.read_text(encoding="utf-8") for path in (FRAMEWORK / "session").glob("*.py"))
    for module in (events, media_events, ring_events, view_events):
        for title, kinds in _sections(module).items():
            rows = [(code(kind.name), "<br>".join(_payload(kind)), _when(kind, source)) for kind in kinds]
            parts.append(f"## {title}\n\n" + table(("Event", "Payload", "When"), rows))
    return page("Events", ABOUT, *_literals(), *parts)


def _when(kind: type[event.Event], source: str) -> str:
    fired = re.search(rf"\bevents\.{kind.__name__}\b|^from .* import .*\b{kind.__name__}\b", source, re.MULTILINE)
    is_told = fired or issubclass(kind, view_events.Pressed) or kind.__module__ == ring_events.__name__
    return prose(kind.__doc__) + ("" if is_told else " **Not fired yet.**")


def _literals() -> Iterator[str]:
    """The named sets of words in payloads."""
    for name in ("LeaveReason", "NetworkQuality"):
        yield f"`{name}` is one of " + ", ".join(f'`"{word}"`' for word in typing.get_args(getattr(events, name))) + "."


def _payload(kind: type[event.Event]) -> Iterator[str]:
    if issubclass(kind, view_events.Pressed):
        yield code("prevent_default()")
    for field in (each for each in attrs.fields(kind) if each.init):
        default = "" if field.default is attrs.NOTHING else f" = {field.default!r}"
        yield code(f"{field.name}: {field.type}{default}")


def _sections(module: ModuleType) -> dict[str, list[type[event.Event]]]:
    """The events of a module, by the rule above them."""
    found: dict[str, list[type[event.Event]]] = {}
    title = ""
    for line in inspect.getsource(module).splitlines():
        if rule := re.match(r"# --- (.+?) -+$", line):
            title = rule[1][:1].upper() + rule[1][1:]
        elif name := re.match(r"class (\w+)\((?:Pressed, )?Event\)", line):
            found.setdefault(title, []).append(getattr(module, name[1]))
    return found
