"""Every hardware encoder and decoder that is installed, on this machine: it works, or says in words why not."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from jackfield.plugins import Plugins, load
from jackfield.plugins.config import Config
from jackfield.plugins.selection import Offer
from jackfield.roles import LooksFirst

BACKENDS = {"nvenc", "qsv", "vaapi", "v4l2m2m", "videotoolbox"}


@pytest.fixture
def plugins(own_state: Path) -> Plugins:
    """What is installed, with nothing remembered."""
    return load(Config())


def hardware(plugins: Plugins) -> list[Offer]:
    return [offer for offer in plugins.offers("register_codecs") if not offer.is_software]


def test_every_backend_encodes_h264_by_name(plugins: Plugins) -> None:
    """Each outranks software, and is asked for by kind, plugin or name; without hardware the call gets software."""
    mine = [offer for offer in hardware(plugins) if (offer.thing.makes, offer.thing.codec) == ("encoder", "H264")]
    assert {offer.plugin for offer in mine} == BACKENDS
    software = [offer for offer in plugins.offers("register_codecs") if offer.is_software]
    for offer in mine:
        assert offer.thing.rank > max(each.thing.rank for each in software)
        assert {"hardware", offer.plugin, f"h264-{offer.plugin}"} <= offer.names
    for name in ("hardware", "software", "nvenc", "h264-nvenc"):
        assert plugins.usable("encoder", "H264", [name]).chosen


def test_decoders_stand_behind_software_unless_they_are_preferred(own_state: Path) -> None:
    """Software opens at once; `decoding` in an adapter's section says otherwise."""
    ranks = {}
    for wish in ("offer", "prefer", "off"):
        loaded = load(Config(tables={"nvenc": {"decoding": wish}}), only={"nvenc"})
        ranks[wish] = {offer.thing.rank for offer in hardware(loaded) if offer.thing.makes == "decoder"}
    assert max(ranks["offer"]) < 20 < min(ranks["prefer"])
    assert ranks["off"] == set()


def test_every_probe_answers_in_words(plugins: Plugins) -> None:
    """Side by side, and with no process started for what is plainly not there. Prints what each found."""
    offers = hardware(plugins)
    began = time.perf_counter()
    asked = [(offer, plugins.prober.begin(offer)) for offer in offers]
    looked_s = time.perf_counter() - began
    answers = [(offer, each.result(timeout=50)) for offer, each in asked]
    total_s = time.perf_counter() - began
    for offer, reason in answers:
        print(f"{offer.thing.makes} {offer.thing.name}: {reason or 'works'}")
    tried = [offer for offer in offers if offer.thing.lacks() is None]
    print(f"{len(offers)} probes, {len(tried)} in a process: {total_s * 1e3:.0f} ms, looking {looked_s * 1e3:.0f} ms")
    for offer, reason in answers:
        assert isinstance(offer.thing, LooksFirst)
        assert reason is None or (len(reason) > 12 and "Errno" not in reason and "Generic error" not in reason)
