"""Two browsers and a robot on one server: a machine that is busy, and a path that is narrow for a while."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from playwright.async_api import Page

from jackfield import Calls, Place, tokens
from jackfield.plugins import Config, load
from jackfield.server.sfu import Sfu
from tests.lab.browser import Launch
from tests.lab.netns import Network, end
from tests.test_sfu_browser import KEYS, sfu, two_pages

__all__ = ["sfu"]

pytestmark = [
    pytest.mark.own_network, pytest.mark.soak, pytest.mark.needs("chromium", "bottleneck"), pytest.mark.timeout(300),
]  # fmt: skip

SEEN = """async () => {
  const found = {};
  for (const one of room.remoteParticipants.values())
    for (const publication of one.videoTrackPublications.values())
      (await publication.track?.receiver?.getStats())?.forEach((s) => {
        if (s.type === 'inbound-rtp') found[one.identity] = [s.framesDecoded ?? 0, s.frameHeight ?? 0];
      });
  return found;
}"""


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """So many processes that do nothing as fast as they can."""
    with ExitStack() as stack:
        for _ in range(processes):
            process = stack.enter_context(subprocess.Popen([sys.executable, "-c", "while True: pass"]))
            stack.callback(end, process)
        yield


@contextmanager
def narrow(network: Network, rate: str) -> Iterator[None]:
    """What the server sends goes through a bottleneck with a queue of a second."""
    network.here.run("tc", "qdisc", "add", "dev", "cable", "root", "tbf", "rate", rate, "burst", "15k", "latency", "1s")
    try:
        yield
    finally:
        network.here.run("tc", "qdisc", "del", "dev", "cable", "root")


async def pictures(pages: Sequence[Page], seconds: float) -> list[dict[str, tuple[int, int]]]:
    """For each page: of whom it showed how many pictures in this time, and how high the last one was."""
    before = [await page.evaluate(SEEN) for page in pages]
    await asyncio.sleep(seconds)
    after = [await page.evaluate(SEEN) for page in pages]
    return [
        {who: (frames - old.get(who, [0])[0], height) for who, (frames, height) in new.items()}
        for old, new in zip(before, after, strict=True)
    ]


async def until(pages: Sequence[Page], height: int, limit_s: float = 30, people: int = 1) -> float:
    """Seconds until each page shows so many people this high, moving."""
    started = time.monotonic()
    seen: list[dict[str, Any]] = []
    while time.monotonic() - started < limit_s:
        seen = await pictures(pages, 2)
        if all(len(each) == people and all(n > 10 and h >= height for n, h in each.values()) for each in seen):
            return time.monotonic() - started
    raise AssertionError(seen)


async def test_a_busy_machine_stops_nobody_and_a_narrow_path_is_found_and_left(
    network: Network, launch_chromium: Launch, sfu: tuple[Sfu, str]
) -> None:
    """Browsers on a busy machine report a fraction of their path, and nobody is paused for it (before: for 18 s).

    800 kbit/s for both: each keeps a moving picture. When the path is wide again, everybody is seen in full.
    """
    _, url = sfu
    pages = await two_pages(network, launch_chromium, url)
    for page in pages:
        await page.evaluate("camera({videoCodec: 'vp8', simulcast: true})")
    calls = Calls(Place(url, "key", KEYS["key"]), plugins=load(Config()), remember=False)
    here = tokens.mint_call_token("key", KEYS["key"], uid="robot", name="Robot", session_id="room")
    try:
        await calls.join_session(
            call_token=here, settings={"camera": "synthetic:card-front", "microphone": "none", "speaker": "none"}
        )
        await until(pages, 720, people=2)
        with busy(4):
            for seen in [await pictures(pages, 5) for _ in range(6)]:
                print(f"busy: {seen}")
                assert all(frames > 10 for each in seen for frames, _ in each.values()), seen
        with narrow(network, "800kbit"):
            await asyncio.sleep(6)
            for seen in [await pictures(pages, 4) for _ in range(4)]:
                print(f"narrow: {seen}")
                assert all(max(frames for frames, _ in each.values()) > 20 for each in seen), seen
        print(f"wide again: everybody in full after {await until(pages, 720, 60, people=2):.0f} s")
    finally:
        await calls.close()


async def test_a_picture_in_one_layer_becomes_as_small_as_the_path_of_who_watches(
    network: Network, launch_chromium: Launch, sfu: tuple[Sfu, str]
) -> None:
    """A browser's of a thousand kbit/s, over a path of 300: after a few seconds it moves, smaller, and it is whole
    again when the path is wide (before: nothing was seen while it was narrow)."""
    _, url = sfu
    pages = await two_pages(network, launch_chromium, url)
    await pages[0].evaluate("camera({videoCodec: 'vp8', simulcast: false})")
    await until(pages[1:], 720)
    with narrow(network, "300kbit"):
        await asyncio.sleep(12)
        for seen in [await pictures(pages[1:], 5) for _ in range(5)]:
            print(f"narrow: {seen}")
            assert all(frames > 20 for each in seen for frames, _ in each.values()), seen
    print(f"wide again: whole after {await until(pages[1:], 720, 90):.0f} s")
