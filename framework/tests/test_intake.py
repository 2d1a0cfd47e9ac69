"""What plugins deliver is looked at before anything is made of it: nonsense is left out, and the track goes on."""

from __future__ import annotations

import asyncio
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from attrs import evolve

from jackfield.media.resample import Resampler
from jackfield.plugins.devices import Found, Wish
from jackfield.session.hotplug import HotPlug
from jackfield.session.intake import Intake, strange
from jackfield.testing import samples
from jackfield.values.devices import Device, DeviceChange
from jackfield.values.errors import SettingsError
from jackfield.values.media import AudioBlock, EncodedFrame

SOUND = AudioBlock(np.zeros((480, 1), np.int16))
PICTURE = samples.picture(0, 320, 180)
NOTHING: Any = None


@pytest.mark.parametrize(
    ("media", "kind"),
    [
        (None, "video"),
        (5, "audio"),
        (SOUND, "video"),
        (PICTURE, "audio"),
        (evolve(SOUND, samples=np.zeros(480, np.int16)), "audio"),
        (evolve(SOUND, samples=np.zeros((480, 1), np.float32)), "audio"),
        (evolve(SOUND, samples=NOTHING), "audio"),
        (evolve(SOUND, rate=0), "audio"),
        (evolve(SOUND, rate=7), "audio"),
        (evolve(SOUND, rate=True), "audio"),
        (evolve(SOUND, rate=48_000.5), "audio"),  # type: ignore[arg-type]
        (evolve(SOUND, rate=float("nan")), "audio"),  # type: ignore[arg-type]
        (evolve(SOUND, rate="48000"), "audio"),  # type: ignore[arg-type]
        (evolve(SOUND, time_ns=True), "audio"),
        (evolve(PICTURE, time_ns=1.5e9), "video"),  # type: ignore[arg-type]
        (evolve(SOUND, time_ns=NOTHING), "audio"),
        (AudioBlock(np.zeros((48_000 * 100, 1), np.int16)), "audio"),
        (evolve(PICTURE, picture=NOTHING), "video"),
        (evolve(PICTURE, time_ns=NOTHING), "video"),
        (EncodedFrame(b"", "H264", True), "video"),
        (EncodedFrame(NOTHING, "H264", True), "video"),
    ],
)
def test_what_is_no_media_of_the_kind_is_left_out(media: Any, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    """It is named once, and what comes after it is taken."""
    assert strange(media, kind)
    taken: list[Any] = []
    intake = Intake(kind, taken.append)
    intake.open, intake.raw = True, type("Raw", (), {"put": staticmethod(taken.append)})()  # type: ignore[assignment]
    good = SOUND if kind == "audio" else PICTURE
    for each in (media, media, good):
        intake.deliver(each)
    assert taken == [good]
    assert caplog.text.count("it is left out") == 1


@pytest.mark.parametrize("media", [(SOUND, "audio"), (PICTURE, "video"), (EncodedFrame(b"x", "H264", True), "video")])
def test_media_is_not_strange(media: tuple[Any, str]) -> None:
    """What devices really give passes."""
    assert strange(*media) is None


@pytest.mark.parametrize(
    ("media", "kind"),
    [
        (evolve(SOUND, rate=np.int32(16_000), time_ns=np.int64(5)), "audio"),  # type: ignore[arg-type]
        (evolve(SOUND, rate=16_000.0), "audio"),  # type: ignore[arg-type]
        (evolve(SOUND, rate=Fraction(16_000)), "audio"),  # type: ignore[arg-type]
        (evolve(PICTURE, time_ns=np.int64(5)), "video"),  # type: ignore[arg-type]
        (EncodedFrame(b"x", "H264", True, time_ns=np.int64(5)), "video"),  # type: ignore[arg-type]
    ],
)
def test_numbers_of_any_type_are_taken_as_those_of_formats_are(media: Any, kind: str) -> None:
    """Plugins compute with numpy and whole floats; libraries behind the intake refuse those, so they are made plain."""
    taken: list[Any] = []
    intake = Intake(kind, taken.append)
    intake.open, intake.raw = True, type("Raw", (), {"put": staticmethod(taken.append)})()  # type: ignore[assignment]
    intake.deliver(media)
    (plain,) = taken
    assert type(plain.time_ns) is int
    if kind == "audio":
        assert (type(plain.rate), plain.duration_ns) == (int, 30_000_000)
        assert len(Resampler(rate=48_000, channels=1).convert(plain)) > 0


async def test_a_change_that_is_none_is_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    """A driver may call back with anything; the next real change is heard."""
    plugins: Any = type("None_", (), {"captures": [], "playbacks": [], "devices": staticmethod(lambda kind: [])})()
    told: list[Any] = []
    hotplug = HotPlug(plugins, told.append)
    heard: list[DeviceChange] = []
    hotplug.on_change(heard.append)
    real = DeviceChange("added", Device("x:1", "camera", "X"))
    odd: list[Any] = [None, "added", DeviceChange("added", NOTHING), DeviceChange("added", Device("x:2", NOTHING, "X"))]
    for change in (*odd, real):
        hotplug._changed(change)
    async with asyncio.timeout(5):
        while not told:
            await asyncio.sleep(0.01)
    assert heard == [real]
    assert caplog.text.count("which is no change of a device") == len(odd)
    await hotplug.close()


@pytest.mark.parametrize("wish", [5, b"x", [None], [5], True, object(), "", [""], "x" * 5000])
def test_a_wish_of_a_wrong_type_is_a_finding(wish: Any) -> None:
    """It says what a wish may be, and does not repeat a book."""
    with pytest.raises(SettingsError, match="it is an id, a label, an address") as caught:
        Wish("camera", [Found(Device("x:1", "camera", "X"), None, "x")]).grant(wish)
    assert len(str(caught.value)) < 400
