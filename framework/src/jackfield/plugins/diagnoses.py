"""What drivers and factories say of this machine, all asked side by side, each within a time limit."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterable, Sequence

import attrs

from jackfield.plugins.selection import Offer
from jackfield.roles import Diagnoses
from jackfield.values.findings import Finding

LIMIT_S = 10.0


def diagnose(offers: Iterable[Offer], limit_s: float = LIMIT_S) -> list[Finding]:
    """Findings of every offer that diagnoses, each with its plugin as ``source``, the same one once.

    One that raises, or takes longer than ``limit_s``, is a finding itself and costs no other.
    """
    asked = [offer for offer in offers if isinstance(offer.thing, Diagnoses)]
    answers: queue.SimpleQueue[tuple[int, Sequence[Finding]]] = queue.SimpleQueue()
    for number, offer in enumerate(asked):
        threading.Thread(
            target=lambda number, offer: answers.put((number, _asked(offer))),
            args=(number, offer),
            name=f"diagnose {offer.plugin}",
            daemon=True,
        ).start()
    found = _gathered(answers, len(asked), limit_s)
    for number, offer in enumerate(asked):
        found.setdefault(number, [_too_slow(offer, limit_s)])
    return list(dict.fromkeys(finding for number in sorted(found) for finding in found[number]))


def _gathered(
    answers: queue.SimpleQueue[tuple[int, Sequence[Finding]]], count: int, limit_s: float
) -> dict[int, Sequence[Finding]]:
    """The answers that came in time, by the number of the offer."""
    found: dict[int, Sequence[Finding]] = {}
    end = time.monotonic() + limit_s
    while len(found) < count:
        try:
            number, findings = answers.get(timeout=max(0.0, end - time.monotonic()))
        except queue.Empty:
            break
        found[number] = findings
    return found


def _asked(offer: Offer) -> Sequence[Finding]:
    try:
        findings = list(offer.thing.diagnose())
        if not all(isinstance(finding, Finding) for finding in findings):
            raise TypeError("it answered with something other than findings")
    except Exception as exc:
        found = f"what it needs could not be looked at: {type(exc).__name__}: {exc}"
        fix = f'tell who wrote it, or leave it out with [plugins] disable = ["{offer.plugin}"]'
        return [Finding("warning", offer.thing.name, found, fix, offer.plugin)]
    return [finding if finding.source else attrs.evolve(finding, source=offer.plugin) for finding in findings]


def _too_slow(offer: Offer, limit_s: float) -> Finding:
    found = f"looking at what it needs took longer than {limit_s:g} s"
    return Finding("warning", offer.thing.name, found, "try again; a device or a server may be hanging", offer.plugin)
