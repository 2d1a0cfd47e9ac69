"""A real person to look for: Grace Hopper's portrait, in the public domain, out of matplotlib's sample data."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import av
import numpy as np
from attrs import frozen

from jackfield.media import still
from jackfield.testing import samples
from jackfield.values.media import VideoFrame


@frozen
class Scene:
    """A picture of her before a wall of grains, and which of its pixels are her face, and which are wall."""

    frame: VideoFrame
    face: tuple[slice, slice]
    wall: tuple[slice, slice]


def portrait() -> Any:
    """Pixels, (600, 512, 3)."""
    spec = importlib.util.find_spec("matplotlib")
    assert spec is not None
    assert spec.origin
    file = Path(spec.origin).parent / "mpl-data" / "sample_data" / "grace_hopper.jpg"
    return still.read(file, "portrait").to_ndarray()


def scene(width: int = 1280, height: int = 720, layout: str = "yuv420p", *, shift: int = 0) -> Scene:
    """She stands in the middle, as high as the picture or as wide; ``shift`` pixels aside."""
    person = portrait()
    scale = min(width / 512, height / 600)
    wide, high = int(512 * scale), int(600 * scale)
    grains = np.random.default_rng(5).integers(30, 220, (height // 4 + 1, width // 4 + 1, 1), dtype=np.uint8)
    pixels = np.repeat(np.kron(grains, np.ones((4, 4, 1), np.uint8))[:height, :width], 3, axis=2)
    small = av.VideoFrame.from_ndarray(person, format="rgb24").reformat(wide, high, "rgb24").to_ndarray()
    left = (width - wide) // 2 + shift
    pixels[height - high :, left : left + wide] = small
    top = height - high
    face = (slice(top + high * 5 // 20, top + high * 9 // 20), slice(left + wide * 8 // 20, left + wide * 12 // 20))
    wall = (slice(0, height // 2), slice(0, width // 8)) if left > width // 8 else (slice(0, top // 2), slice(0, width))
    frame = VideoFrame(av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format=layout), samples.START_NS)
    return Scene(frame, face, wall)


def grey(frame: VideoFrame) -> Any:
    """How bright each pixel is, as signed numbers."""
    return frame.to_ndarray(format="yuv420p")[: frame.height, : frame.width].astype(int)
