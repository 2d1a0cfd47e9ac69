"""Captions that a participant makes of what everybody says: by an engine that counts, and by one that understands."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import attrs
import numpy as np
import pytest
from jackfield_synthetic.ticker import Ticker

from jackfield import AudioBlock, AudioSource, CallSession, PluginError
from jackfield.plugins import Plugins
from jackfield.plugins.loader import LoadedPlugin
from jackfield.session import scribe
from jackfield.session.trouble import Trouble
from jackfield.testing import FakeTranscriberFactory, samples
from jackfield.values.events import Transcription
from tests.lab.machine import SPEECH
from tests.lab.meeting import People, heard, names, until
from tests.test_reconnect_calls import cut_signalling

BABBLE = (samples.babble(1.0) * 14_000).astype(np.int16)


def with_engine(plugins: Plugins, *factories: Any) -> Plugins:
    """These engines, and none that is installed."""
    loaded = [attrs.evolve(each, offers={**each.offers, "register_transcribers": ()}) for each in plugins.loaded]
    engines = LoadedPlugin("engines", "1", object(), None, {}, {"register_transcribers": factories})
    return attrs.evolve(plugins, loaded=(*loaded, engines) if factories else tuple(loaded), choices={})


@contextmanager
def speaking(source: AudioSource, *parts: Any) -> Iterator[None]:
    """These sounds one after the other, and then silence, until it is left."""
    rate, at = source.format.rate, [0]
    sound, count = np.concatenate(parts), source.format.rate // 100
    ticker = Ticker("voice", 10_000_000)

    def tick(due_ns: int) -> None:
        part = sound[at[0] : at[0] + count]
        block = np.zeros((count, 1), np.int16)
        block[: len(part), 0] = part
        source.push(AudioBlock(block, rate, due_ns))
        at[0] += count

    ticker.start(tick)
    try:
        yield
    finally:
        ticker.stop()


def finals(session: CallSession, uid: str) -> list[Transcription]:
    """What somebody is said to have said, for good."""
    return [line for line in session.captions if line.final and line.participant and line.participant.uid == uid]


def scribes() -> list[str]:
    """Threads that write down what is said."""
    return sorted(each.name for each in threading.enumerate() if each.name.startswith("jackfield transcribe"))


async def company(people: People, factory: Any, **settings: Any) -> tuple[CallSession, CallSession, AudioSource]:
    """Ada, who can speak; Bob, who has this engine."""
    people.plugins = with_engine(people.plugins, *([factory] if factory else []))
    ada, bob = await people.join("ada"), await people.join("bob", settings)
    source = AudioSource()
    await ada.publish(source)
    await until(lambda: any(each.kind == "audio" for each in bob.tracks()), "Ada's microphone")
    return ada, bob, source


async def test_what_is_said_is_seen_by_everybody(people: People) -> None:
    """Bob has it written down: interim words, then final ones, of Ada's track; both see them alike, and hear each."""
    factory = FakeTranscriberFactory()
    ada, bob, source = await company(people, factory)
    told = heard(ada)
    await bob.start_transcription()
    assert bob.is_transcribing
    assert not ada.is_transcribing
    with speaking(source, np.zeros(24_000, np.int16), BABBLE, np.zeros(48_000, np.int16)):
        await until(lambda: finals(ada, "ada"), "the words at Ada's")
    (line,) = finals(ada, "ada")
    assert line.participant is ada.local
    assert [each.text for each in finals(bob, "ada")] == [line.text]
    words = [event for event in told if event.name == "transcription"]
    assert [each.final for each in words] == [False] * (len(words) - 1) + [True]
    assert len(words) > 3
    assert {each.id for each in words} == {line.id}
    assert (bob.captions[-1].language, len(factory.opened)) == ("en-US", 1)
    await bob.stop_transcription()
    assert not bob.is_transcribing
    assert (factory.opened[0].closed, scribes()) == (True, [])


async def test_our_own_words_are_written_down_but_not_while_we_are_muted(people: People) -> None:
    """As they are sent; muting makes what was open final; nobody else is listened to for it."""
    factory = FakeTranscriberFactory()
    ada, bob, source = await company(people, factory)
    await ada.start_transcription("en")
    with speaking(source, *[BABBLE] * 20):
        await until(lambda: bob.captions, "the words at Bob's")
        await ada.mute_audio()
        await until(lambda: finals(bob, "ada"), "the end of them")
        calls = factory.opened[0].calls
        await asyncio.sleep(0.3)
        assert factory.opened[0].calls == calls
        await ada.unmute_audio()
        await until(lambda: len({line.id for line in bob.captions}) == 2, "words after it")
    assert len(factory.opened) == 1
    await ada.leave()
    assert (factory.opened[0].closed, scribes()) == (True, [])


async def test_a_speaker_who_leaves_takes_their_scribe_along(people: People) -> None:
    """One thread for each who speaks, none for who is silent, none once they have gone; their last words are told."""
    factory = FakeTranscriberFactory()
    ada, bob, source = await company(people, factory)
    eve = await people.join("eve")
    await eve.publish(AudioSource())
    await bob.start_transcription()
    await bob.start_transcription()
    with speaking(source, *[BABBLE] * 5):
        await until(lambda: bob.captions and eve.captions, "the words")  # eve's way for data may be open only by then
        assert scribes() == ["jackfield transcribe ada"]
        await ada.leave()
    await until(lambda: not scribes(), "the end of the scribe")
    await until(lambda: eve.captions and eve.captions[-1].final, "the last words")
    assert factory.opened[0].closed


@pytest.mark.parametrize("place", ["embedded"], indirect=True)
async def test_it_goes_on_when_the_connection_comes_back(people: People) -> None:
    """What is said meanwhile is told afterwards, and what is said afterwards too."""
    ada, bob, source = await company(people, FakeTranscriberFactory())
    await bob.start_transcription()
    told = heard(bob)
    with speaking(source, *[np.concatenate([BABBLE, np.zeros(24_000, np.int16)])] * 10):
        await until(lambda: finals(ada, "ada"), "the words")
        cut_signalling(bob)
        await until(lambda: "connection_restored" in names(told), "the connection")
        known = len(finals(ada, "ada"))
        await until(lambda: len(finals(ada, "ada")) > known + 1, "more words")
    assert bob.is_transcribing
    await bob.leave()
    assert scribes() == []


@pytest.mark.parametrize("place", ["embedded"], indirect=True)
async def test_it_goes_on_when_we_have_joined_anew(people: People) -> None:
    """Of the same people, under the names that their tracks have by then."""
    ada, bob, source = await company(people, FakeTranscriberFactory())
    await ada.start_transcription()
    told = heard(ada)
    with speaking(source, *[np.concatenate([BABBLE, np.zeros(24_000, np.int16)])] * 15):
        await until(lambda: finals(bob, "ada"), "the words")
        connection = ada._connection
        ada._reconnect.lost(Trouble("server", "the test says so"))
        await until(lambda: "connection_restored" in names(told), "the connection")
        assert ada._connection is connection
        known = len(finals(bob, "ada"))
        await until(lambda: len(finals(bob, "ada")) > known + 1, "more words")


@pytest.mark.parametrize("place", ["embedded"], indirect=True)
async def test_an_engine_that_does_not_keep_up_loses_sound_and_says_so_once(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call goes on as if there were none; what hangs is left behind by a call that ends."""
    monkeypatch.setattr(scribe, "WAITING", 20)
    factory = FakeTranscriberFactory()
    factory.holds.clear()
    _, bob, source = await company(people, factory)
    told = heard(bob)
    await bob.start_transcription()
    with speaking(source, *[BABBLE] * 5):
        await until(lambda: "error" in names(told), "the complaint")
        await asyncio.sleep(0.5)
    (error,) = [event for event in told if event.name == "error"]
    assert "fake does not keep up with what ada says" in error.error.message
    assert error.source == "transcription"
    began = time.monotonic()
    await bob.leave()
    assert time.monotonic() - began < 3
    assert (factory.opened[0].closed, scribes()) == (True, [])


@pytest.mark.parametrize("place", ["embedded"], indirect=True)
async def test_an_engine_that_fails_is_opened_anew_three_times(people: People) -> None:
    """Each failure is told with whose move it is; then that speaker goes without."""
    factory = FakeTranscriberFactory(raises=20)
    _, bob, source = await company(people, factory)
    told = heard(bob)
    await bob.start_transcription()
    with speaking(source, *[BABBLE] * 5):
        await until(lambda: names(told).count("error") == 3, "the third failure")
        await asyncio.sleep(0.3)
    messages = [event.error.message for event in told if event.name == "error"]
    assert len(messages) == 3
    assert "opened anew" in messages[0]
    assert "ada is transcribed no more" in messages[2]
    assert (len(factory.opened), scribes()) == (3, [])


@pytest.mark.parametrize("place", ["embedded"], indirect=True)
async def test_it_begins_by_itself_where_the_settings_say_so(people: People) -> None:
    """In the language of the settings."""
    factory = FakeTranscriberFactory(languages=("de-DE", "en-US"))
    ada, bob, source = await company(people, factory, auto_start_transcription=True, caption_language="de")
    assert bob.findings == ()
    await until(lambda: bob.is_transcribing, "the beginning")
    with speaking(source, BABBLE):
        await until(lambda: finals(ada, "ada"), "the words")
    assert factory.opened[0].language == "de-DE"
    assert next(choice for choice in bob.explain() if choice.asked == "transcriber de").chosen == "fake"
    await bob.start_transcription("en-US")
    with speaking(source, BABBLE):
        await until(lambda: len(factory.opened) == 2, "the other language")
    assert factory.opened[1].language == "en-US"


@pytest.mark.parametrize("place", ["embedded"], indirect=True)
async def test_where_no_plugin_can_it_says_what_to_install(people: People) -> None:
    """Nothing installed; an engine that lacks its library; a language that none knows; a token that may not."""
    wish = {"auto_start_transcription": True, "caption_language": "fr-FR"}
    _, bob, _ = await company(people, None, **wish)
    told = heard(bob)
    assert [finding.key for finding in bob.findings] == ["auto_start_transcription", "caption_language"]
    assert "jackfield-transcribe-" in bob.findings[0].fix
    with pytest.raises(PluginError, match="jackfield-transcribe-…: pip install one"):
        await bob.start_transcription()
    await bob.stop_transcription()
    people.plugins = with_engine(people.plugins, FakeTranscriberFactory(lacking="x is not installed: pip install x"))
    eve = await people.join("eve", wish)
    (finding,) = eve.findings
    assert "nothing here makes text of fr-FR speech; it does of en-US" in finding.found
    told = heard(eve)
    await until(lambda: "error" in names(told), "that it could not begin")
    assert told[0].source == "auto_start_transcription"
    with pytest.raises(PluginError, match=r"fr-FR speech: fake .engines.: it understands en-US"):
        await eve.start_transcription()
    with pytest.raises(PluginError, match="pip install x"):
        await eve.start_transcription("en-US")
    assert not eve.is_transcribing


@pytest.mark.needs("speech")
@pytest.mark.parametrize("who", ["the speaker", "who listens"])
async def test_real_words_are_understood(people: People, who: str) -> None:
    """A recording of somebody who says "go forward ten meters", by the engine that is installed, in a process that ends
    with the call."""
    ada, bob = await people.join("ada"), await people.join("bob")
    source = AudioSource(16_000)
    await ada.publish(source)
    await until(lambda: any(each.kind == "audio" for each in bob.tracks()), "Ada's microphone")
    await (ada if who == "the speaker" else bob).start_transcription()
    said = np.fromfile(SPEECH, np.int16)
    began = time.monotonic()
    with speaking(source, np.zeros(8_000, np.int16), said, np.zeros(16_000, np.int16)):
        for each in (ada, bob):
            await until(lambda each=each: finals(each, "ada"), "the words")  # type: ignore[misc]
    late_s = time.monotonic() - began - 0.5 - len(said) / 16_000
    text = finals(bob, "ada")[0].text
    print(f"\n{text!r}, {late_s:.2f} s after the end of the recording")
    assert "go forward" in text
    assert [line.text for line in finals(ada, "ada")] == [line.text for line in finals(bob, "ada")]
    await asyncio.gather(ada.leave(), bob.leave())
    assert scribes() == []
