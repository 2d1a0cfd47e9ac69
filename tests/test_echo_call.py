"""A loudspeaker heard by the microphone beside it, in a whole call: the far end hears its own voice no more."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import attrs
import numpy as np
import pytest
from jackfield_synthetic.ticker import Ticker

from jackfield import AudioBlock, AudioFormat, AudioSource, CallSession, Device
from jackfield.plugins import Plugins
from jackfield.plugins.loader import LoadedPlugin
from jackfield.testing import FakeProcessor, FakeProcessorFactory, samples
from tests.lab.meeting import People, heard, names, until

RATE, BLOCK = 48_000, 480
DELAY_MS, GAIN = 120, 0.5
MICROPHONE = Device("room:microphone", "microphone", "A microphone", modes=(AudioFormat(),))
SPEAKER = Device("room:speaker", "speaker", "A loudspeaker", modes=(AudioFormat(),))
VOICE = (samples.babble(8.0) * 14_000).astype(np.int16)[:, None]


class Card:
    """A sound card whose microphone hears its loudspeaker: late, half as loud, and over a faint noise of its own."""

    name, kinds, format = "room", frozenset({"microphone"}), AudioFormat()

    def __init__(self) -> None:
        self.fill: Callable[[int], Any] | None = None
        self.sink: Any = None
        self.heard: list[np.ndarray] = []
        #: What the microphone gives instead of what is in the air; None: that.
        self.instead: np.ndarray | None = None
        self._air = np.zeros((DELAY_MS * RATE // 1000, 1), np.int16)
        self._random = np.random.default_rng(4)
        self._ticker = Ticker("room", 10_000_000)
        self._ticker.start(self._tick)
        self._taken = 0

    def _tick(self, due_ns: int) -> None:
        played = self.fill(BLOCK)[:, :1] if self.fill else np.zeros((BLOCK, 1), np.int16)
        self._air = np.concatenate([self._air, played])
        late, self._air = self._air[:BLOCK], self._air[BLOCK:]
        echo = (late * GAIN + self._random.standard_normal((BLOCK, 1)) * 8).astype(np.int16)
        if self.instead is not None:
            start = self._taken % (len(self.instead) - BLOCK + 1)
            echo, self._taken = self.instead[start : start + BLOCK], self._taken + BLOCK
        if self.sink is not None:
            self.heard.append(echo)
            self.sink.deliver(AudioBlock(echo, RATE, due_ns))

    def end(self) -> None:
        self._ticker.stop()

    # a driver of one microphone, or of one loudspeaker, and either of them open
    def watch(self, changed: Any) -> Any:
        return lambda: None


class Microphones(Card):
    """The card as a driver of its microphone, and the microphone."""

    def devices(self) -> Sequence[Device]:
        return [MICROPHONE]

    def open(self, device: Device, format: Any) -> Any:
        return self

    def start(self, sink: Any) -> None:
        self.sink = sink

    def stop(self) -> None:
        self.sink = None


class Speakers:
    """The same card's loudspeaker."""

    name, format = "room", AudioFormat(RATE, 2)

    def __init__(self, card: Card) -> None:
        self.card = card

    def devices(self) -> Sequence[Device]:
        return [SPEAKER]

    def watch(self, changed: Any) -> Any:
        return lambda: None

    def open(self, device: Device, format: Any) -> Any:
        return self

    def start(self, fill: Any, failed: Any) -> None:
        self.card.fill = fill

    def stop(self) -> None:
        self.card.fill = None


@pytest.fixture
async def card() -> AsyncIterator[Microphones]:
    made = Microphones()
    yield made
    made.end()


def with_card(plugins: Plugins, card: Microphones, *factories: Any) -> Plugins:
    """What is installed, and this card; with ``factories`` these processors alone."""
    offers: dict[str, Sequence[Any]] = {"register_captures": (card,), "register_playbacks": (Speakers(card),)}
    loaded = list(plugins.loaded)
    if factories:
        offers["register_processors"] = factories
        loaded = [attrs.evolve(each, offers={**each.offers, "register_processors": ()}) for each in loaded]
    room = LoadedPlugin("room", "1", card, None, {}, offers)
    return attrs.evolve(plugins, loaded=(*loaded, room), choices={})


@asynccontextmanager
async def speaking(source: AudioSource) -> AsyncIterator[None]:
    """Somebody speaks all the time."""
    ticker, at = Ticker("voice", 10_000_000), [0]

    def tick(due_ns: int) -> None:
        start = at[0] % (len(VOICE) - BLOCK + 1)
        source.push(AudioBlock(VOICE[start : start + BLOCK], RATE, due_ns))
        at[0] += BLOCK

    ticker.start(tick)
    yield
    ticker.stop()


async def listened(session: CallSession, uid: str, seconds: float) -> np.ndarray:
    """What was heard of somebody, for so long."""
    blocks: list[np.ndarray] = []
    async with asyncio.timeout(seconds + 10):
        async for block in session.participants[uid].audio.blocks(rate=RATE, channels=1):
            blocks.append(block.samples)
            if sum(map(len, blocks)) >= seconds * RATE:
                break
    return np.concatenate(blocks)


def db(sound: np.ndarray) -> float:
    """Its level in three of ten half seconds and less: a machine that stands still for a while spoils some, not all."""
    parts = np.array_split(sound.astype(float), max(1, len(sound) * 2 // RATE))
    return float(np.quantile([10 * np.log10(np.mean(np.square(part)) / 32768**2 + 1e-12) for part in parts], 0.3))


async def both(people: People, plugins: Plugins, card: Microphones, **settings: Any) -> tuple[Any, Any, AudioSource]:
    """Ada, a program that speaks, and Bob, in the room with the card."""
    people.plugins = plugins
    wish = {"microphone": MICROPHONE.id, "speaker": SPEAKER.id, "noise_suppression": False, "auto_gain_control": False}
    ada = await people.join("ada")
    bob = await people.join("bob", {**wish, **settings})
    source = AudioSource()
    await ada.publish(source)
    await until(lambda: bob.tracks() and ada.tracks(), "the subscriptions")
    await until(lambda: card.fill and card.sink, "the card in use")
    return ada, bob, source


@pytest.mark.timeout(120)
@pytest.mark.parametrize("place", ["embedded"], indirect=True)
@pytest.mark.parametrize("on", [True, False], ids=["on", "off"])
async def test_the_far_end_hears_its_own_voice_no_more(
    people: People, plugins: Plugins, card: Microphones, on: bool
) -> None:
    """What comes back of Ada's voice is less by 12 dB at least; and it does come back when the canceller is off."""
    ada, bob, source = await both(people, with_card(plugins, card), card, echo_cancellation=on)
    async with speaking(source):
        await listened(ada, "bob", 4)
        card.heard.clear()
        back = await listened(ada, "bob", 8)
        came = np.concatenate(card.heard)
    out = db(came) - db(back)
    print(
        f"\necho cancelling {'on' if on else 'off'}: {db(came):.1f} dB came in, "
        f"{db(back):.1f} dB came back: {out:.1f} dB less"
    )
    assert out > 12 if on else abs(out) < 6
    said = [str(choice) for choice in bob.explain() if choice.asked == "processor echo cancellation"]
    assert said[0].startswith("processor echo cancellation: " + ("webrtc (processing)" if on else "nothing: echo"))


@pytest.mark.parametrize("place", ["embedded"], indirect=True)
async def test_a_processor_that_breaks_is_told_and_the_sound_goes_on(
    people: People, plugins: Plugins, card: Microphones
) -> None:
    """One error event with its name, and Bob is heard before and after."""
    broken = FakeProcessor(raises=100)
    factory = FakeProcessorFactory("shaky", gives=broken)
    card.instead = VOICE
    ada, bob, _ = await both(people, with_card(plugins, card, factory), card)
    events = heard(bob)
    assert db(await listened(ada, "bob", 3)) > -40
    await until(lambda: "error" in names(events), "the error")
    (error,) = (event for event in events if event.name == "error")
    assert error.source == "shaky"
    assert "goes on without its echo cancellation" in error.error.message
    assert broken.closed
    assert db(await listened(ada, "bob", 2)) > -40


@pytest.mark.parametrize("place", ["embedded"], indirect=True)
async def test_a_silent_microphone_and_who_talks_while_muted_are_told_of(
    people: People, plugins: Plugins, card: Microphones
) -> None:
    """Digital silence, its end, and speech into the muted microphone, of which nothing is sent."""
    card.instead = np.zeros((RATE, 1), np.int16)
    ada, bob, _ = await both(people, with_card(plugins, card), card)
    events = heard(bob)
    await until(lambda: "no_audio_input" in names(events), "the silence")
    card.instead = VOICE
    await until(lambda: names(events).count("no_audio_input") == 2, "its end")
    begun, ended = (event for event in events if event.name == "no_audio_input")
    assert (begun.device, begun.ended, ended.ended) == (MICROPHONE, False, True)
    assert ended.silent_s >= begun.silent_s >= 5
    assert "talking_while_muted" not in names(events)
    await bob.mute_audio()
    sent = bob.stats()["publications"][0].get("packetsSent", 0)
    began = time.monotonic()
    await until(lambda: "talking_while_muted" in names(events), "talking")
    print(f"\ntalking while muted was told after {time.monotonic() - began:.1f} s")
    assert bob.stats()["publications"][0].get("packetsSent", 0) - sent <= 3
    await bob.unmute_audio()
    assert db(await listened(ada, "bob", 2)) > -40
