"""A device is asked for the mode that suits the wish and costs least, encoded where it can be sent as it is."""

from __future__ import annotations

import pytest

from jackfield.media.negotiation import nearest, passthrough_mode
from jackfield.values.formats import AudioFormat, VideoFormat


def raw(width: int, height: int, fps: float, pixel_format: str) -> VideoFormat:
    return VideoFormat(width, height, fps, pixel_format)


def h264(width: int, height: int, fps: float = 30.0) -> VideoFormat:
    return VideoFormat(width, height, fps, codec="H264")


#: What an ordinary USB camera has: raw while the bus can carry it, MJPEG beyond.
WEBCAM = (
    raw(640, 480, 30, "yuyv422"),
    raw(1280, 720, 10, "yuyv422"),
    raw(640, 480, 30, "mjpeg"),
    raw(1280, 720, 30, "mjpeg"),
    raw(1920, 1080, 30, "mjpeg"),
)
SMART = (*WEBCAM, h264(640, 480), h264(1280, 720), h264(1920, 1080))


@pytest.mark.parametrize(
    ("wish", "found"),
    [
        (VideoFormat(1280, 720, 30), raw(1280, 720, 30, "mjpeg")),
        (VideoFormat(640, 480, 30), raw(640, 480, 30, "yuyv422")),
        (VideoFormat(1280, 720, 10), raw(1280, 720, 10, "yuyv422")),
        (VideoFormat(3840, 2160, 30), raw(1920, 1080, 30, "mjpeg")),
        (VideoFormat(320, 240, 15), raw(640, 480, 30, "yuyv422")),
        (VideoFormat(1234, 568, 13), raw(1280, 720, 10, "yuyv422")),
        (VideoFormat(1280, 720, 30, codec="H264"), None),
    ],
)
def test_the_nearest_mode_is_the_one_that_a_person_would_take(wish: VideoFormat, found: VideoFormat | None) -> None:
    """Size and rate first; of equal ones, the layout that costs least."""
    assert nearest(WEBCAM, wish) == found


def test_encoded_modes_count_where_they_are_wanted_or_nothing_else_is_there() -> None:
    """A camera that gives H.264 alone still gives pictures: its driver decodes."""
    assert nearest(SMART, VideoFormat(1280, 720, 30)) == raw(1280, 720, 30, "mjpeg")
    assert nearest(SMART, VideoFormat(1280, 720, 30, codec="H264")) == h264(1280, 720)
    assert nearest((h264(1280, 720),), VideoFormat(640, 480, 30)) == h264(1280, 720)
    assert nearest((AudioFormat(),), VideoFormat()) is None


@pytest.mark.parametrize(
    ("wish", "codecs", "found"),
    [
        (VideoFormat(), ("H264", "VP8"), h264(1280, 720)),
        (VideoFormat(), ("VP8",), None),
        (VideoFormat(), (), None),
        (VideoFormat(640, 360, 24), ("H264",), h264(640, 480)),
        (VideoFormat(320, 180), ("H264",), None),
        (VideoFormat(1280, 720, 10), ("H264",), None),
    ],
)
def test_what_a_camera_encoded_is_sent_as_it_is_where_it_fits(
    wish: VideoFormat, codecs: tuple[str, ...], found: VideoFormat | None
) -> None:
    """Of a codec that the call takes, and neither much larger, smaller, faster nor slower than wished for."""
    assert passthrough_mode(SMART, wish, codecs) == found
