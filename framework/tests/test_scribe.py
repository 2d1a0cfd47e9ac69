"""One speaker's scribe: woken by sound, on a thread that goes when they are quiet; and which engine is taken."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from jackfield.plugins import Config, Engine, Plugins, engine
from jackfield.plugins.checks import spoken
from jackfield.plugins.loader import LoadedPlugin
from jackfield.session.scribe import Said, Scribe
from jackfield.testing import FakeTranscriberFactory
from jackfield.values.errors import CallError, PluginError
from jackfield.values.media import AudioBlock

LOUD = np.full((480, 2), 5000, np.int16)
QUIET = np.zeros((480, 2), np.int16)


class Desk:
    """A scribe, and what it tells."""

    def __init__(self, factory: Any, quiet_s: float = 60.0) -> None:
        self.said: list[Said] = []
        self.errors: list[CallError] = []
        self.scribe = Scribe(
            "ada", Engine(factory, "fakes", "en-US"), self.said.extend, self.errors.append, quiet_s=quiet_s
        )
        self._now_ns = time.monotonic_ns()

    def hear(self, samples: Any, count: int = 1) -> None:
        for _ in range(count):
            self._now_ns += 10_000_000
            self.scribe.hear(AudioBlock(samples, 48_000, self._now_ns))


def until(condition: Callable[[], Any], limit_s: float = 5.0) -> None:
    ends = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.005)


def threads() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name == "jackfield transcribe ada"]


def test_silence_opens_nothing_and_the_first_word_is_whole() -> None:
    """What came before the sound that wakes it is heard too, at the engine's rate, mono."""
    factory = FakeTranscriberFactory()
    desk = Desk(factory)
    desk.hear(QUIET, 100)
    assert (factory.opened, threads(), desk.scribe.is_writing) == ([], [], False)
    desk.hear(LOUD, 20)
    until(lambda: factory.opened and factory.opened[0].calls >= 45)  # resampling holds a little back
    desk.scribe.end()
    (final,) = [each.words for each in desk.said if each.words.final]
    assert final.ended_ns > final.began_ns
    assert (factory.opened[0].closed, threads(), desk.errors) == (True, [], [])
    desk.hear(LOUD, 5)
    assert len(factory.opened) == 1


def test_a_pause_ends_what_was_said_and_pieces_have_names_of_their_own() -> None:
    """Also those of a transcriber that was opened after a long silence, in which there is no thread."""
    factory = FakeTranscriberFactory()
    desk = Desk(factory, quiet_s=0.2)
    desk.hear(LOUD, 15)
    desk.scribe.pause()
    until(lambda: [each for each in desk.said if each.words.final])
    time.sleep(0.25)
    desk.hear(QUIET)
    until(lambda: not threads())
    assert factory.opened[0].closed
    desk.hear(LOUD, 15)
    desk.scribe.end()
    assert len({each.key for each in desk.said if each.words.final}) == 2
    assert len(factory.opened) == 2


def test_ending_at_once_says_nothing_more() -> None:
    """The call is over, and nobody would hear it."""
    factory = FakeTranscriberFactory()
    desk = Desk(factory)
    desk.hear(LOUD, 12)
    until(lambda: desk.said)
    desk.scribe.end(at_once=True)
    assert not [each for each in desk.said if each.words.final]
    assert (factory.opened[0].closed, threads()) == (True, [])


def test_what_cannot_be_opened_is_told() -> None:
    """In the plugin's own words, and three times at most."""
    desk = Desk(FakeTranscriberFactory(fails=PluginError("the model is broken: install it again")))
    for _ in range(5):
        desk.hear(LOUD)
        until(lambda: not threads())
    assert len(desk.errors) == 3
    assert "the model is broken: install it again" in desk.errors[0].message
    desk.scribe.end()


@pytest.mark.parametrize(
    ("language", "known", "means"),
    [
        ("en-US", ["en-GB", "en-US"], "en-US"),
        ("en-us", ["en-US"], "en-US"),
        ("en", ["de-DE", "en-GB", "en-US"], "en-GB"),
        ("en-NZ", ["en"], "en"),
        ("en-NZ", ["en-US"], None),
        ("e", ["en"], None),
    ],
)
def test_a_language_means_a_tag(language: str, known: list[str], means: str | None) -> None:
    """The same, or one without what the other adds."""
    assert spoken(language, known) == means


def test_the_best_engine_that_knows_the_language_is_taken() -> None:
    """By rank, among those that can be used; each other with its reason."""
    able, better = FakeTranscriberFactory("able"), FakeTranscriberFactory("better", rank=90, lacking="it lacks x")
    other = FakeTranscriberFactory("other", rank=99, languages=("de-DE",))
    loaded = LoadedPlugin("fakes", "1", object(), None, {}, {"register_transcribers": (able, better, other)})
    plugins = Plugins(Config(), (loaded,), (), ())
    found = engine(plugins, "en")
    assert (found.factory.name, found.language) == ("able", "en-US")
    told = str(plugins.choices["transcriber en"])
    assert "other (fakes): it understands de-DE" in told
    assert "better (fakes): it lacks x" in told
