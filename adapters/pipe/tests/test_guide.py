"""What the guide shows with ffmpeg and GStreamer is run as it stands there."""

from __future__ import annotations

import tomllib

import pytest
from jackfield_pipe.driver import PipeDriver

from jackfield.plugins import Config
from jackfield.plugins.loader import load
from jackfield.testing.fakes import FakeSink
from jackfield.values.formats import AudioFormat, VideoFormat
from jackfield.values.media import AudioBlock, EncodedFrame, VideoFrame
from tests.test_docs import blocks
from tests.test_house_rules import ROOT

PAGES = (ROOT / "docs" / "pi-and-ip-cameras.md", ROOT / "adapters" / "pipe" / "README.md")
WISH = VideoFormat(320, 180, 15.0)


def shown(name: str) -> PipeDriver:
    """The driver of one table that the pages show."""
    tables: dict = {}
    for page in PAGES:
        for block in blocks(page, "toml"):
            tables |= tomllib.loads(block.text).get("pipe", {})
    (loaded,) = load(Config(tables={"pipe": {name: tables[name] | {"timeout_s": 8}}}), only={"pipe"}).loaded
    return PipeDriver(loaded.options)


@pytest.mark.parametrize(
    ("name", "wish", "kind"),
    [
        pytest.param(
            "ffmpeg", VideoFormat(320, 180, 15.0, codec="H264"), EncodedFrame, marks=pytest.mark.needs("ffmpeg")
        ),
        pytest.param("ffmpeg", WISH, VideoFrame, marks=pytest.mark.needs("ffmpeg")),
        pytest.param("test", WISH, VideoFrame, marks=pytest.mark.needs("ffmpeg")),
        pytest.param("gst", WISH, VideoFrame, marks=pytest.mark.needs("gst-launch")),
        pytest.param("tone", AudioFormat(), AudioBlock, marks=pytest.mark.needs("ffmpeg")),
    ],
)
def test_what_is_shown_runs(name, wish, kind):
    """Media of the size that was wished for comes, in its form, and goes on."""
    driver = shown(name)
    capture, sink = driver.open(driver.devices()[0], wish), FakeSink()
    capture.start(sink)
    try:
        media = sink.wait(20, 15)
    finally:
        capture.stop()
    assert len(media) >= 20
    assert all(isinstance(item, kind) for item in media)
    if isinstance(wish, VideoFormat):
        assert (capture.format.width, capture.format.height) == (320, 180)


def test_the_cameras_that_are_shown_can_be_read():
    """Their tables hold; on a machine without the program they are unusable, and not an error."""
    (device,) = shown("front").devices()
    assert (device.id, device.facing) == ("pipe:front", "front")
    assert device.state in ("ready", "unusable")
