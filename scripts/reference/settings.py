"""docs/reference/settings.md: every setting of a call."""

from __future__ import annotations

from typing import Any

import attrs

from jackfield.calls.calls import ACTED_ON
from jackfield.plugins import Plugins
from jackfield.values import settings
from jackfield.values.settings_builder import SessionSettingsBuilder
from jackfield.values.settings_rules import Refused
from scripts.reference.markdown import code, page, plain, prose, table

ABOUT = """
Three ways in, with the same rules: `SessionSettings(layout="SPOTLIGHT")`,
`SessionSettingsBuilder().set_layout("SPOTLIGHT").build()`, and a mapping (`SessionSettings.from_dict`, and the
`settings` of `join_session`), which also takes the vendor's names. Defaults for every call stand under `[call]` in
[`jackfield.toml`](configuration.md). Values in capitals may be written in any case. An unknown name, a wrong type and a
value out of range are findings of one `SettingsError`, which lists all of them.

**Acted on by** says what does something about a setting today. Where that is nothing yet, the setting is checked and
kept, and joining gives a warning; where the call would be less safe than was asked for (`e2ee_key`), an error.
"""


def made(plugins: Plugins) -> str:
    """Every setting of a call."""
    names = [*settings.SETTINGS]
    first_hidden = next(i for i, name in enumerate(names) if name.startswith("hide_"))
    last_hidden = max(i for i, name in enumerate(names) if name.startswith("hide_"))
    groups = {
        "The call": names[:first_hidden],
        "What the interface hides": names[first_hidden : last_hidden + 1],
        "Devices and media": names[last_hidden + 1 :],
    }
    columns = ("Setting", "Values", "Default", "Vendor's names", "What it does", "Acted on by")
    parts = [
        f"## {title}\n\n" + table(columns, [_setting(name, plugins) for name in members])
        for title, members in groups.items()
    ]
    wishes = [
        (code(spec.name), _allowed(spec), plain(spec.default) if spec.default is not None else "from size and rate")
        for spec in attrs.fields(settings.VideoWish)
    ]
    return page(
        "Settings of a call",
        prose(settings.SessionSettings.__doc__),
        ABOUT,
        *parts,
        "## `video`\n\nThe picture that is aimed at.\n\n" + table(("Key", "Values", "Default"), wishes),
    )


def _setting(name: str, plugins: Plugins) -> tuple[str, ...]:
    spec = settings.SETTINGS[name]
    vendor = [_camel(name)] if "_" in name else []
    for theirs, (ours, scale) in settings.VENDOR_NAMES.items():
        vendor += [_camel(theirs) + (" (ms)" if scale == 0.001 else "")] if ours == name else []
    what = prose(getattr(SessionSettingsBuilder, f"set_{name}").__doc__)
    default = plain(spec.default)
    return code(name), _allowed(spec), default, ", ".join(map(code, vendor)), what, _acting(name, plugins)


def _allowed(spec: attrs.Attribute[Any]) -> str:
    try:
        spec.metadata["read"](object())
    except Refused as refused:
        aliases = {
            alias: member.value
            for alias, member in getattr(type(spec.default), "__members__", {}).items()
            if alias.isupper() and alias != member.value
        }
        return refused.allowed + "".join(f" ({alias}: {value})" for alias, value in aliases.items())
    raise AssertionError(f"{spec.name} takes anything")


def _acting(name: str, plugins: Plugins) -> str:
    found = ["the session"] if name in ACTED_ON else []
    for offer in plugins.offers("register_renderers"):
        found += [offer.plugin] if name in getattr(offer.thing, "acts_on", ()) else []
    for loaded in plugins.loaded:
        found += [loaded.name] if name in getattr(loaded.plugin, "acts_on", ()) else []
    return ", ".join(found) or "nothing yet"


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
