"""Which GPU is used, and which PyAV it takes."""

from __future__ import annotations

import av
import pytest
from jackfield_vaapi.card import codecs
from jackfield_vaapi.options import Options

from jackfield.values.formats import VideoEncoding


def test_the_gpu_that_was_named_is_looked_for() -> None:
    """And pictures are uploaded to it."""
    h264, *_ = codecs(Options(device="/dev/dri/renderD199"))
    assert "/dev/dri/renderD199 is not there" in h264.lacks()
    assert h264.tuning.device.path == "/dev/dri/renderD199"
    options = h264.tuning.options(VideoEncoding("H264", 640, 480))
    assert (options["profile"], options["rc_mode"]) == ("constrained_baseline", "CBR")
    assert "low_power" not in options


def test_it_says_which_pyav_it_needs() -> None:
    """Where this one has no VA-API."""
    if "h264_vaapi" in av.codecs_available:
        pytest.skip("this PyAV has VA-API. To run it: a wheel of PyAV")
    h264, *_ = codecs(Options())
    assert "was built without vaapi; no wheel of PyAV has VA-API: build it against an FFmpeg 8 that has" in h264.lacks()
