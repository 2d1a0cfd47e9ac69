"""Processors kept fit to the device or program that feeds a publication."""

from __future__ import annotations

from typing import Any

import pytest

from jackfield.media.far_end import FarEnd
from jackfield.plugins import Config, Plugins
from jackfield.plugins.loader import LoadedPlugin
from jackfield.session.feed import Feed
from jackfield.session.fitting import Fitting, Heed
from jackfield.session.sources import AudioSource, VideoSource
from jackfield.testing import FakeProcessorFactory, samples
from jackfield.testing.timers import ManualTimers
from jackfield.values.devices import Device
from jackfield.values.formats import AudioFormat, VideoFormat
from jackfield.values.settings import SessionSettings

ONE, TWO = (Device(f"grey:{each}", "microphone", each) for each in ("one", "two"))
CLEAN = Device("grey:line", "microphone", "A line", clean=True)
CAMERA = Device("grey:camera", "camera", "A camera")


def fitting(factory: Any, kind: Any = "audio") -> tuple[Fitting, Any]:
    loaded = LoadedPlugin("fake", "1", factory, None, {}, {"register_processors": (factory,)})
    plugins = Plugins(Config(), (loaded,), (), ())
    return Fitting(kind, SessionSettings(), plugins, Heed(), far_end=FarEnd(), clock=ManualTimers()), plugins


def feed(device: Device) -> Feed:
    return Feed(AudioFormat() if device.kind == "microphone" else VideoFormat(320, 180), device=device)


async def test_another_microphone_has_processors_of_its_own() -> None:
    """The same one keeps those it has; the former are closed between two blocks."""
    factory = FakeProcessorFactory("all")
    mine, _ = fitting(factory)
    await mine.to(feed(ONE))
    await mine.to(feed(ONE))
    assert mine.listens
    assert len(factory.opened) == 1
    mine.treatment.apply(samples.block(0, ptime_ms=10))
    await mine.to(feed(TWO))
    mine.treatment.apply(samples.block(1, ptime_ms=10))
    assert [each.closed for each in factory.opened] == [True, False]
    mine.close()
    assert factory.opened[1].closed


async def test_clean_sound_passes_and_is_listened_to() -> None:
    """A made-up microphone is sent bit for bit, and still noticed when it is silent."""
    factory = FakeProcessorFactory("all")
    mine, _ = fitting(factory)
    await mine.to(feed(CLEAN))
    block = samples.block(0, ptime_ms=20)
    assert mine.treatment.apply(block) == [block]
    assert mine.listens
    assert factory.opened == []


@pytest.mark.parametrize("process", [False, True])
async def test_a_programs_sound_is_treated_where_it_asks_for_it(process: bool) -> None:
    """A bot's voice is its own affair; a program that reads a microphone says so."""
    factory = FakeProcessorFactory("all")
    mine, _ = fitting(factory)
    source = AudioSource(process=process)
    await mine.to(Feed(source.format, source=source))
    assert mine.listens is process
    assert len(factory.opened) == process


async def test_what_a_camera_has_encoded_is_not_decoded_for_it() -> None:
    """And the choice says so."""
    factory = FakeProcessorFactory("turn", kind="video", does=("rotate",))
    mine, plugins = fitting(factory, "video")
    encoded = feed(CAMERA)
    encoded.format = VideoFormat(320, 180, codec="H264")
    await mine.to(encoded)
    assert factory.opened == []
    (choice,) = plugins.explain()
    assert str(choice).startswith("processor rotate: nothing: grey:camera is sent in H264 as it encodes")
    await mine.to(feed(CAMERA))
    assert len(factory.opened) == 1


async def test_a_programs_pictures_are_its_own() -> None:
    """No processor touches them."""
    factory = FakeProcessorFactory("turn", kind="video", does=("rotate",))
    mine, _ = fitting(factory, "video")
    source = VideoSource(320, 180)
    await mine.to(Feed(source.format, source=source))
    assert factory.opened == []
