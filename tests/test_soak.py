"""A long call, and many joins and leaves: memory, tasks, threads and descriptors stay what they are.

An hour and a thousand by default; JACKFIELD_SOAK_MINUTES and JACKFIELD_SOAK_JOINS shorten that. Server and participants
share this process, so that nothing of any of them is overlooked.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from attrs import frozen

from tests.lab.meeting import LIMIT_S, People, left_over, until

MINUTES = float(os.environ.get("JACKFIELD_SOAK_MINUTES", "60"))
JOINS = int(os.environ.get("JACKFIELD_SOAK_JOINS", "1000"))
MEDIA = {"camera": None, "microphone": None, "video": {"width": 320, "height": 180, "fps": 15}}
#: What is looked at in one run, and memory that may be added after the first quarter: buffers and caches fill late.
LOOKS = 40
MEMORY_MB, MEMORY_SHARE = 12.0, 0.05

pytestmark = [pytest.mark.soak, pytest.mark.parametrize("place", ["embedded"], indirect=True)]


@frozen
class Look:
    """What this process holds."""

    memory_mb: float
    tasks: int
    threads: int
    descriptors: int


def look() -> Look:
    """Now, garbage collected."""
    counts = left_over()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return Look(pages * os.sysconf("SC_PAGESIZE") / 1e6, *counts)


def assert_flat(looks: list[Look], what: str) -> None:
    """The last quarter holds no more than the second one did at most, memory within its allowance."""
    quarter = len(looks) // 4
    early, late = looks[quarter : 2 * quarter], looks[-quarter:]
    told = f"{what}: {looks[0]} … {looks[quarter]} … {looks[2 * quarter]} … {looks[-1]}"
    print(told)
    for name in ("tasks", "threads", "descriptors"):
        before, after = (max(getattr(each, name) for each in part) for part in (early, late))
        assert min(getattr(each, name) for each in late) <= before, f"{name} grew to {after}; {told}"
    before_mb = max(each.memory_mb for each in early)
    allowed = before_mb * (1 + MEMORY_SHARE) + MEMORY_MB
    assert min(each.memory_mb for each in late) <= allowed, f"memory grew past {allowed:.0f} MB; {told}"


@pytest.mark.timeout(60 * MINUTES + 120)
async def test_a_long_call_stays_flat(people: People) -> None:
    """Two send picture and sound and decode each other's; frames come to the end."""
    ada, bob = await people.join("ada", MEDIA), await people.join("bob", MEDIA)
    seen = {"ada": 0, "bob": 0}

    async def watch(session: object, other: str) -> None:
        async for _ in session.participants[other].video.frames():  # type: ignore[attr-defined]
            seen[other] += 1

    await until(lambda: "bob" in ada.participants and "ada" in bob.participants, "the meeting")
    watching = [asyncio.create_task(watch(ada, "bob")), asyncio.create_task(watch(bob, "ada"))]
    looks: list[Look] = []
    for _ in range(LOOKS):
        before = dict(seen)
        await asyncio.sleep(60 * MINUTES / LOOKS)
        looks.append(look())
        assert all(seen[who] > before[who] for who in seen), f"no picture came: {seen}"
    for task in watching:
        task.cancel()
    await asyncio.gather(*watching, return_exceptions=True)
    print(f"pictures decoded: {seen}")
    assert_flat(looks, f"a call of {MINUTES:g} minutes")


@pytest.mark.timeout(5 * JOINS + 120)
async def test_many_joins_and_leaves_stay_flat(people: People) -> None:
    """Each guest is seen by the one who stays, and leaves nothing behind."""
    stays = await people.join("stays")
    looks: list[Look] = []
    for turn in range(JOINS):
        guest = await people.join(f"guest{turn}", MEDIA)
        async with asyncio.timeout(LIMIT_S):
            person = await until(lambda t=turn: stays.participants.get(f"guest{t}"), "the guest")
            async for _ in person.video.frames():
                break
        await guest.leave()
        await people.calls.pop().close()
        await until(lambda: not stays.participants, "the departure")
        if turn % max(1, JOINS // LOOKS) == 0:
            looks.append(look())
    assert_flat(looks, f"{JOINS} joins and leaves")
