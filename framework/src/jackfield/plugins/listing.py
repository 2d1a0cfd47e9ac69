"""The devices of several drivers, one after the other or side by side; a driver that fails is a reason, not an end."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial

from jackfield.plugins.devices import Found
from jackfield.plugins.selection import Offer, PassedOver
from jackfield.plugins.side_by_side import side_by_side
from jackfield.values.devices import Device
from jackfield.values.errors import CallError

_log = logging.getLogger(__name__)

#: The order in which kinds are listed.
_ORDER = ("camera", "microphone", "screen", "speaker")


def find_devices(offers: Sequence[Offer], limit_s: float | None = None) -> tuple[list[Found], list[PassedOver]]:
    """What the drivers have now, by kind, and those that could not say.

    With ``limit_s`` they are asked side by side, and one that takes longer is passed over.
    """
    questions = [partial(_devices, offer) for offer in offers]
    answers = side_by_side(questions, limit_s) if limit_s is not None else [_caught(each) for each in questions]
    found: list[Found] = []
    broken: list[PassedOver] = []
    for offer, answer in zip(offers, answers, strict=True):
        if isinstance(answer, Exception):
            reason = f"its devices could not be listed: {_words(answer)}"
            _log.warning("plugin %s: %s", offer.plugin, reason)
            _log.debug("plugin %s", offer.plugin, exc_info=answer)
            broken.append(PassedOver(offer.thing.name, offer.plugin, reason))
        else:
            found += [Found(device, offer.thing, offer.plugin) for device in answer]
    return sorted(found, key=lambda each: _ORDER.index(each.device.kind)), broken


def _devices(offer: Offer) -> list[Device]:
    devices = list(offer.thing.devices())
    strange = [device for device in devices if not _is_device(device)]
    if strange:
        raise TypeError(f"it lists {strange[0]!r:.300}, which is no device")
    return devices


def _is_device(device: object) -> bool:
    if not isinstance(device, Device) or device.kind not in _ORDER or not isinstance(device.rank, int):
        return False
    texts = (device.id, device.label, device.address, device.bus, device.state, device.note, device.facing)
    modes: object = device.modes
    return all(isinstance(text, str) for text in texts) and isinstance(modes, tuple | list)


def _caught(question: Callable[[], list[Device]]) -> list[Device] | Exception:
    try:
        return question()
    except Exception as exc:
        return exc


def _words(exc: Exception) -> str:
    return exc.message if isinstance(exc, CallError) else f"{type(exc).__name__}: {exc}"
