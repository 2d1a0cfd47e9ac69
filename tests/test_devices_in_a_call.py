"""Devices pulled out, put back and swapped in whole calls: what the far end sees and hears, counted and timed."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from jackfield_synthetic.barcode import read_counter
from jackfield_synthetic.tones import hear

from jackfield import CallSession
from jackfield.values.media import AudioBlock
from tests.lab.meeting import People, heard, left_over, names, until

SMALL = {"video": {"width": 320, "height": 180, "fps": 30}}
FRONT, REAR = "synthetic:card-front", "synthetic:card-rear"
LOW, HIGH = "synthetic:tone-low", "synthetic:tone-high"


def synthetic(session: CallSession) -> Any:
    """The driver of the made-up devices, whose plugs a test can pull."""
    return next(driver for driver in session.drivers if driver.name == "synthetic")


class Watching:
    """What one participant sees of another: for each picture when it came, and which card it is (None: neither)."""

    def __init__(self) -> None:
        self.seen: list[tuple[float, int | None]] = []
        self.heard: list[str] = []

    def now(self) -> Any:
        """What the last picture was."""
        return self.seen[-1][1] if self.seen else "nothing"

    def first_after(self, since: float, card: int | None) -> float:
        """Milliseconds from then to the first picture of this card."""
        return next(1000 * (at - since) for at, found in self.seen if at > since and found == card)

    def tones(self) -> list[str]:
        """Who was heard in each tenth of a second, repetitions taken together."""
        return [each for index, each in enumerate(self.heard) if index == 0 or self.heard[index - 1] != each]


@asynccontextmanager
async def watching(session: CallSession, uid: str) -> AsyncIterator[Watching]:
    """Somebody is looked at and listened to."""
    found = Watching()
    person = session.participants[uid]

    async def look() -> None:
        async for frame in person.video.frames():
            reading = read_counter(frame)
            found.seen.append((time.monotonic(), reading.card if reading else None))

    async def listen() -> None:
        window: list[AudioBlock] = []
        async for block in person.audio.blocks():
            window.append(block)
            if sum(each.duration_ns for each in window) >= 100_000_000:
                sound = hear(window)
                found.heard.append(sound.device or ("?" if sound.signal else "silence"))
                window = []

    tasks = [asyncio.create_task(job()) for job in (look, listen)]
    try:
        yield found
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def met(people: People, **settings: Any) -> tuple[CallSession, CallSession, list[Any]]:
    """Ada, who sends, Bob, who receives all of it, and what Ada hears of."""
    ada = await people.join("ada", {**SMALL, **settings})
    bob = await people.join("bob")
    wanted = sum(1 for each in ada.publications)
    await until(lambda: len(bob.tracks()) == wanted, "the subscription")
    return ada, bob, heard(ada)


def told(events: list[Any]) -> list[str]:
    return [
        name for name in names(events) if name.startswith(("device", "camera_", "microphone_", "speaker_", "error"))
    ]


async def test_a_pulled_camera_is_covered_and_comes_back(people: People) -> None:
    """One track all along; the times are printed."""
    ada, bob, events = await met(people, camera=FRONT)
    (track,) = bob.tracks()
    driver = synthetic(ada)
    async with watching(bob, "ada") as sight:
        await until(lambda: sight.now() == 0, "the picture")
        pulled = time.monotonic()
        await asyncio.to_thread(driver.unplug, FRONT)
        await until(lambda: sight.now() is None, "the placeholder")
        await asyncio.sleep(1.0)
        assert sight.now() is None
        plugged = time.monotonic()
        driver.plug(FRONT)
        await until(lambda: sight.now() == 0, "the picture again")
        await until(lambda: "device_restored" in told(events), "the event")
        print(
            f"pulled → placeholder seen {sight.first_after(pulled, None):.0f} ms, "
            f"put back → picture seen {sight.first_after(plugged, 0):.0f} ms"
        )
    assert told(events) == ["device_lost", "error", "device_restored"]
    assert bob.tracks() == (track,)


async def test_a_camera_is_pulled_twenty_times_at_random_moments(people: People) -> None:
    """The call never drops, the picture is back each time, and nothing piles up."""
    ada, bob, events = await met(people, camera=FRONT, microphone=LOW)
    driver, draw = synthetic(ada), random.Random(20)
    counted = []
    async with watching(bob, "ada") as sight:
        for turn in range(20):
            await until(lambda: sight.now() == 0, f"the picture of turn {turn}")
            await asyncio.sleep(draw.random() * 0.2)
            await asyncio.to_thread(driver.unplug, FRONT)
            await asyncio.sleep(draw.random() * 0.2)
            driver.plug(FRONT)
            if turn in (4, 19):
                await until(lambda: sight.now() == 0, "the picture")
                await asyncio.sleep(0.5)
                counted.append(left_over())
        assert ada.is_active
        assert "?" not in sight.tones()
    print(f"tasks, threads, descriptors after 5 and after 20: {counted}")
    assert all(map(int.__le__, counted[1], counted[0]))
    assert told(events).count("device_lost") >= 10


async def test_the_next_camera_in_order_takes_over(people: People) -> None:
    """At once, on the same track."""
    ada, bob, events = await met(people, camera=[FRONT, REAR])
    async with watching(bob, "ada") as sight:
        await until(lambda: sight.now() == 0, "the picture")
        pulled = time.monotonic()
        await asyncio.to_thread(synthetic(ada).unplug, FRONT)
        await until(lambda: sight.now() == 1, "the other camera")
        print(f"pulled → the next camera seen {sight.first_after(pulled, 1):.0f} ms")
    await until(lambda: "camera_changed" in told(events), "the event")
    assert ada.device("camera").id == REAR  # type: ignore[union-attr]
    synthetic(ada).plug(FRONT)


@pytest.mark.parametrize("place", ["embedded"], indirect=True)
async def test_what_is_plugged_in_is_told_by_kind(people: People) -> None:
    """Each list by its own event, with all that is there then."""
    ada = await people.join("ada")
    events = heard(ada)
    (speakers,) = [each for each in people.plugins.playbacks if each.name == "synthetic"]
    for kind, pull, push in (
        ("cameras_changed", lambda: synthetic(ada).unplug(REAR), lambda: synthetic(ada).plug(REAR)),
        ("microphones_changed", lambda: synthetic(ada).unplug(HIGH), lambda: synthetic(ada).plug(HIGH)),
        ("speakers_changed", speakers.unplug, speakers.plug),  # type: ignore[attr-defined]
    ):
        lengths = []
        for turn in (pull, push):
            events.clear()
            await asyncio.to_thread(turn)
            await until(lambda kind=kind: kind in names(events), kind)
            lengths.append(len(next(event for event in events if event.name == kind).devices))
        assert lengths[1] == lengths[0] + 1, kind


async def test_devices_are_swapped_while_the_tracks_stay(people: People) -> None:
    """Camera and microphone by id, and `switch_camera`; the far end sees and hears which."""
    ada, bob, events = await met(people, camera=FRONT, microphone=LOW)
    before = {track.sid for track in bob.tracks()}
    async with watching(bob, "ada") as sight:
        await until(lambda: sight.now() == 0 and LOW in sight.heard, "picture and sound")
        swapped = time.monotonic()
        await ada.set_camera(REAR)
        await ada.set_microphone(HIGH)
        await until(lambda: sight.now() == 1 and HIGH in sight.heard, "the other picture and sound")
        print(f"set_camera → the other picture seen {sight.first_after(swapped, 1):.0f} ms")
        assert None not in [card for at, card in sight.seen if at > swapped], "no placeholder is needed for a swap"
        assert (await ada.switch_camera()).id == FRONT
        await until(lambda: sight.now() == 0, "the first picture")
    assert told(events) == ["camera_changed", "microphone_changed", "camera_changed", "camera_facing_changed"]
    assert {track.sid for track in bob.tracks()} == before
    assert "card-front" in str(next(choice for choice in ada.explain() if choice.asked.startswith("camera")))


async def test_a_pulled_microphone_is_silent_and_sounds_again(people: People) -> None:
    """Silence, never a stall: sound goes on arriving all the while."""
    ada, bob, events = await met(people, microphone=LOW)
    async with watching(bob, "ada") as ear:
        await until(lambda: LOW in ear.heard, "the tone")
        await asyncio.to_thread(synthetic(ada).unplug, LOW)
        await until(lambda: ear.heard[-3:] == ["silence"] * 3, "silence")
        synthetic(ada).plug(LOW)
        await until(lambda: ear.heard[-1] == LOW, "the tone again")
    assert told(events) == ["device_lost", "error", "device_restored"]


async def test_a_pulled_loudspeaker_plays_again_when_it_is_back(people: People) -> None:
    """The call goes on meanwhile, and whoever speaks is heard from the first moment on."""
    ada = await people.join("ada", {"speaker": "synthetic:speaker"})
    bob = await people.join("bob", {"microphone": LOW})
    events = heard(ada)
    driver: Any = next(driver for driver in people.plugins.playbacks if driver.name == "synthetic")
    await until(lambda: ada.tracks() and any(player.verdict().ok for player in driver.players), "the sound")
    await asyncio.to_thread(driver.unplug)
    await until(lambda: "device_lost" in told(events), "the event")
    await until(lambda: not driver.players, "the end of the player")
    driver.plug()
    await until(lambda: any(player.verdict().ok for player in driver.players), "the sound again")
    assert told(events) == ["error", "device_lost", "device_restored"]
    assert bob.is_active


async def test_a_call_is_left_while_its_camera_is_away(people: People) -> None:
    """Leaving waits for nobody's cable."""
    ada, _, _ = await met(people, camera=FRONT)
    driver = synthetic(ada)
    await asyncio.to_thread(driver.unplug, FRONT)
    await until(lambda: ada.publications[0].is_away, "the placeholder")
    began = time.monotonic()
    await ada.leave()
    print(f"left in {1000 * (time.monotonic() - began):.0f} ms")
    driver.plug(FRONT)
