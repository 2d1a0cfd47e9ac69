"""The devices of several drivers, one after the other or side by side; a driver that fails is a reason, not an end."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from typing import Any

import attrs

from jackfield.plugins.devices import Found
from jackfield.plugins.selection import Offer, PassedOver
from jackfield.plugins.side_by_side import side_by_side
from jackfield.values.devices import Device
from jackfield.values.errors import CallError

_log = logging.getLogger(__name__)

#: Of a device's texts no more is shown: notes may be a few sentences.
_LONGEST = 1000
_TEXTS = ("id", "label", "address", "bus", "note")
#: The order in which kinds are listed.
_ORDER = ("camera", "microphone", "screen", "speaker")


def find_devices(offers: Sequence[Offer], limit_s: float) -> tuple[list[Found], list[PassedOver]]:
    """What the drivers have now, by kind, and those that could not say.

    They are asked side by side, and one that takes longer than ``limit_s`` is passed over.
    """
    questions = [partial(_devices, offer) for offer in offers]
    answers = side_by_side(questions, limit_s)
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
    return sorted(_once(found), key=lambda each: _ORDER.index(each.device.kind)), broken


def _once(found: Sequence[Found]) -> list[Found]:
    """Each id once: nobody could name one of two."""
    known: dict[str, Found] = {}
    for each in found:
        first = known.setdefault(each.device.id, each)
        if first is not each:
            _log.warning(
                "%s is listed twice, by %s and %s: the first is taken", each.device.id, first.plugin, each.plugin
            )
    return list(known.values())


def _clean(device: Device) -> Device:
    """Its texts as people can be shown them: on one line, without what a terminal obeys, and not endless."""
    texts = {name: getattr(device, name) for name in _TEXTS}
    shown: dict[str, Any] = {name: _shown(text) for name, text in texts.items()}
    return device if shown == texts else attrs.evolve(device, **shown)


def _shown(text: str) -> str:
    if len(text) > _LONGEST:
        text = text[: _LONGEST - 1] + "…"
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)


def _devices(offer: Offer) -> list[Device]:
    devices = list(offer.thing.devices())
    strange = [device for device in devices if not _is_device(device)]
    if strange:
        raise TypeError(f"it lists {strange[0]!r:.300}, which is no device")
    return [_clean(device) for device in devices]


def _is_device(device: object) -> bool:
    if not isinstance(device, Device) or device.kind not in _ORDER or not isinstance(device.rank, int):
        return False
    texts = (device.id, device.label, device.address, device.bus, device.state, device.note, device.facing)
    modes: object = device.modes
    return all(isinstance(text, str) for text in texts) and isinstance(modes, tuple | list)


def _words(exc: Exception) -> str:
    return exc.message if isinstance(exc, CallError) else f"{type(exc).__name__}: {exc}"
