"""Probes: what touches hardware is tried in a child process, and the answer is remembered."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from jackfield.plugins import Prober
from jackfield.plugins.prober import FAILURE_HOLDS_S
from jackfield.plugins.selection import Offer
from jackfield.testing import install

CODE = """
    import os, time
    from jackfield import hookimpl

    class Encoder:
        codec, rank, makes = "H264", 50, "encoder"
        def __init__(self, name, backend, act):
            self.name, self.backend, self.act = name, backend, act
        def probe(self):
            with open(os.environ["PROBED"], "a") as file:
                file.write(self.name + " ")
            return self.act()
        def open(self, encoding): ...

    class Card(Encoder):
        there, version = True, "1"
        def lacks(self):
            return None if self.there else "no card"
        def driver(self):
            return self.version

    OFFERS = [
        Card("looks", "card", lambda: None),
        Encoder("works", "card", lambda: None),
        Encoder("lacks", "card", lambda: "no capable device"),
        Encoder("crashes", "card", os.abort),
        Encoder("hangs", "card", lambda: time.sleep(60)),
        Encoder("raises", "card", lambda: 1 / 0),
        Encoder("asks", "card", lambda: os.environ.get("JACKFIELD_CONFIG")),
        Encoder("soft", "software", lambda: None),
        Encoder("odd", "software", lambda: b"no text"),
        Encoder("leaves", "software", lambda: exit(9)),
        Encoder("signalled", "card", lambda: os.kill(os.getpid(), 36)),
    ]

    class Plugin:
        name, api_version = "card", (1, 0)

        @hookimpl
        def register_codecs(self):
            return OFFERS

    plugin = Plugin()
"""


@pytest.fixture
def offers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Offer]:
    """The encoders of a plugin that is installed for the test, by name."""
    install(tmp_path / "site", "card", CODE)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.setenv("PROBED", str(tmp_path / "probed"))
    import jackfield_card  # type: ignore[import-not-found]

    return {each.name: Offer("card", each, "1.0") for each in jackfield_card.OFFERS}


def probed(folder: Path) -> list[str]:
    path = folder / "probed"
    return path.read_text().split() if path.exists() else []


def test_a_hardware_backend_is_probed_in_a_child_process(tmp_path: Path, offers: dict[str, Offer]) -> None:
    """It works, says why not, raises, crashes: each is an answer, and this process goes on."""
    prober = Prober(tmp_path / "probes.json")
    assert prober.probe(offers["works"]) is None
    assert prober.probe(offers["lacks"]) == "no capable device"
    assert prober.probe(offers["crashes"]) == "probing it crashed (SIGABRT)"
    assert "ZeroDivisionError" in (prober.probe(offers["raises"]) or "")


def test_a_probe_that_hangs_is_ended(tmp_path: Path, offers: dict[str, Offer]) -> None:
    """The limit is kept, and the answer says so."""
    assert "longer than 1.5 s" in (Prober(tmp_path / "probes.json", limit_s=1.5).probe(offers["hangs"]) or "")


def test_an_answer_is_remembered_here_and_on_disk(tmp_path: Path, offers: dict[str, Offer]) -> None:
    """The same prober, and one of another process, ask no second time."""
    for _ in range(2):
        prober = Prober(tmp_path / "probes.json")
        assert [prober.probe(offers["works"]), prober.probe(offers["works"])] == [None, None]
    assert probed(tmp_path) == ["works"]
    assert prober.probe(offers["works"], fresh=True) is None
    assert probed(tmp_path) == ["works", "works"]


def test_the_child_reads_the_same_configuration(tmp_path: Path, offers: dict[str, Offer]) -> None:
    """Options decide what works, so a file that was named by hand is named to the child."""
    file = tmp_path / "my.toml"
    file.write_text("")
    assert Prober(tmp_path / "probes.json", config=file).probe(offers["asks"]) == str(file)


def test_other_options_are_asked_again(tmp_path: Path, offers: dict[str, Offer]) -> None:
    """What does not work with one card may work with another."""
    prober = Prober(tmp_path / "probes.json")
    for options in ("gpu 0", "gpu 1", "gpu 0"):
        prober.probe(Offer("card", offers["lacks"].thing, "1.0", options))
    assert probed(tmp_path) == ["lacks", "lacks"]


def test_a_new_version_is_asked_again(tmp_path: Path, offers: dict[str, Offer]) -> None:
    """What was found holds for the versions it was found with."""
    Prober(tmp_path / "probes.json").probe(offers["works"])
    newer = Offer("card", offers["works"].thing, "2.0")
    Prober(tmp_path / "probes.json").probe(newer)
    assert probed(tmp_path) == ["works", "works"]


def test_a_failure_is_not_believed_for_ever(tmp_path: Path, offers: dict[str, Offer]) -> None:
    """After a while it is asked again: a driver may have been installed."""
    now = [1000.0]
    for _ in range(2):
        assert Prober(tmp_path / "probes.json", clock=lambda: now[0]).probe(offers["lacks"]) == "no capable device"
    assert probed(tmp_path) == ["lacks"]
    now[0] += FAILURE_HOLDS_S
    Prober(tmp_path / "probes.json", clock=lambda: now[0]).probe(offers["lacks"])
    assert probed(tmp_path) == ["lacks", "lacks"]


def test_a_cache_that_cannot_be_read_or_written_costs_a_probe_alone(tmp_path: Path, offers: dict[str, Offer]) -> None:
    """Damage on disk does not reach the caller."""
    path = tmp_path / "probes.json"
    path.write_text("{ not json")
    assert Prober(path).probe(offers["soft"]) is None
    (tmp_path / "file").write_text("")
    assert Prober(tmp_path / "file" / "probes.json").probe(offers["soft"]) is None


def test_hardware_that_is_plainly_not_there_starts_no_process(tmp_path: Path, offers: dict[str, Offer]) -> None:
    """`LooksFirst`: the reason comes at once, and is looked for anew each time."""
    offers["looks"].thing.there = False
    prober = Prober(tmp_path / "probes.json")
    assert prober.probe(offers["looks"]) == "no card"
    assert probed(tmp_path) == []
    offers["looks"].thing.there = True
    assert prober.probe(offers["looks"]) is None
    assert probed(tmp_path) == ["looks"]


def test_another_driver_is_asked_again(tmp_path: Path, offers: dict[str, Offer]) -> None:
    """`NamesItsDriver`: what was found holds for the driver it was found with."""
    for version in ("1", "1", "2"):
        offers["looks"].thing.version = version
        assert Prober(tmp_path / "probes.json").probe(offers["looks"]) is None
    assert probed(tmp_path) == ["looks", "looks"]


def test_probes_run_side_by_side(tmp_path: Path, offers: dict[str, Offer]) -> None:
    """One that hangs holds up no other: all are begun before the first has ended, and all have an answer."""
    prober = Prober(tmp_path / "probes.json", limit_s=8.0)
    asked = {name: prober.begin(offers[name]) for name in ("hangs", "works", "lacks", "crashes", "raises")}
    answers = {name: asked[name].result(timeout=30) for name in ("works", "lacks", "crashes", "raises")}
    assert not asked["hangs"].done()
    assert answers["works"] is None
    assert answers["lacks"] == "no capable device"
    assert "SIGABRT" in (answers["crashes"] or "")
    assert "longer than 8 s" in (asked["hangs"].result(timeout=30) or "")


def test_nobody_waits_longer_than_they_wish(tmp_path: Path, offers: dict[str, Offer]) -> None:
    """The answer that comes later is there the next time."""
    prober = Prober(tmp_path / "probes.json")
    assert "still being tried out" in (prober.probe(offers["works"], patience_s=0) or "")
    assert prober.begin(offers["works"]).result(timeout=30) is None
    assert prober.probe(offers["works"], patience_s=0) is None


def test_a_child_that_nobody_waits_for_ends_by_itself(tmp_path: Path, offers: dict[str, Offer]) -> None:
    """Whoever started it may be gone, and a driver that hangs holds the interpreter."""
    command = [sys.executable, "-m", "jackfield.plugins.probe", "card", "encoder", "hangs", "H264", "1.5"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(part for part in sys.path if part)}
    done = subprocess.run(command, capture_output=True, timeout=30, env=environment, check=False)
    assert done.returncode == 1
    assert b"Timeout" in done.stderr


@pytest.mark.parametrize(
    ("name", "said"), [("odd", "answered b'no text'"), ("leaves", "SystemExit"), ("signalled", "signal 36")]
)
def test_whatever_a_probe_does_whoever_asks_is_answered(
    tmp_path: Path, offers: dict[str, Offer], name: str, said: str
) -> None:
    """Now, and the next time."""
    prober = Prober(tmp_path / "probes.json")
    for _ in range(2):
        assert said in (prober.begin(offers[name]).result(20) or "")


def test_what_somebody_else_wrote_into_the_cache_is_not_believed(tmp_path: Path, offers: dict[str, Offer]) -> None:
    """It is asked again."""
    cache = tmp_path / "probes.json"
    assert Prober(cache).begin(offers["soft"]).result(20) is None
    cache.write_text(
        cache.read_text().replace('"reason": null', '"reason": 7').replace('"at": ', '"at": "then", "was": ')
    )
    assert Prober(cache).begin(offers["soft"]).result(20) is None
