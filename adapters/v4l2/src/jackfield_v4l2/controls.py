"""Controls by name: listed with bounds and choices, set with words that say what would have been right."""

from __future__ import annotations

import ctypes
import errno
import re
from collections.abc import Iterator, Mapping

from attrs import field, frozen

from jackfield.roles import Control
from jackfield.values.errors import SettingsError
from jackfield.values.findings import Finding
from jackfield.values.settings_rules import nearest
from jackfield_v4l2 import structs
from jackfield_v4l2.node import Node

Value = int | bool | str
_KINDS = {
    structs.CTRL_INTEGER: "integer",
    structs.CTRL_INTEGER64: "integer",
    structs.CTRL_BITMASK: "integer",
    structs.CTRL_BOOLEAN: "boolean",
    structs.CTRL_MENU: "menu",
    structs.CTRL_INTEGER_MENU: "menu",
    structs.CTRL_BUTTON: "button",
}
_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
_WHY = {
    structs.FLAG_READ_ONLY: "it can only be read",
    structs.FLAG_GRABBED: "it cannot be set while pictures are taken",
    structs.FLAG_INACTIVE: "it is governed by another control, such as an automatic one",
}


@frozen
class Dial:
    """One control, with what the driver calls it."""

    control: Control
    number: int
    type: int
    #: A menu's choices, each with its index.
    menu: Mapping[str, int] = field(factory=dict)


def dials(node: Node) -> list[Dial]:
    """Every control of one value that is not disabled."""
    return [_dial(node, each) for each in _listed(node) if each.type in _KINDS]


def has(node: Node, number: int) -> bool:
    """Whether the device has this control, and it can be set."""
    try:
        found = node.ask(structs.QUERY_EXT_CTRL, structs.QueryExtControl(id=number))
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ENOTTY, errno.EACCES):
            return False
        raise
    return not found.flags & (structs.FLAG_DISABLED | structs.FLAG_READ_ONLY)


def set_number(node: Node, number: int, value: int, kind: int = structs.CTRL_INTEGER) -> None:
    """The control is set."""
    control = structs.ExtControl(id=number)
    if kind == structs.CTRL_INTEGER64:
        control.u.value64 = value
    else:
        control.u.value = value if value < 1 << 31 else value - (1 << 32)
    _exchange(node, structs.S_EXT_CTRLS, control)


def put(node: Node, found: list[Dial], name: str, value: Value, key: str) -> None:
    """The control of that name is set; `SettingsError` at ``key`` says which name or value was meant."""
    dial = next((each for each in found if each.control.name == name), None)
    if dial is None:
        names = [each.control.name for each in found]
        near = nearest(name, names)
        fix = f"did you mean {near}?" if near else "it has " + (", ".join(names) or "none")
        raise SettingsError([Finding("error", key, f"there is no control {name!r}", fix)])
    number = _number(dial, value, key)
    try:
        set_number(node, dial.number, number, dial.type)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EBUSY, errno.EINVAL, errno.ERANGE) and dial.control.note:
            raise SettingsError([Finding("error", key, f"{name} is not to be set now", dial.control.note)]) from error
        raise


def _listed(node: Node) -> Iterator[structs.QueryExtControl]:
    number = 0
    while True:
        try:
            found = node.ask(structs.QUERY_EXT_CTRL, structs.QueryExtControl(id=number | structs.FLAG_NEXT))
        except OSError as error:
            if error.errno in (errno.EINVAL, errno.ENOTTY):
                return
            raise
        if found.id <= number:
            return  # a driver that does not get on
        number = found.id
        if not found.flags & structs.FLAG_DISABLED:
            yield found


def _dial(node: Node, query: structs.QueryExtControl) -> Dial:
    label = query.name.decode("utf-8", "replace")
    menu = _menu(node, query) if query.type in (structs.CTRL_MENU, structs.CTRL_INTEGER_MENU) else {}
    why = next((text for flag, text in _WHY.items() if query.flags & flag), "")
    value = None if query.flags & structs.FLAG_WRITE_ONLY else _read(node, query)
    control = Control(
        name=re.sub(r"[^a-z0-9]+", "_", label.lower()).strip("_") or f"control_{query.id:x}",
        label=label or f"control {query.id:#x}",
        kind=_KINDS[query.type],  # type: ignore[arg-type]
        value=_worded(query, menu, value),
        default=_worded(query, menu, query.default_value),
        minimum=query.minimum,
        maximum=query.maximum,
        step=query.step or 1,
        choices=tuple(menu),
        writable=not query.flags & structs.FLAG_READ_ONLY,
        note=why,
    )
    return Dial(control, query.id, query.type, menu)


def _worded(query: structs.QueryExtControl, menu: Mapping[str, int], value: int | None) -> Value | None:
    if value is None or query.type == structs.CTRL_BUTTON:
        return None
    if query.type == structs.CTRL_BOOLEAN:
        return bool(value)
    if menu:
        return next((name for name, index in menu.items() if index == value), None)
    return value


def _menu(node: Node, query: structs.QueryExtControl) -> dict[str, int]:
    found: dict[str, int] = {}
    for index in range(query.minimum, query.maximum + 1):
        try:
            entry = node.ask(structs.QUERYMENU, structs.QueryMenu(id=query.id, index=index))
        except OSError as error:
            if error.errno == errno.EINVAL:
                continue  # menus have holes
            raise
        integer = query.type == structs.CTRL_INTEGER_MENU
        found[str(entry.u.value) if integer else entry.u.name.decode("utf-8", "replace")] = index
    return found


def _read(node: Node, query: structs.QueryExtControl) -> int | None:
    control = structs.ExtControl(id=query.id)
    try:
        _exchange(node, structs.G_EXT_CTRLS, control)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EINVAL, errno.EIO, errno.EBUSY, errno.EPIPE):
            return None
        raise
    if query.type == structs.CTRL_BITMASK:
        return int(control.u.value) & 0xFFFFFFFF
    return int(control.u.value64 if query.type == structs.CTRL_INTEGER64 else control.u.value)


def _exchange(node: Node, request: int, control: structs.ExtControl) -> None:
    asked = structs.ExtControls(which=control.id & 0x0FFF0000, count=1, controls=ctypes.pointer(control))
    node.ask(request, asked)


def _number(dial: Dial, value: Value, key: str) -> int:
    control, text = dial.control, str(value).strip()

    def wrong(fix: str) -> SettingsError:
        return SettingsError([Finding("error", key, f"{control.name} cannot be {value!r}", fix)])

    if control.kind == "button":
        return 0
    if control.kind == "boolean":
        if text.lower() not in _TRUE + _FALSE:
            raise wrong("it is true or false")
        return int(text.lower() in _TRUE)
    if control.kind == "menu":
        by_name = {name.casefold(): index for name, index in dial.menu.items()}
        if text.casefold() not in by_name:
            raise wrong("it is one of " + ", ".join(dial.menu))
        return by_name[text.casefold()]
    steps = f" in steps of {control.step}" if control.step > 1 else ""
    bounds = f"it is a whole number from {control.minimum} to {control.maximum}{steps}"
    if isinstance(value, bool) or not re.fullmatch(r"[+-]?\d+", text):
        raise wrong(bounds)
    if not control.minimum <= int(text) <= control.maximum:
        raise wrong(bounds)
    return int(text)
