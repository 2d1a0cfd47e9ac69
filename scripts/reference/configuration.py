"""docs/reference/configuration.md: every section, key and variable."""

from __future__ import annotations

import inspect
import re
import textwrap
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from jackfield.plugins import Plugins, config
from jackfield.plugins.tables import named_field
from scripts.reference.markdown import code, page, plain, prose, table

ABOUT = """
`jackfield.toml` in the working directory, or the file that `JACKFIELD_CONFIG` or `--config` names; over it the
environment, `JACKFIELD_<SECTION>_<KEY>`; over that what a program or a command's options say. An unknown section, key
or variable is a finding with the nearest spelling; `jackfield doctor` shows them all. In a variable, a list is written
with commas, or as TOML.
"""


#: Variables that are no key of a section.
VARIABLES = {
    "JACKFIELD_CONFIG": "The configuration file, in place of `jackfield.toml` here (`jackfield --config` comes first).",
    "JACKFIELD_STATE_DIR": "Where keys, log-ins, probes and the record of this machine's server are kept.",
    "JACKFIELD_DEBUG": "`1`: errors of `jackfield` show where they came from, as with `--debug`.",
    "JACKFIELD_LOCAL_IDLE_S": "Seconds after which a server that a call started ends, once nobody is in a call (60).",
    "JACKFIELD_TOKEN": "The call token of `jackfield join` and `jackfield record`.",
}
WHAT = {
    "server": "Where calls happen, and what `jackfield serve` listens with.",
    "plugins": "Which plugins are left out, and which come first.",
}


def made(plugins: Plugins) -> str:
    """Every section, key and variable."""
    own = {variable for variable, place in config.PLAIN_VARIABLES.items() if place is None}
    assert own == set(VARIABLES), f"VARIABLES has other names than the source: {sorted(own ^ set(VARIABLES))}"
    parts = [f"## `[{name}]`\n\n{WHAT[name]}\n\n" + _keys(name, kind) for name, kind in config.FIXED_SECTIONS.items()]
    for loaded in plugins.loaded:
        kind = getattr(loaded.plugin, "options", None)
        if kind is not None:
            parts.append(f"## `[{loaded.name}]`\n\n{prose(kind.__doc__)}\n\n" + _keys(loaded.name, kind))
            if named := named_field(kind):
                section = f"{loaded.name}.<name>"
                parts.append(f"## `[{section}]`\n\n{prose(named[1].__doc__)}\n\n" + _keys(section, named[1]))
    return page(
        "Configuration",
        ABOUT,
        "## Variables\n\n"
        + table(("Variable", "What it is"), [(code(name), what) for name, what in VARIABLES.items()]),
        "## `[call]`\n\nDefaults of every [setting of a call](settings.md), and `JACKFIELD_CALL_<SETTING>`.",
        *parts,
    )


def _keys(section: str, kind: type) -> str:
    rows = []
    tables = named_field(kind)
    hints, notes = typing.get_type_hints(kind), field_notes(kind)
    named = {place: variable for variable, place in config.PLAIN_VARIABLES.items() if place is not None}
    for spec in attrs.fields(kind):
        if tables and spec.name == tables[0]:
            continue
        default = spec.default.factory() if isinstance(spec.default, attrs.Factory) else spec.default  # type: ignore[arg-type]
        variable = f"JACKFIELD_{re.sub('[-.]', '_', section.upper())}_{spec.name.upper()}"
        short = named.get((section, spec.name))
        shown = code(variable) if short is None else f"{code(short)}, {code(variable)}"
        shown_default = "must be set" if default is attrs.NOTHING else plain(default)
        rows.append((code(spec.name), _type(hints[spec.name]), shown_default, notes[spec.name], shown))
    return table(("Key", "Type", "Default", "What it does", "Variable"), rows) if rows else ""


def _type(hint: Any) -> str:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return ", ".join(f'`"{each}"`' for each in arguments)
    if origin is tuple:
        return f"list of {_type(arguments[0])}"
    if origin is dict:
        return "table"
    if arguments:
        return " or ".join(_type(each) for each in arguments if each is not type(None))
    return {str: "text", bool: "`true` or `false`", int: "whole number", float: "number", Path: "path"}[hint]


def field_notes(kind: type) -> Mapping[str, str]:
    """Field → the ``#:`` comment above it; a field without one is an AssertionError."""
    notes: dict[str, str] = {}
    waiting: list[str] = []
    family = [each for each in reversed(kind.__mro__) if attrs.has(each)]
    for line in (line for each in family for line in textwrap.dedent(inspect.getsource(each)).splitlines()):
        if line.strip().startswith("#:"):
            waiting.append(line.strip().removeprefix("#:").strip())
        elif field := re.match(r"    (\w+):", line):
            assert waiting, f"{kind.__module__}: {field[1]} has no #: comment that says what it does"
            notes[field[1]] = prose(" ".join(waiting))
            waiting = []
    return notes
