"""Which controls the configuration sets on which camera."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jackfield.values.devices import Device

Table = dict[str, Any]


def presets(controls: Mapping[str, Any], device: Device) -> tuple[Table, Table]:
    """Controls for every camera, and those for this one: tables whose key is in its id or label."""
    general = {name: value for name, value in controls.items() if not isinstance(value, Mapping)}
    special: Table = {}
    for wish, table in controls.items():
        if isinstance(table, Mapping) and _means(wish.casefold(), device):
            special.update(table)
    return {name: value for name, value in general.items() if name not in special}, special


def _means(wish: str, device: Device) -> bool:
    return wish == device.address or wish in device.id.casefold() or wish in device.label.casefold()
