"""One whole call: what was seen and heard at once is presented at once, though its sound took longer on its way."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from contextlib import suppress
from typing import Any

import numpy as np

from jackfield import AudioSource, VideoSource
from tests.lab.meeting import LIMIT_S, People

#: How much later than pictures sound is handed over, as by a slow microphone.
LATE_S = 0.2
#: A flash and a beep of so long, so often, and how far apart they may be presented (ITU-R BT.1359 bears 45 ms).
FLASH_S, EVERY_S, TOGETHER_S = 0.2, 0.8, 0.045
RATE, STEP_S = 48_000, 0.02


async def send(pictures: VideoSource, sound: AudioSource) -> None:
    """A flash is captured together with its beep, which is pushed when `LATE_S` has passed."""
    begun, waiting, step = time.monotonic(), deque[tuple[float, bool]](), 0
    tone = (12_000 * np.sin(np.arange(int(RATE * STEP_S)) / 8)).astype(np.int16)
    while True:
        at = begun + step * STEP_S
        await asyncio.sleep(max(0.0, at - time.monotonic()))
        bright = (at - begun) % EVERY_S < FLASH_S
        pictures.push(np.full((96, 128, 3), 220 if bright else 30, np.uint8), time_ns=round(at * 1e9))
        waiting.append((at, bright))
        if waiting[0][0] + LATE_S <= at:
            captured, loud = waiting.popleft()
            sound.push(tone if loud else np.zeros_like(tone), time_ns=round(captured * 1e9))
        step += 1


async def beginnings(media: Any, is_on: Any, found: list[float]) -> None:
    """When each flash, or beep, is presented."""
    was_on = True
    async for item in media:
        on = is_on(item)
        if on and not was_on:
            found.append(time.monotonic())
        was_on = on


def nearest(flashes: list[float], beeps: list[float]) -> list[float]:
    """How much later than its flash each beep was; they are told apart by being nearer than half their distance."""
    return [beep - flash for beep in beeps for flash in flashes if abs(beep - flash) < EVERY_S / 2]


def is_bright(frame: Any) -> bool:
    return bool(frame.to_ndarray(format="gray").mean() > 120)


def is_loud(block: Any) -> bool:
    return bool(np.abs(block.samples).max() > 3000)


async def test_a_flash_and_its_beep_are_presented_together(people: People) -> None:
    """Three times in a row within 45 ms, once the sender's reports have come; who reads at once waits for no sound, and
    one decoder does for both."""
    ada, bob = await people.join("ada"), await people.join("bob")
    pictures, sound = VideoSource(128, 96, 50), AudioSource(RATE)
    await ada.publish(pictures)
    await ada.publish(sound)
    sending = asyncio.create_task(send(pictures, sound))
    person, flashes, beeps = bob.participants["ada"], list[float](), list[float]()
    at_once = list[float]()
    media = [
        (person.video.frames("gray", synced=True), is_bright, flashes),
        (person.video.frames("gray"), is_bright, at_once),
        (person.audio.blocks(synced=True), is_loud, beeps),
    ]
    reading = [asyncio.create_task(beginnings(*each)) for each in media]
    try:
        async with asyncio.timeout(2 * LIMIT_S):
            while not (len(skews := nearest(flashes, beeps)[-3:]) == 3 and max(map(abs, skews)) <= TOGETHER_S):
                await asyncio.sleep(0.1)
        waits = nearest(at_once, beeps)[-3:]
        assert min(waits) > LATE_S / 2, f"beeps after the flashes that were read at once: {waits} s"
        (track,) = (each for each in bob.tracks() if each.kind == "video")
        assert track.stats()["framesDecoded"] <= track.stats()["framesReceived"]
    finally:
        print("beeps after their flashes, ms:", [round(1000 * each) for each in nearest(flashes, beeps)])
        for task in (sending, *reading):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
