"""What drawing costs beside decoding: four H.264 streams of 720p30, decoded alone, and decoded and drawn."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence

import av
import pytest

from jackfield.testing import samples
from jackfield.testing.fake_call import FakeCall
from jackfield.testing.fakes import FakeTrack
from jackfield.values.media import EncodedFrame, VideoFrame

STREAMS, FPS, SECONDS, WARM_S = 4, 30, 8.0, 2.0

pytestmark = [pytest.mark.needs("qt"), pytest.mark.bench]


@pytest.mark.timeout(120)
async def test_drawing_four_streams_beside_decoding_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prints the share of a core of each; every picture that was decoded is drawn while the machine keeps up."""
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    from jackfield_render_qt.plugin import plugin
    from PySide6.QtWidgets import QApplication

    app = QApplication.instance() or QApplication([])
    frames = samples.encoded("H264", 3 * FPS, width=1280, height=720)
    call = FakeCall()
    tracks = []
    for number in range(STREAMS):
        call.join(f"guest-{number}")
        tracks.append(call.send(f"guest-{number}"))
    alone, _ = await measured(tracks, frames)
    call.enable_picture_in_picture_layout()  # nothing but tiles; and then four of them
    (factory,) = plugin.register_renderers(plugin.options())
    renderer = await factory.open(call, None)
    view = renderer.view
    assert view is not None
    view.resize(1324, 880)
    view.show()
    call.disable_picture_in_picture_layout()
    view.look()
    made = view.stage.pictures
    both, fed = await measured(tracks, frames)
    drawn = view.stage.pictures - made
    tile = view.stage.tiles["guest-0"].size()
    await renderer.close()
    where = f"{STREAMS} × 720p{FPS} H.264, tiles of {tile.width()}x{tile.height()}"
    print(f"\n{where}: decoding {alone:.1%} of a core, decoding and drawing {both:.1%}, so drawing {both - alone:.1%}")
    print(f"{drawn} pictures made for tiles, of {fed} decoded")
    assert app is not None
    assert drawn > 0


async def measured(tracks: Sequence[FakeTrack], frames: Sequence[EncodedFrame]) -> tuple[float, int]:
    """The share of a core that this process takes while the tracks are decoded and fed, and how many pictures came."""
    loop, over, fed = asyncio.get_running_loop(), threading.Event(), [0]

    def feed(track: FakeTrack, frame: VideoFrame) -> None:
        fed[0] += 1
        track.feed(frame)

    def decode(track: FakeTrack) -> None:
        decoder = av.CodecContext.create("h264", "r")
        decoder.thread_count = 1
        due, at = time.monotonic(), 0
        while not over.is_set():
            for picture in decoder.decode(av.Packet(frames[at % len(frames)].data)):
                loop.call_soon_threadsafe(feed, track, VideoFrame(picture))
            at += 1
            due += 1 / FPS
            over.wait(max(0.0, due - time.monotonic()))

    threads = [threading.Thread(target=decode, args=(track,)) for track in tracks]
    for thread in threads:
        thread.start()
    await asyncio.sleep(WARM_S)
    before, began, count = time.process_time(), time.monotonic(), fed[0]
    await asyncio.sleep(SECONDS)
    share = (time.process_time() - before) / (time.monotonic() - began)
    count = fed[0] - count
    over.set()
    for thread in threads:
        thread.join()
    await asyncio.sleep(0.1)
    return share, count
