"""Which processors one source goes through, in which order, and why each other was passed over."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import TimeoutError as TooLate
from typing import Any, Literal

from attrs import define

from jackfield.plugins.patience import started
from jackfield.plugins.registry import Plugins
from jackfield.plugins.selection import Choice, Offer, Preference, Search, Unusable
from jackfield.roles import BACKGROUND, Backdrop
from jackfield.values.devices import Device
from jackfield.values.settings import SETTINGS, SessionSettings

_log = logging.getLogger(__name__)

#: What is done to sound where the setting of that name is true, in this order.
OF_SETTINGS = ("echo_cancellation", "noise_suppression", "auto_gain_control")
#: How long closing waits: media stands still for it where a processor is replaced in a call, and so does leaving.
CLOSE_S = 0.5


@define(eq=False)
class OpenProcessor:
    """A processor that runs: who made it, and what it was taken for."""

    name: str
    plugin: str
    does: tuple[str, ...]
    processor: Any


def open_processors(
    plugins: Plugins,
    kind: Literal["audio", "video"],
    device: Device | None,
    settings: SessionSettings,
    backdrop: Backdrop | None = None,
    *,
    treated: bool = True,
) -> list[OpenProcessor]:
    """What a source's media goes through, opened, in order; ``device`` is None for a program's source. Blocks.

    With a ``backdrop``, what shows it comes last; what is not ``treated`` goes through nothing else. Nothing that
    fails is raised: it is passed over, and the choices in `Plugins.explain` say why.
    """
    offers = [offer for offer in plugins.offers("register_processors") if offer.thing.kind == kind]
    names = _names(plugins, kind, offers) if treated else []
    if backdrop is not None:
        names.append(BACKGROUND)
    failed: dict[str, str] = {}
    while True:
        taken = dict(_taken(plugins, offers, names, device, settings, failed))
        made = _opened(taken, device, settings, failed, backdrop)
        if made is not None:
            return made


def _names(plugins: Plugins, kind: str, offers: Sequence[Offer]) -> list[str]:
    """What may be done to any source, in order."""
    ordered = Preference((), plugins.config.plugins.prefer).order(offers)
    of_settings = OF_SETTINGS if kind == "audio" else ()
    names = dict.fromkeys([*of_settings, *(what for offer in ordered for what in offer.thing.does)])
    return [name for name in names if name != BACKGROUND]


def _taken(
    plugins: Plugins,
    offers: Sequence[Offer],
    names: Sequence[str],
    device: Device | None,
    settings: SessionSettings,
    failed: dict[str, str],
) -> Iterator[tuple[str, Offer]]:
    """What is done → by whom; each choice is kept for `Plugins.explain`."""
    for what in names:
        asked = f"processor {what.replace('_', ' ')}"
        reason = _not_wanted(what, device, settings)
        if reason:
            plugins.choices[asked] = Choice(asked, why=reason)
            continue
        search = Search(asked, Preference((), plugins.config.plugins.prefer), failed)
        able = [offer for offer in offers if what in offer.thing.does]
        offer, plugins.choices[asked] = search.first(able, _usable(what, device, settings))
        if offer is not None:
            yield what, offer


def _not_wanted(what: str, device: Device | None, settings: SessionSettings) -> str:
    if what in SETTINGS and not getattr(settings, what):
        return f"{what} is off"
    if what in OF_SETTINGS and device is not None and device.clean:
        return f"{device.id} gives sound that is meant to be sent as it is"
    return ""


def _usable(what: str, device: Device | None, settings: SessionSettings) -> Callable[[Offer], Offer]:
    def use(offer: Offer) -> Offer:
        reason = offer.thing.unsuited(what, device, settings) or offer.thing.probe()
        if reason:
            raise Unusable(reason)
        return offer

    return use


def _opened(
    taken: dict[str, Offer],
    device: Device | None,
    settings: SessionSettings,
    failed: dict[str, str],
    backdrop: Backdrop | None,
) -> list[OpenProcessor] | None:
    """Each offer opened once for all that it was taken for; None, and a reason in ``failed``, where one does not."""
    offers = {id(offer.thing): offer for offer in taken.values()}
    made: list[OpenProcessor] = []
    for key, offer in offers.items():
        does = tuple(what for what, by in taken.items() if id(by.thing) == key)
        try:
            processor = offer.thing.open(does, device, settings)
            made.append(OpenProcessor(offer.thing.name, offer.plugin, does, processor))
            if BACKGROUND in does:
                processor.show_backdrop(backdrop)
        except Exception as exc:
            failed[offer.thing.name] = f"opening it failed: {type(exc).__name__}: {exc}"
            close_processors(made)
            return None
    return made


def close_processors(processors: Sequence[OpenProcessor]) -> None:
    """Each has given back what it holds, within `CLOSE_S` for all; one that does not is logged, and left to itself."""
    closing = [(each, started(each.processor.close, f"close {each.name}")) for each in processors]
    ends = time.monotonic() + CLOSE_S
    for each, closed in closing:
        try:
            failed = closed.exception(max(0.0, ends - time.monotonic()))
        except TooLate:
            failed = TimeoutError(f"not done within {CLOSE_S:g} s")
        if failed is not None:
            why = f"{type(failed).__name__}: {failed}"
            _log.warning("processor %s (%s) could not be closed: %s", each.name, each.plugin, why)
