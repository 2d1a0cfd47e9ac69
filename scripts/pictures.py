"""Draws the pictures of docs/the-call-on-screen.md: ``python -m scripts.pictures [FOLDER]``.

The page's own components in Chromium, over the painted call of framework/web/test/gallery, and the page itself before a
made-up camera, put together in sheets.
Needs Chromium and what `make setup` installs; takes about a minute.
"""

from __future__ import annotations

import asyncio
import base64
import functools
import http.server
import io
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
from playwright.sync_api import Browser, Page, Playwright, ViewportSize, sync_playwright

from jackfield.server.app import Server
from tests.lab.browser import FLAGS
from tests.lab.machine import ROOT, find_chromium
from tests.lab.web import WEB, build, link, serving

IMAGES = ROOT / "docs" / "images"
DESKTOP: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}
LAYOUTS = ("TILE", "SIDEBAR", "SPOTLIGHT")
PEOPLE = (1, 2, 5, 12, 50)
MOMENTS = {
    "A screen is shared, and the call recorded": "people=5&screen=1&recording=1",
    "Who is here, raised hands first": "people=12&hands=1&panel=people",
    "Chat and captions": "people=5&messages=1&panel=chat&captions=1&layout=SIDEBAR",
    "Alone for a minute": "people=1&idle=1",
    "What there is no button for": "people=5&hands=1&menu=1",
    "The connection is being found again": "people=5&reconnecting=1",
}
SETTLED_MS = 700  # pictures have been drawn, tiles have come to rest
SHEET = """async ({shots, columns, cell, ground, ink}) => {
  const [gap, caption] = [24, 40];
  const rows = Math.ceil(shots.length / columns);
  const canvas = document.createElement('canvas');
  canvas.width = gap + columns * (cell.width + gap);
  canvas.height = gap + rows * (cell.height + caption + gap);
  const pen = canvas.getContext('2d');
  pen.fillStyle = ground;
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.imageSmoothingQuality = 'high';
  pen.font = '600 20px system-ui, sans-serif';
  for (const [index, [title, address]] of shots.entries()) {
    const image = new Image();
    image.src = address;
    await image.decode();
    const left = gap + (index % columns) * (cell.width + gap);
    const top = gap + Math.floor(index / columns) * (cell.height + caption + gap);
    pen.drawImage(image, left, top + caption, cell.width, cell.height);
    pen.fillStyle = ink;
    pen.fillText(title, left, top + 26, cell.width);
  }
  return canvas.toDataURL('image/webp', 0.86).split(',')[1];
}"""


#: The made-up devices by names that people know.
NAMED = """
const list = navigator.mediaDevices.enumerateDevices.bind(navigator.mediaDevices);
const names = {videoinput: 'Webcam', audioinput: 'Microphone', audiooutput: 'Loudspeaker'};
navigator.mediaDevices.enumerateDevices = async () => (await list()).map(
  ({deviceId, groupId, kind}) => ({deviceId, groupId, kind, label: names[kind]}));
"""


def main(folder: Path = IMAGES) -> None:
    """Every sheet, into this folder."""
    with sync_playwright() as playwright, served_gallery() as address:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox"])
        for layout in LAYOUTS:
            views = {counted(people): f"people={people}&layout={layout}" for people in PEOPLE}
            name = f"call-{layout.lower()}"
            sheet(browser, folder / f"{name}.webp", shots(browser, address, views, DESKTOP, "light"), 3, DESKTOP)
            sheet(browser, folder / f"{name}-phone.webp", shots(browser, address, views, PHONE, "dark"), 5, PHONE)
        desktop = shots(browser, address, MOMENTS, DESKTOP, "dark")
        sheet(browser, folder / "call-moments.webp", desktop, 2, DESKTOP)
        short = dict(
            zip(
                ("A shared screen", "Who is here", "Chat", "Alone for a minute", "More", "Reconnecting"),
                MOMENTS.values(),
                strict=True,
            )
        )
        sheet(browser, folder / "call-moments-phone.webp", shots(browser, address, short, PHONE, "light"), 6, PHONE)
        person = painted(browser, address)
        with real_page() as server:
            before = at_the_page(playwright, link(server, "stand-up"), person, DESKTOP, "light")
            sheet(browser, folder / "call-devices.webp", before, 3, DESKTOP)
            small = at_the_page(playwright, link(server, "review"), person, PHONE, "dark")
            sheet(browser, folder / "call-devices-phone.webp", small, 3, PHONE)
        browser.close()


def counted(people: int) -> str:
    return "Alone" if people == 1 else f"{people} people"


@contextmanager
def served_gallery() -> Iterator[str]:
    """The gallery, built as the page is, at an address of this machine."""
    found = build().find_node()
    if not found:
        raise SystemExit(f"pictures: {build().NO_NODE}")
    build().install(*found)
    with tempfile.TemporaryDirectory() as made:
        vite = [found[0], WEB / "node_modules" / "vite" / "bin" / "vite.js", "build", WEB / "test" / "gallery"]
        subprocess.run(
            [*vite, "--outDir", made, "--emptyOutDir", "--logLevel", "warn"], cwd=WEB, check=True, timeout=60
        )
        handler = functools.partial(Quiet, directory=made)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/index.html"
        finally:
            server.shutdown()
            server.server_close()


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Files, without a line for each."""

    def log_message(self, format: str, *args: Any) -> None:
        pass


def shots(
    browser: Browser, address: str, views: dict[str, str], size: ViewportSize, scheme: Any
) -> list[tuple[str, bytes]]:
    """What each of these views of the gallery looks like in a window of this size, with its title."""
    is_phone = size is PHONE
    context = browser.new_context(
        viewport=size, color_scheme=scheme, reduced_motion="reduce", is_mobile=is_phone, has_touch=is_phone
    )
    page = context.new_page()
    taken = [(title, shot(page, f"{address}?title=Stand-up&{view}")) for title, view in views.items()]
    context.close()
    return taken


def shot(page: Page, address: str) -> bytes:
    page.goto(address)
    page.locator(".jf-tile").first.wait_for()
    if "menu=1" in address:
        page.get_by_role("button", name="More", exact=True).click()
    page.wait_for_timeout(SETTLED_MS)
    return page.screenshot()


# --- the real page, before a made-up camera -------------------------------------------------------------------------
def painted(browser: Browser, address: str) -> bytes:
    """A painted person, as a film of one picture that Chromium takes for its camera's (YUV4MPEG2)."""
    page = browser.new_page(viewport={"width": 1280, "height": 720}, reduced_motion="reduce")
    page.goto(f"{address}?people=1")
    page.locator(".jf-tile video").first.wait_for()
    page.wait_for_timeout(SETTLED_MS)
    page.add_style_tag(
        content="body * { visibility: hidden !important } .jf-tile video { visibility: visible !important }"
    )
    picture = page.locator(".jf-tile video").first.screenshot()
    page.close()
    with av.open(io.BytesIO(picture)) as file:
        frame = next(file.decode(video=0)).reformat(1280, 720, "yuv420p")
    return b"YUV4MPEG2 W1280 H720 F30:1 C420jpeg\n" + 2 * (b"FRAME\n" + frame.to_ndarray().tobytes())


@contextmanager
def real_page() -> Iterator[Server]:
    """A server on this machine, which serves the page."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    serving_it = serving(drain_s=0.1)
    server = asyncio.run_coroutine_threadsafe(serving_it.__aenter__(), loop).result(30)
    try:
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(serving_it.__aexit__(None, None, None), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)


def at_the_page(
    playwright: Playwright, address: str, film: bytes, size: ViewportSize, scheme: Any
) -> list[tuple[str, bytes]]:
    """Before joining; then the camera's menu and the settings, in the call."""
    is_phone = size is PHONE
    with tempfile.NamedTemporaryFile(suffix=".y4m", prefix="Camera") as file:
        file.write(film)
        file.flush()
        flags = [*FLAGS, f"--use-file-for-fake-video-capture={file.name}"]
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=flags)
        context = browser.new_context(
            viewport=size, color_scheme=scheme, reduced_motion="reduce", is_mobile=is_phone, has_touch=is_phone,
            permissions=["camera", "microphone"],
        )  # fmt: skip
        context.add_init_script(NAMED)
        page, taken = context.new_page(), []
        page.goto(address)
        page.get_by_label("Your name").fill("Ada Lovelace")
        page.get_by_label("Background").select_option("A little blurred")
        shown = "() => document.querySelector('.jf-preview video').getVideoPlaybackQuality().totalVideoFrames > 9"
        page.wait_for_function(shown)
        taken.append(("Before joining", page.screenshot()))
        page.get_by_role("button", name="Join", exact=True).click()
        page.locator(".jf-tile video").first.wait_for()
        page.get_by_role("button", name="Choose camera").click()
        page.wait_for_timeout(2 * SETTLED_MS)
        taken.append(("Camera and background", page.screenshot()))
        page.keyboard.press("Escape")
        page.get_by_role("button", name="More", exact=True).click()
        page.get_by_role("menuitem", name="Settings").click()
        page.wait_for_timeout(2 * SETTLED_MS)
        taken.append(("Settings", page.screenshot()))
        browser.close()
    return taken


def sheet(browser: Browser, path: Path, taken: list[tuple[str, bytes]], columns: int, size: ViewportSize) -> None:
    """The views side by side, with their titles, as one WebP file."""
    scale = 0.5 if size is DESKTOP and columns > 2 else 0.625 if size is DESKTOP else 0.75
    cell = {"width": round(size["width"] * scale), "height": round(size["height"] * scale)}
    data = [(title, f"data:image/png;base64,{base64.b64encode(picture).decode()}") for title, picture in taken]
    page = browser.new_page()
    look = {"ground": "#e4e9e6", "ink": "#17211e"}
    path.write_bytes(base64.b64decode(page.evaluate(SHEET, {"shots": data, "columns": columns, "cell": cell, **look})))
    page.close()
    print(f"{path.name}: {path.stat().st_size / 1024:.0f} KiB", flush=True)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
