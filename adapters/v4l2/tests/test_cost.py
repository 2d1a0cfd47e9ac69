"""What one picture costs from the driver's buffer to an encoder's input: printed, and asserted of nothing."""

from __future__ import annotations

import time

import pytest
from jackfield_v4l2.pictures import Jpegs, Raw, Unpacks
from jackfield_v4l2.pixels import LAYOUTS
from jackfield_v4l2.stream import Shape
from jackfield_v4l2.structs import fourcc, fourcc_name
from jackfield_v4l2.testing.pictures import content, stride

from jackfield.media.libav.pictures import Pictures
from jackfield.values.media import VideoFrame

SIZE = (1280, 720)


def unpacks(code: int, output: str) -> Unpacks:
    if code == fourcc("MJPG"):
        return Jpegs(output)
    layout = LAYOUTS[code]
    return Raw(Shape(code, *SIZE, (stride(layout.pixel_format, SIZE[0]),)), layout, output)


@pytest.mark.bench
@pytest.mark.parametrize("name", ["YUYV", "UYVY", "NV12", "YU12", "RGB3", "GREY", "MJPG"])
@pytest.mark.parametrize("encoders", [1, 2])
def test_a_picture_is_made_ready(name: str, encoders: int) -> None:
    """720p, CPU time: converted by the adapter, once; or handed as it is, for each encoder to convert."""
    code = fourcc(name)
    parts = [memoryview(part) for part in content(code, *SIZE, keyframe=True)]
    own = "yuvj422p" if name == "MJPG" else LAYOUTS[code].pixel_format
    print(f"\n{fourcc_name(code)}, {encoders} encoder(s):", end="")
    for how, output in (("converted here", "yuv420p"), ("as it is", own)):
        source, ready = unpacks(code, output), [Pictures() for _ in range(encoders)]
        begun = time.process_time()
        for _ in range(200):
            frame = source.take(parts, 0)
            assert isinstance(frame, VideoFrame)
            for each in ready:
                each.take(frame.picture)
        print(f"  {how} {(time.process_time() - begun) / 0.2:.2f} ms", end="")
    print()
