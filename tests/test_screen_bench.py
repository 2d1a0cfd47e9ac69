"""The screen of a Python participant: how old a picture is when the browser has it, and what the process spends."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

import numpy as np
import pytest
from playwright.async_api import Page

from tests.lab.browser import Chromium
from tests.lab.machine import ROOT
from tests.lab.web import KEY, SECRET, serving, watch_picture

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.bench]
SECONDS = 10.0
#: A participant in a process of its own; what it prints: its screen's address, then CPU seconds for each line read.
PARTICIPANT = """
import asyncio, json, sys, time
from jackfield import Calls, Place

async def main(url, key, secret, uid, does):
    media = {"camera": "none", "microphone": "none", "speaker": "none"}
    if does == "send":
        video = {"width": 1280, "height": 720, "fps": 30, "max_bitrate_bps": 2_000_000}
        media |= {"camera": "synthetic:card-front", "video": video}
    async with Calls(Place(url, key, secret), remember=False) as calls:
        await calls.login(uid)
        shown = {"renderers": ["render-web"]} if does == "show" else {}
        call = await calls.join_session(session_id="s", settings=media | shown)
        print(json.dumps(call.view if does == "show" else ""), flush=True)
        async def decode():
            while "bob" not in call.participants:
                await asyncio.sleep(0.05)
            async for frame in call.participants["bob"].video.frames():
                pass
        task = asyncio.create_task(decode()) if does == "decode" else None
        while await asyncio.to_thread(sys.stdin.readline):
            print(json.dumps(time.process_time()), flush=True)

asyncio.run(main(*sys.argv[1:]))
"""
#: Reads the card's barcode out of each picture that the video element presents, and keeps when it was made and shown.
READER = """
(video) => {
  const [columns, rows] = [26, 4];
  const canvas = new OffscreenCanvas(columns * 5, rows * 5);
  const pen = canvas.getContext('2d', { willReadFrequently: true });
  window.seen = [];
  const look = (now, { presentationTime }) => {
    const [width, height] = [video.videoWidth, video.videoHeight];
    const from = [3 * width / 32, 15 * height / 20, columns * width / 32, rows * height / 20];
    pen.drawImage(video, ...from, 0, 0, columns * 5, rows * 5);
    const { data } = pen.getImageData(0, 0, columns * 5, rows * 5);
    let bits = 0n;
    for (let row = 0; row < rows; row++)
      for (let column = 0; column < columns; column++)
        bits = (bits << 1n) | BigInt(data[4 * ((row * 5 + 2) * columns * 5 + column * 5 + 2)] > 122);
    seen.push([Number((bits >> 16n) & 0xffffffffffffn), presentationTime, performance.now()]);
    video.requestVideoFrameCallback(look);
  };
  video.requestVideoFrameCallback(look);
}
"""


class Process:
    """One participant, until `end`."""

    def __init__(self, process: asyncio.subprocess.Process, view: str) -> None:
        self._process, self.view = process, view

    @classmethod
    async def start(cls, url: str, uid: str, does: str) -> Process:
        arguments = [sys.executable, "-c", PARTICIPANT, url, KEY, SECRET, uid, does]
        pipes: dict[str, Any] = {"stdin": asyncio.subprocess.PIPE, "stdout": asyncio.subprocess.PIPE, "cwd": ROOT}
        process = await asyncio.create_subprocess_exec(*arguments, **pipes)
        assert process.stdout
        return cls(process, json.loads(await asyncio.wait_for(process.stdout.readline(), 30)))

    async def cpu_s(self) -> float:
        """What it has spent."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(b"\n")
        return float(await self._process.stdout.readline())

    async def share(self) -> float:
        """Its share of a core over the time that is measured."""
        before, began = await self.cpu_s(), time.monotonic()
        await asyncio.sleep(SECONDS)
        return (await self.cpu_s() - before) / (time.monotonic() - began)

    async def end(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        assert await asyncio.wait_for(self._process.wait(), 10) == 0


async def clocks(page: Page) -> float:
    """What to add to the page's ``performance.now()`` for this machine's monotonic clock, in ms; good to half the least
    of the round trips."""
    found = []
    for _ in range(50):
        before = time.monotonic() * 1000
        there = await page.evaluate("performance.now()")
        after = time.monotonic() * 1000
        found.append((after - before, (before + after) / 2 - there))
    return min(found)[1]


@pytest.mark.timeout(180)
async def test_a_screen_costs_less_than_decoding(chromium: Chromium) -> None:
    """Prints delays from the source's clock in the picture, and CPU beside a participant that decodes the same."""
    async with serving(drain_s=0.1) as server:
        sender = await Process.start(server.url, "bob", "send")
        shares = {}
        for does in ("receive", "decode"):
            other = await Process.start(server.url, "ada", does)
            await asyncio.sleep(3)
            shares[does] = await other.share()
            await other.end()
        ada = await Process.start(server.url, "ada", "show")
        page = await chromium.context.new_page()
        await page.goto(ada.view)
        assert await watch_picture(page, "bob", frames=60) == (1280, 720)
        video = page.locator(".jf-tile").filter(has_text="bob").locator("video")
        offset = await clocks(page)
        await video.evaluate(READER)
        shares["show"] = await ada.share()
        seen = np.array(await page.evaluate("() => seen"))
        await page.close()
        await ada.end()
        await sender.end()
    made, shown, read = seen.T
    delays = [np.percentile(each + offset - made / 1000, (50, 95, 99)).round(1) for each in (shown, read)]
    print(f"\n720p30, {len(seen) / SECONDS:.1f} pictures a second read off the page")
    print(f"source's clock → presented, p50 p95 p99: {delays[0]} ms; → its pixels in a canvas: {delays[1]} ms")
    print(", ".join(f"{does}: {share:.1%} of a core" for does, share in shares.items()))
    assert len(seen) > SECONDS * 10
    assert 0 < delays[1][0] < 1000
