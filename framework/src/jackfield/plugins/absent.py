"""Plugins that the configuration names and that are not there, or do not work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jackfield.plugins import config as configuration
from jackfield.plugins.config import Config
from jackfield.plugins.loader import PluginRow
from jackfield.values.findings import Finding
from jackfield.values.settings_rules import nearest


def absent(config: Config, rows: Sequence[PluginRow]) -> list[Finding]:
    """One finding for each plugin that the configuration names and that is not there or does not work."""
    named: dict[str, list[str]] = {}
    for section in config.sections():
        named.setdefault(section, []).append(f"[{section}]")
    for name in config.plugins.prefer:
        named.setdefault(name, []).append("[plugins] prefer")
    for name in config.plugins.disable:
        named.setdefault(name, []).append("[plugins] disable")
    for key, plugin in _device_prefixes(config).items():
        named.setdefault(plugin, []).append(f"[call] {key}")
    by_name = {row.name: row for row in rows}
    works = {row.name for row in rows if row.state == "ok"}
    missing = [(name, where) for name, where in named.items() if name not in works]
    return [found for name, where in missing if (found := _absent_one(config, name, where, by_name)) is not None]


def _absent_one(config: Config, name: str, where: Sequence[str], rows: Mapping[str, PluginRow]) -> Finding | None:
    source = str(config.path or configuration.FILE_NAME)
    places = ", ".join(where)
    row = rows.get(name)
    if row is None:
        severity: Any = "warning" if list(where) == ["[plugins] disable"] else "error"
        near = nearest(name, [*rows, *configuration.FIXED_SECTIONS, "call"])
        # A name that looks mistyped is not one to install: somebody else may have taken it.
        if near:
            return Finding(severity, places, f"plugin {name!r} is not installed", f"did you mean {near}?", source)
        fix = f"pip install jackfield-{name}, or remove what names it"
        return Finding(severity, places, f"plugin {name!r} is not installed", fix, source)
    if row.state == "disabled":
        wanted = [place for place in where if place.startswith(("[call]", "[plugins] prefer"))]
        fix = "take it out of [plugins] disable, or remove what names it"
        return Finding("warning", ", ".join(wanted), f"plugin {name!r} is disabled", fix, source) if wanted else None
    if row.is_misconfigured:
        return None  # the mistakes themselves are findings
    found = f"plugin {name!r} does not work: {row.reason}"
    return Finding("warning", places, found, "see `jackfield plugins`", source)


def _device_prefixes(config: Config) -> dict[str, str]:
    """Settings of ``[call]`` that name one device by an id → the plugin that the id begins with."""
    call = config.tables.get("call", {})
    wishes = {key: call.get(key) for key in ("camera", "microphone", "speaker")}
    found = {key: wish.partition(":") for key, wish in wishes.items() if isinstance(wish, str)}
    return {
        key: plugin
        for key, (plugin, colon, rest) in found.items()
        if colon
        and rest
        and not rest.startswith((" ", "/"))
        and plugin == plugin.lower()
        and len(plugin) > 1
        and plugin.replace("-", "").isalnum()
    }
