"""Recognises made-up media at the far end of a call: by whichever installed driver makes it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from attrs import define, field

from jackfield.roles import Verdict, Verifies

if TYPE_CHECKING:
    from jackfield.plugins import Plugins
    from jackfield.roles import Verifier
    from jackfield.session.call import CallSession
    from jackfield.session.participant import Participant


@define
class Watched:
    """What arrived of one track: how much was decoded, and the best verdict on it."""

    kind: str
    decoded: int = 0
    width: int = 0
    height: int = 0
    verifiers: list[Verifier] = field(factory=list)

    def observe(self, media: Any) -> None:
        """Takes one decoded picture or block into account."""
        self.decoded += 1
        self.width, self.height = getattr(media, "width", 0), getattr(media, "height", 0)
        for verifier in self.verifiers:
            verifier.observe(media)

    def facts(self) -> dict[str, Any]:
        """What is printed, and judged by whoever asked."""
        verdicts = [verifier.verdict() for verifier in self.verifiers]
        best = max(verdicts, key=lambda verdict: verdict.frames, default=Verdict(False, 0, 0, None, "no verifier"))
        found: dict[str, Any] = {"kind": self.kind, "decoded": self.decoded, "ok": best.ok, "recognised": best.frames}
        found |= {"lost": best.lost, "latency_ms": best.latency_ms, "text": best.text}
        return found | ({"width": self.width, "height": self.height} if self.kind == "video" else {})


class Check:
    """Decodes what one participant sends, as long as it runs."""

    def __init__(self, call: CallSession, plugins: Plugins, uid: str | None) -> None:
        self._call, self._uid = call, uid
        makers = [driver for driver in plugins.captures if isinstance(driver, Verifies)]
        self.video = Watched("video", verifiers=[driver.verifier() for driver in makers])
        self.audio = Watched("audio", verifiers=[driver.verifier() for driver in makers])

    async def run(self, seconds: float) -> None:
        """Watches for ``seconds`` from the first picture or sound; gives up after as long again, and 10 s."""
        begun = asyncio.Event()
        jobs = [asyncio.create_task(self._follow(begun))]
        try:
            async with asyncio.timeout(seconds + 10):
                await begun.wait()
            await asyncio.sleep(seconds)
        except TimeoutError:
            pass
        finally:
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)

    async def _follow(self, begun: asyncio.Event) -> None:
        person = await self._person()
        async with asyncio.TaskGroup() as jobs:
            jobs.create_task(self._read(person, self.video, begun))
            jobs.create_task(self._read(person, self.audio, begun))

    async def _person(self) -> Participant:
        while True:
            for uid, person in self._call.participants.items():
                if self._uid in (None, uid):
                    return person
            await asyncio.sleep(0.05)

    async def _read(self, person: Participant, watched: Watched, begun: asyncio.Event) -> None:
        media: Any = person.video.frames() if watched.kind == "video" and person.video else None
        if watched.kind == "audio" and person.audio:
            media = person.audio.blocks()
        async for each in media:
            begun.set()
            watched.observe(each)

    def facts(self) -> dict[str, Any]:
        """The verdict on both kinds of media."""
        return {"video": self.video.facts(), "audio": self.audio.facts()}
