"""What drivers and factories say of this machine, all asked side by side, each within a time limit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs

from jackfield.plugins.selection import Offer
from jackfield.plugins.side_by_side import TooSlow, side_by_side
from jackfield.roles import Diagnoses
from jackfield.values.findings import Finding

LIMIT_S = 20.0


def diagnose(offers: Iterable[Offer], limit_s: float = LIMIT_S) -> list[Finding]:
    """Findings of every offer that diagnoses, each with its plugin as ``source``, the same one once.

    One that raises, or takes longer than ``limit_s``, is a finding itself and costs no other.
    """
    asked = [offer for offer in offers if isinstance(offer.thing, Diagnoses)]
    answers = side_by_side([offer.thing.diagnose for offer in asked], limit_s)
    found = [finding for offer, answer in zip(asked, answers, strict=True) for finding in _findings(offer, answer)]
    return list(dict.fromkeys(found))


def _findings(offer: Offer, answer: object) -> Sequence[Finding]:
    if isinstance(answer, TooSlow):
        found, fix = f"looking at what it needs took too long: {answer}", "a device or a server may be hanging"
        return [Finding("warning", offer.thing.name, found, fix, offer.plugin)]
    try:
        if isinstance(answer, Exception):
            raise answer
        findings = list(answer)  # type: ignore[call-overload]
        if not all(isinstance(finding, Finding) for finding in findings):
            raise TypeError("it answered with something other than findings")
    except Exception as exc:
        found = f"what it needs could not be looked at: {type(exc).__name__}: {exc}"
        fix = f'tell who wrote it, or leave it out with [plugins] disable = ["{offer.plugin}"]'
        return [Finding("warning", offer.thing.name, found, fix, offer.plugin)]
    return [finding if finding.source else attrs.evolve(finding, source=offer.plugin) for finding in findings]
