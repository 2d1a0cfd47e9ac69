"""What drivers and factories say of this machine: all of it, in one list, whatever one of them does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from attrs import frozen

from jackfield.plugins.diagnoses import diagnose
from jackfield.plugins.selection import Offer
from jackfield.values.findings import Finding

DENIED = Finding("error", "/dev/video0", "may not be opened by this user", "sudo usermod -aG video ada")


@frozen
class Driver:
    """A driver that says what it is told to."""

    name: str
    answer: Callable[[], Sequence[Finding]]

    def diagnose(self) -> Sequence[Finding]:
        return self.answer()


@frozen
class Quiet:
    """A driver without the ability."""

    name: str = "quiet"


def test_every_finding_names_its_plugin_and_is_said_once() -> None:
    """Five factories of one backend that miss one library are one line."""
    offers = [Offer("cam", Driver("cam", lambda: [DENIED])), Offer("cam", Driver("cam2", lambda: [DENIED]))]
    found = diagnose([*offers, Offer("quiet", Quiet())])
    assert [(each.source, each.key, each.fix) for each in found] == [("cam", "/dev/video0", DENIED.fix)]


def test_one_that_raises_or_answers_nonsense_costs_no_other() -> None:
    """Its own failure is the finding."""

    def broken() -> Sequence[Finding]:
        raise OSError("no such bus")

    offers = [
        Offer("a", Driver("a", broken)),
        Offer("b", Driver("b", lambda: ["text"])),  # type: ignore[list-item]
        Offer("c", Driver("c", lambda: [DENIED])),
    ]
    first, second, third = diagnose(offers)
    assert (first.source, first.severity) == ("a", "warning")
    assert "OSError: no such bus" in first.found
    assert "something other than findings" in second.found
    assert third.source == "c"


def test_one_that_hangs_is_said_to_and_not_waited_for() -> None:
    """The others answer at once; the list comes when the limit is over."""
    over = threading.Event()

    def hangs() -> Sequence[Finding]:
        over.wait(30)
        return []

    try:
        found = diagnose([Offer("slow", Driver("slow", hangs)), Offer("cam", Driver("cam", lambda: [DENIED]))], 0.2)
    finally:
        over.set()
    assert [each.source for each in found] == ["slow", "cam"]
    assert "no answer within 0.2 s" in found[0].found
