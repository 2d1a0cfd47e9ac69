"""The renderer that draws nothing keeps the contract of those that do."""

from __future__ import annotations

from jackfield_render_headless.options import Options
from jackfield_render_headless.plugin import plugin

from jackfield.testing import FakeCall, FakeTrack, samples
from jackfield.testing.contracts.plugin import PluginContract
from jackfield.testing.contracts.renderer import RendererContract


class TestPlugin(PluginContract):
    """It loads, is named and is configured as plugins are."""

    plugin = plugin


class TestCountingRenderer(RendererContract):
    """Told to count, it takes tracks as any renderer does."""

    plugin = plugin
    options = {"count": True}


async def opened(call, **options):
    """The renderer on this call."""
    (factory,) = plugin.register_renderers(Options(**options))
    return await factory.open(call, None)


async def test_as_it_comes_it_takes_nothing_and_shows_nothing():
    """No track is taken and no event listened to, so that nothing is decoded for it."""
    call = FakeCall()
    track = call.subscribe(FakeTrack())
    renderer = await opened(call)
    assert renderer.view is None
    assert (track.encoded, track.decoded, call.listeners) == ([], [], 0)
    await renderer.close()


async def test_it_counts_encoded_frames_when_told_to():
    """By whose they are and where they come from, and never by decoding them."""
    call = FakeCall()
    renderer = await opened(call, count=True)
    track = call.subscribe(FakeTrack())
    for frame in samples.encoded("VP8", 3):
        track.feed(frame)
    assert track.decoded == []
    assert renderer.frames == {("ada", "camera"): 3}
    call.unsubscribe(track)
    track.feed(frame)
    assert renderer.frames == {("ada", "camera"): 3}
    await renderer.close()
