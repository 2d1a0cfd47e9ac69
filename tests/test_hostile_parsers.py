"""Whatever bytes a peer sends, each reader answers or raises the error that it documents, soon, and keeps nothing.

The short form feeds each some hundred inputs; `make soak` a hundred thousand.
"""

from __future__ import annotations

import resource
import time
from typing import Any

import pytest

from tests.hostile.mutations import feed
from tests.hostile.parsers import PARSERS, Parser

SHORT = 300
#: CPU time of one input, of which an ordinary one takes some 20 µs: what passes this blocks everybody's media.
INPUT_S = 1.0
GROWTH_KB = 400 << 10


@pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.name)
@pytest.mark.parametrize("many", [False, pytest.param(True, marks=[pytest.mark.soak, pytest.mark.timeout(3600)])])
def test_a_reader_raises_what_it_documents(parser: Parser, many: bool) -> None:
    """Bits turned, lengths that lie, fields repeated or cut, and noise."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    slowest = 0.0

    def check(found: Any) -> None:
        nonlocal slowest
        begun = time.thread_time()
        try:
            parser.read(found)
        except parser.errors:
            pass
        slowest = max(slowest, time.thread_time() - begun)
        assert slowest < INPUT_S, f"{slowest:.1f} s for {len(found)} bytes"

    feed(parser.samples, check, parser.inputs if many else SHORT)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < GROWTH_KB


@pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.name)
def test_the_samples_hold(parser: Parser) -> None:
    """What the faults are put into is read without a complaint, else they would test nothing."""
    for sample in parser.samples if "payload" not in parser.name and parser.name != "bitstreams" else ():
        parser.read(sample)
