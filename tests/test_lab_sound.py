"""Whole calls with sound cards: a USB microphone and a USB loudspeaker through the kernel's own driver, the adapter and
the embedded server, pulled out and put back. Tones are recognised by content; time is only printed."""

from __future__ import annotations

import asyncio
import time

import pytest
from jackfield_synthetic.tones import hear

from jackfield.plugins import Config, Plugins, load
from jackfield.values.media import AudioBlock
from tests.lab.meeting import People, heard, left_over, names
from tests.lab.vm.calls import UNTREATED, looking, met, until
from tests.lab.vm.camera import FakeCamera, microphone
from tests.lab.vm.sound_card import UsbSoundCard

pytestmark = [
    pytest.mark.vm,
    pytest.mark.soak,
    pytest.mark.needs("portaudio"),
    pytest.mark.timeout(1800),
    pytest.mark.usefixtures("quiet_afterwards", "patience"),
    pytest.mark.parametrize("place", ["embedded"], indirect=True),
]

LOW, HIGH = "synthetic:tone-low", "synthetic:tone-high"
TENTH = 4_800


@pytest.fixture(scope="module")
def plugins() -> Plugins:
    """The emulated machine may stand still for seconds; a card that is gone is seen by its file all the same."""
    return load(Config(tables={"sounddevice": {"latency_ms": 80, "stalled_after_s": 20}}))


def played(card: UsbSoundCard, since: int) -> list[str]:
    """Whose note the card has played in each tenth of a second; "" for silence, "?" for any other sound."""
    sound = card.played(since)
    tenths = [sound[start : start + TENTH] for start in range(0, len(sound) - TENTH + 1, TENTH)]
    found = [hear([AudioBlock(tenth, 48_000, 0)]) for tenth in tenths]
    return [(each.device or "?") if each.signal else "" for each in found]


async def test_the_microphone_of_a_usb_camera_is_recognised_at_the_far_end(camera: FakeCamera, people: People) -> None:
    """Its tones, three tenths of a second at least, with its pictures beside them."""
    _, bob = await met(people, camera="FakeCam", microphone="FakeCam")
    async with looking(bob, "ada", sound=True) as sight:
        await until(lambda: sight.heard(LOW) >= 3 and sight.count(0) >= 15, "tone and picture")
    print(f"{sight.heard(LOW)} of {len(sight.notes)} tenths are its tone; {sight.pictures.verdict().text}")
    assert sight.heard(HIGH) == 0


async def test_a_usb_microphone_is_pulled_and_put_back_in_the_call(people: People) -> None:
    """Its tone, silence while it is away, never a stall, and its tone again on the same track; nothing is left."""
    with microphone() as mic:
        ada, bob = await met(people, microphone="FakeMic")
        events, (track,), kept = heard(ada), bob.tracks(), []
        async with looking(bob, "ada", pictures=False, sound=True) as sight:
            for turn in range(3):
                since = len(sight.notes)
                await until(lambda since=since: sight.heard(HIGH, since) >= 3, f"the tone of turn {turn}", ada, bob)
                began = time.monotonic()
                await asyncio.to_thread(mic.unplug)
                await until(
                    lambda turn=turn: names(events).count("device_lost") > turn, f"the loss of turn {turn}", ada, bob
                )
                lost, since = time.monotonic(), len(sight.notes)
                await until(lambda since=since: sight.heard("", since) >= 5, f"silence in turn {turn}", ada, bob)
                await asyncio.to_thread(mic.plug)
                plugged, since = time.monotonic(), len(sight.notes)
                await until(lambda since=since: sight.heard(HIGH, since) >= 3, f"the return of turn {turn}", ada, bob)
                print(f"turn {turn}: lost {lost - began:.1f} s, tone again {time.monotonic() - plugged:.1f} s")
                kept.append(left_over())
        assert ada.is_active
        assert bob.tracks() == (track,)
        _is_as_before(kept)


async def test_a_usb_card_that_plays_is_pulled_and_put_back_in_the_call(
    usb_audio_card: UsbSoundCard, people: People
) -> None:
    """Bob hears Ada through it: her tone is what the card plays, before and after; the call goes on meanwhile."""
    usb_audio_card.plug()
    await people.join("ada", {**UNTREATED, "microphone": LOW})
    bob = await people.join("bob", {"speaker": "QEMU"})
    events, kept = heard(bob), []
    for turn in range(3):
        since = len(usb_audio_card.played())
        await until(lambda since=since: played(usb_audio_card, since).count(LOW) >= 3, f"the tone of turn {turn}")
        began = time.monotonic()
        await asyncio.to_thread(usb_audio_card.unplug)
        await until(lambda turn=turn: names(events).count("device_lost") > turn, f"the loss of turn {turn}")
        lost = time.monotonic()
        await asyncio.to_thread(usb_audio_card.plug)
        plugged = time.monotonic()
        await until(lambda: played(usb_audio_card, 0).count(LOW) >= 3, f"the return of turn {turn}")
        print(f"turn {turn}: lost {lost - began:.1f} s, plays again {time.monotonic() - plugged:.1f} s")
        await until(lambda turn=turn: names(events).count("device_restored") > turn, f"the word of turn {turn}")
        kept.append(left_over())
    assert bob.is_active
    assert set(bob.participants) == {"ada"}
    assert len(bob.tracks()) == 1
    _is_as_before(kept)


def _is_as_before(kept: list[tuple[int, int, int]]) -> None:
    print(f"tasks, threads, descriptors: {kept}")
    assert kept[-1][1] <= kept[0][1] + 1
    assert kept[-1][2] <= kept[0][2] + 2
