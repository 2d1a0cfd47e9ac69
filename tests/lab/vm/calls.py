"""Whole calls in the lab: who sends, what the far end sees and hears, and waits as long as emulation takes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from jackfield_synthetic.barcode import read_counter
from jackfield_synthetic.tones import hear
from jackfield_synthetic.verifier import SyntheticVerifier

from jackfield import CallSession
from jackfield.values.media import AudioBlock
from tests.lab.meeting import People

SIZE = {"video": {"width": 640, "height": 480, "fps": 15}}
#: Microphones of these tests play tones, which a processor would take for noise.
UNTREATED = {"echo_cancellation": False, "noise_suppression": False, "auto_gain_control": False}
LIMIT_S = 240.0


async def until(condition: Callable[[], Any], what: str, *calls: CallSession) -> Any:
    """Waits for something to become true, while these calls go on: emulated, that may take long."""
    try:
        async with asyncio.timeout(LIMIT_S):
            while not (found := condition()):
                ended = [call.uid for call in calls if not call.is_active]
                assert not ended, f"the call ended for {ended} before {what}"
                await asyncio.sleep(0.05)
            return found
    except TimeoutError:
        raise AssertionError(f"{what} did not come within {LIMIT_S:g} s") from None


class Sight:
    """What the far end has seen and heard.

    ``cards`` has the test card of each picture in order, None where it was a placeholder. ``notes`` has the id of the
    made-up microphone heard in each tenth of a second, "" for silence and "?" for any other sound.
    """

    def __init__(self) -> None:
        self.cards: list[int | None] = []
        self.sizes: list[tuple[int, int]] = []
        self.notes: list[str] = []
        self.pictures = SyntheticVerifier()
        self._blocks: list[AudioBlock] = []

    def look(self, frame: Any) -> None:
        """One more picture."""
        reading = read_counter(frame)
        self.cards.append(reading.card if reading else None)
        self.sizes.append((frame.width, frame.height))
        self.pictures.observe(frame)

    def listen(self, block: AudioBlock) -> None:
        """One more block of sound."""
        self._blocks.append(block)
        if sum(each.duration_ns for each in self._blocks) >= 100_000_000:
            heard = hear(self._blocks)
            self._blocks.clear()
            self.notes.append((heard.device or "?") if heard.signal else "")

    def count(self, card: int | None, since: int = 0) -> int:
        """How many pictures of a card there were."""
        return sum(1 for each in self.cards[since:] if each == card)

    def heard(self, note: str, since: int = 0) -> int:
        """How many tenths of a second of a note there were."""
        return self.notes[since:].count(note)


@asynccontextmanager
async def looking(
    session: CallSession, uid: str, *, pictures: bool = True, sound: bool = False
) -> AsyncIterator[Sight]:
    """Somebody is looked at, and listened to where that is asked for."""
    sight, person = Sight(), session.participants[uid]

    async def look() -> None:
        async for frame in person.video.frames():
            sight.look(frame)

    async def listen() -> None:
        async for block in person.audio.blocks():
            sight.listen(block)

    wanted = [job for job, is_wanted in ((look, pictures), (listen, sound)) if is_wanted]
    tasks = [asyncio.create_task(job()) for job in wanted]
    try:
        yield sight
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def met(people: People, **settings: Any) -> tuple[CallSession, CallSession]:
    """Ada, who sends what the settings name, and Bob, who receives all of it."""
    ada = await people.join("ada", {**SIZE, **UNTREATED, **settings})
    bob = await people.join("bob")
    for each in (ada, bob):
        each.on("connection_lost", lambda event, uid=each.uid: print(f"{uid} has lost the server: {event.message}"))
        each.on("connection_closed", lambda event, uid=each.uid: print(f"the call is over for {uid}: {event.message}"))
    wanted = len(ada.publications)
    await until(lambda: len(bob.tracks()) == wanted, "the subscription", ada, bob)
    return ada, bob
