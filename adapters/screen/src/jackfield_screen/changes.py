"""What differs between two lists of devices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from jackfield.values.devices import Device


def differences(
    before: Mapping[str, Device], after: Mapping[str, Device]
) -> Iterator[tuple[Literal["added", "removed", "changed"], Device]]:
    """What was removed, added and changed, in this order, each with the device."""
    for id, device in before.items():
        if id not in after:
            yield "removed", device
    for id, device in after.items():
        if id not in before:
            yield "added", device
        elif device != before[id]:
            yield "changed", device
