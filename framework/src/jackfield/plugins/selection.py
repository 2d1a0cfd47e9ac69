"""Choosing one of several, and keeping why each other was passed over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from attrs import field, frozen

from jackfield.values.errors import CallError

T = TypeVar("T")

#: How the reason begins of one that was not even tried.
NOT_NEEDED = "not needed:"


class Unusable(Exception):
    """An offer cannot be used; the message says why."""


@frozen
class PassedOver:
    """A candidate that was not taken, and why."""

    name: str
    plugin: str
    reason: str

    def __str__(self) -> str:
        return f"{self.name} ({self.plugin}): {self.reason}"


@frozen
class Choice:
    """What was asked for, what was taken and why, and why each other was not. ``chosen`` is "" where nothing was."""

    asked: str
    chosen: str = ""
    plugin: str = ""
    why: str = ""
    passed_over: tuple[PassedOver, ...] = ()
    #: What it runs on, for encoders and decoders: ``software``, or the kind of hardware.
    backend: str = ""

    def __str__(self) -> str:
        taken = f"{self.chosen} ({self.plugin}): {self.why}" if self.chosen else f"nothing: {self.why}"
        return "\n".join([f"{self.asked}: {taken}", *(f"  passed over {other}" for other in self.passed_over)])


@frozen(eq=False)
class Offer:
    """One factory or driver, and the plugin that offered it."""

    plugin: str
    thing: Any
    version: str = ""
    #: What tells the plugin's options from others: what works with these may not work with those.
    options: str = ""

    @property
    def is_software(self) -> bool:
        """Whether it is code alone: it runs in this process from the start, and fails as its input makes it fail."""
        return getattr(self.thing, "backend", "software") == "software"

    @property
    def names(self) -> set[str]:
        """Everything that a preference may call it by."""
        backend = getattr(self.thing, "backend", "")
        hardware = {"hardware"} if backend and backend != "software" else set()
        return {name.lower() for name in (self.thing.name, self.plugin, backend) if name} | hardware


@frozen
class Preference:
    """Orders offers: those that the caller names, then those that the configuration prefers, then by rank."""

    asked: Sequence[str] = ()
    configured: Sequence[str] = ()

    def order(self, offers: Iterable[Offer]) -> list[Offer]:
        """The offers, best first; the order is the same on every machine."""
        return sorted(offers, key=self._key)

    def why(self, offer: Offer) -> str:
        """Why this one stands where it does."""
        if _position(offer, self.asked) < len(self.asked):
            return "asked for by name"
        if _position(offer, self.configured) < len(self.configured):
            return "preferred in [plugins] prefer"
        return f"rank {getattr(offer.thing, 'rank', 0)}"

    def _key(self, offer: Offer) -> tuple[int, int, int, str, str]:
        rank = -getattr(offer.thing, "rank", 0)
        return _position(offer, self.asked), _position(offer, self.configured), rank, offer.thing.name, offer.plugin


def _position(offer: Offer, wished: Sequence[str]) -> int:
    return next((place for place, name in enumerate(wished) if name.lower() in offer.names), len(wished))


@frozen
class Search:
    """A search through ordered offers for the first that can be used."""

    asked: str
    preference: Preference
    #: Offers that are known not to do, by name → why (an encoder that failed in mid-call).
    failed: Mapping[str, str] = field(factory=dict)

    def first(self, offers: Iterable[Offer], use: Callable[[Offer], T]) -> tuple[T | None, Choice]:
        """The first of which ``use`` makes something, and the choice; None where none does. `Unusable` is a reason."""
        passed: list[PassedOver] = []
        taken: tuple[Offer, T] | None = None
        for offer in self.preference.order(offers):
            if taken:
                reason = f"{NOT_NEEDED} {taken[0].thing.name} works and comes first"
            else:
                reason, made = self._try(offer, use)
                if made is not None:
                    taken = (offer, made)
                    continue
            passed.append(PassedOver(offer.thing.name, offer.plugin, reason))
        if taken is None:
            return None, Choice(self.asked, why=_none_of(passed), passed_over=tuple(passed))
        offer = taken[0]
        why, backend = self.preference.why(offer), getattr(offer.thing, "backend", "")
        return taken[1], Choice(self.asked, offer.thing.name, offer.plugin, why, tuple(passed), backend)

    def _try(self, offer: Offer, use: Callable[[Offer], T]) -> tuple[str, T | None]:
        if offer.thing.name in self.failed:
            return self.failed[offer.thing.name], None
        try:
            return "", use(offer)
        except Unusable as exc:
            return str(exc), None
        except CallError as exc:
            return exc.message, None
        except Exception as exc:  # a foreign error must not cost the caller the other candidates
            return f"it failed: {type(exc).__name__}: {exc}", None


def _none_of(passed: Sequence[PassedOver]) -> str:
    return "none could be used" if passed else "none is installed"
