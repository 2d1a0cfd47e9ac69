"""Which device a wish means: an id, an address, a label or a part of it, several in order, none, or the best."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from attrs import frozen

from jackfield.plugins.selection import Choice, PassedOver
from jackfield.values.devices import Device
from jackfield.values.errors import CallError, DeviceBusy, DeviceDenied, DeviceError, DeviceGone, SettingsError
from jackfield.values.findings import Finding
from jackfield.values.settings_rules import nearest

#: No device is called longer.
_LONGEST = 1000


@frozen(eq=False)
class Found:
    """A device that is there, the driver that opens it, and the plugin that brought the driver."""

    device: Device
    driver: Any
    plugin: str


@frozen(eq=False)
class Wish:
    """A wish for a device of one kind among those found. ``installed`` says whether a plugin of a name works here."""

    kind: str
    found: Sequence[Found]
    prefer: Sequence[str] = ()
    facing: str = ""
    installed: Callable[[str], bool] = lambda name: True
    #: Drivers that could not say what they have.
    broken: Sequence[PassedOver] = ()

    def grant(self, wish: str | Sequence[str] | None) -> tuple[Found | None, Choice]:
        """The device, or None where none is wanted; raises `DeviceError` or, for an ambiguous wish, `SettingsError`."""
        if wish is not None and not _is_wish(wish):
            fix = "it is an id, a label, an address, several of them in order, none, or nothing for the best"
            raise SettingsError([Finding("error", self.kind, f"found {_short(wish)}", fix)])
        if wish in ("none", (), []):
            return None, Choice(self.kind, why="none is wanted")
        if wish is None:
            return self._best(self.found, f"best {self.kind}", "")
        if isinstance(wish, str):
            return self._one(wish)
        return self._in_order(wish)

    def _in_order(self, wishes: Sequence[str]) -> tuple[Found | None, Choice]:
        if len(wishes) == 1 and wishes[0] != "none":  # as it is said of the one
            return self._one(wishes[0])
        passed: list[PassedOver] = []
        told: set[str] = set()
        for wish in wishes:
            if wish == "none":
                return None, Choice(self.kind, why="none of those before is there", passed_over=tuple(passed))
            try:
                taken, choice = self._one(wish)
            except DeviceError as exc:
                passed.append(PassedOver(wish, wish.partition(":")[0], exc.message))
                told |= {wish, exc.details.get("device", wish)}
                continue
            others = tuple(other for other in choice.passed_over if other.name not in told)
            why = f"first in order that works: {choice.why}"
            return taken, Choice(choice.asked, choice.chosen, choice.plugin, why, (*passed, *others))
        reasons = "; ".join(other.reason for other in passed)
        raise DeviceGone(f"no {self.kind} out of {', '.join(wishes)} can be used: {reasons}", details=self._details())

    def _one(self, wish: str) -> tuple[Found | None, Choice]:
        if wish.lower() in {item.plugin for item in self.found}:
            mine = [item for item in self.found if item.plugin == wish.lower()]
            return self._best(mine, f"{self.kind} {wish}", f"the best of plugin {wish}")
        how, matches = self._matches(wish)
        if len(matches) > 1:
            matches = _best_way(matches)
        if len(matches) > 1:
            raise self._ambiguous(wish, matches)
        if not matches:
            raise DeviceGone(f"no {self.kind} matches {wish!r}; {self._instead(wish)}", details=self._details())
        taken = matches[0]
        _raise_unless_ready(taken.device)
        others = tuple(PassedOver(f.device.id, f.plugin, "another was asked for") for f in self.found if f is not taken)
        return taken, Choice(f"{self.kind} {wish}", taken.device.id, taken.plugin, how, others)

    def _matches(self, wish: str) -> tuple[str, list[Found]]:
        word = wish.casefold()
        tests: list[tuple[str, Callable[[Device], bool]]] = [
            ("its id was asked for", lambda device: device.id == wish),
            ("its address was asked for", lambda device: bool(device.address) and device.address == wish),
            ("its label was asked for", lambda device: device.label.casefold() == word),
            ("a part of its label was asked for", lambda device: word in device.label.casefold()),
            ("a part of its id was asked for", lambda device: word in device.id.casefold()),
        ]
        for how, fits in tests:
            matches = [item for item in self.found if fits(item.device)]
            if matches:
                return how, matches
        return "", []

    def _best(self, found: Sequence[Found], asked: str, why: str) -> tuple[Found, Choice]:
        ordered = sorted(found, key=self._order)
        ready = [item for item in ordered if item.device.state == "ready"]
        if not ordered:
            raise DeviceGone(f"no {self.kind} was found; {self._instead('')}", details=self._details())
        if not ready:
            _raise_unless_ready(ordered[0].device)
        if ready[0].device.rank <= 0:
            only = ", ".join(item.device.id for item in ready)
            raise DeviceGone(f"no {self.kind} is taken unasked: name {only} where it is meant", details=self._details())
        taken = ready[0]
        reason = why or self._why(taken)
        passed = tuple(
            PassedOver(item.device.id, item.plugin, _not_taken(item, taken)) for item in ordered if item is not taken
        )
        return taken, Choice(asked, taken.device.id, taken.plugin, reason, passed)

    def _order(self, item: Found) -> tuple[int, bool, int]:
        names = [name.lower() for name in self.prefer]
        preferred = names.index(item.plugin) if item.plugin in names else len(names)
        return preferred, bool(self.facing) and item.device.facing not in (self.facing, ""), -item.device.rank

    def _why(self, taken: Found) -> str:
        preferred = "preferred in [plugins] prefer, " if taken.plugin in self.prefer else ""
        facing = f"faces {self.facing}, " if self.facing and taken.device.facing == self.facing else ""
        return f"{preferred}{facing}rank {taken.device.rank}, the best that is ready"

    def _ambiguous(self, wish: str, matches: Sequence[Found]) -> SettingsError:
        listed = "; ".join(
            f"{item.device.id} ({item.device.label}, {item.device.address or item.device.state})" for item in matches
        )
        found = f"{wish!r} matches {len(matches)} devices: {listed}"
        return SettingsError([Finding("error", self.kind, found, "name one of them by its id")])

    def _instead(self, wish: str) -> str:
        plugin = wish.partition(":")[0]
        plugins = {item.plugin for item in self.found}
        if ":" in wish and plugin and plugin not in plugins and not self.installed(plugin):
            near = nearest(plugin, plugins)
            if near:  # a name that looks mistyped is not one to install
                return f"plugin {plugin} is not installed; did you mean {near}:{wish.partition(':')[2]}?"
            return f"plugin {plugin} is not installed: pip install jackfield-{plugin}"
        if ":" in wish and plugin and plugin not in plugins:
            there = "; ".join(item.device.id for item in self.found)
            others = f"; of others there are {there}" if there else ""
            return f"{plugin} finds no {self.kind} here: `jackfield doctor` says what it lacks{others}"
        if not self.found:
            reasons = "".join(f"; {driver}" for driver in self.broken)
            return f"{'none is there: ' if wish else ''}`jackfield doctor` says what is missing{reasons}"
        there = "there are " + "; ".join(f"{item.device.id} ({item.device.label})" for item in self.found)
        near = self._nearest(wish)
        return f"did you mean {near}? {there}" if near else there

    def _nearest(self, wish: str) -> str:
        """The id or label that was meant where this one is mistyped; of an id, what stands behind the plugin's name."""
        plugin, colon, name = wish.partition(":")
        ids = [item.device.id.partition(":") for item in self.found]
        near = nearest(name, [rest for mine, _, rest in ids if mine == plugin]) if colon else ""
        return f"{plugin}:{near}" if near else nearest(wish, [item.device.label for item in self.found])

    def _details(self) -> dict[str, Any]:
        return {"kind": self.kind, "found": [item.device.id for item in self.found]}


def ailment(device: Device) -> str:
    """Why a device that is not ready cannot be used, and what to do; who reads it knows its name."""
    who = f"{device.label} ({device.id}) "
    if device.note.startswith(who):
        return f"it {device.note.removeprefix(who)}"
    return f"it is {device.state}" + (f": {device.note}" if device.note else "")


def _best_way(matches: list[Found]) -> list[Found]:
    """Of several ways of one plugin to one device, which has one bus, the best; all where they are several devices."""
    ways = {(item.plugin, item.device.bus) for item in matches}
    if len(ways) > 1 or not matches[0].device.bus:
        return matches
    best = max((item.device.state == "ready", item.device.rank) for item in matches)
    return [item for item in matches if (item.device.state == "ready", item.device.rank) == best]


def _is_wish(wish: object) -> bool:
    parts: object = [wish] if isinstance(wish, str) else wish
    if not isinstance(parts, list | tuple):
        return False
    return all(isinstance(part, str) and part.strip() and len(part) <= _LONGEST for part in parts)


def _short(wish: object) -> str:
    return repr(wish)[:80]


def _not_taken(item: Found, taken: Found) -> str:
    if item.device.state != "ready":
        return ailment(item.device)
    return f"rank {item.device.rank}, behind {taken.device.id}"


def _raise_unless_ready(device: Device) -> None:
    if device.state == "ready":
        return
    kinds: dict[str, type[CallError]] = {"busy": DeviceBusy, "denied": DeviceDenied, "gone": DeviceGone}
    who, note = f"{device.label} ({device.id})", device.note
    said = note if note.startswith(who) else f"{who} is {device.state}" + (f": {note}" if note else "")
    raise kinds.get(device.state, DeviceError)(said, details={"device": device.id})
