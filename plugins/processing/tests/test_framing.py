"""Pictures cropped, turned and mirrored, by content; and which camera they are done for."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from attrs import evolve
from jackfield_processing.framing import Framing
from jackfield_processing.options import Crop, Options
from jackfield_processing.plugin import plugin

from jackfield import Device
from jackfield.plugins import Config, load, open_processors
from jackfield.testing import samples
from jackfield.values.media import VideoFrame
from jackfield.values.settings import SessionSettings

CAMERA = Device("synthetic:card-front", "camera", "A camera")
OTHER = Device("synthetic:card-rear", "camera", "Another camera")
WIDTH, HEIGHT = 64, 48
#: Each block of two by two pixels has a brightness of its own, so that no turn looks like another.
LUMA = np.kron(np.arange(WIDTH * HEIGHT // 4).reshape(HEIGHT // 2, WIDTH // 2) * 7 % 200 + 20, np.ones((2, 2))).astype(
    np.uint8
)


def frame(luma: Any = LUMA, rotation: Any = 0) -> VideoFrame:
    chroma = np.full((luma.shape[0] // 2, luma.shape[1]), 128, np.uint8)
    made = VideoFrame.from_ndarray(np.concatenate([luma, chroma]), format="yuv420p", time_ns=77)
    return evolve(made, rotation=rotation)


def luma(made: VideoFrame) -> Any:
    return made.to_ndarray(format="yuv420p")[: made.height]


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_pictures_are_turned_clockwise(degrees: int) -> None:
    """As a sheet of paper would be; the instant stays."""
    made = Framing(rotate=degrees).process(frame())
    assert np.array_equal(luma(made), np.rot90(LUMA, -degrees // 90))
    assert made.time_ns == 77
    assert made.rotation == 0


@pytest.mark.parametrize("said", [90, 180, 270])
@pytest.mark.parametrize("asked", [0, 90, 270])
def test_a_picture_that_says_its_rotation_comes_out_upright(said: int, asked: int) -> None:
    """What the camera says and what the options ask for add up, and nothing is left to be said."""
    made = Framing(rotate=asked, mirror=True).process(frame(rotation=said))
    assert np.array_equal(luma(made), np.rot90(LUMA, -(said + asked) // 90)[:, ::-1])
    assert made.rotation == 0


def test_a_part_is_cut_out_and_mirrored() -> None:
    """By the pixels that the camera gives, then turned, then mirrored as it is seen."""
    made = Framing(crop=Crop(32, 16, 8, 4), rotate=180, mirror=True).process(frame())
    assert np.array_equal(luma(made), np.rot90(LUMA[4:20, 8:40], 2)[:, ::-1])


def test_a_part_beyond_the_picture_is_what_there_is_of_it() -> None:
    """A camera that was swapped for a smaller one is cropped as far as it goes."""
    made = Framing(crop=Crop(640, 480, 32, 16)).process(frame())
    assert np.array_equal(luma(made), LUMA[16:, 32:])


def test_nothing_to_do_costs_nothing() -> None:
    """The very same frame."""
    given = frame()
    assert Framing().process(given) is given


def test_each_camera_has_its_own() -> None:
    """By id, or "*" for every one; who is not named is passed over with the reason."""
    tables = {"processing": {"rotate": {CAMERA.id: 180}, "crop": {"*": "32x16+0+0"}}}
    plugins = load(Config(tables=tables), only={plugin.name})
    (mine,) = open_processors(plugins, "video", CAMERA, SessionSettings())
    assert mine.does == ("crop", "rotate")
    (other,) = open_processors(plugins, "video", OTHER, SessionSettings())
    assert other.does == ("crop",)
    told = [str(choice) for choice in plugins.explain() if choice.asked == "processor rotate"]
    assert "[processing] rotate does not name synthetic:card-rear" in told[0]
    assert open_processors(plugins, "video", None, SessionSettings()) == []


@pytest.mark.parametrize(
    ("options", "word"),
    [({"rotate": {"*": 45}}, "45"), ({"crop": {"*": "10x10"}}, "WIDTHxHEIGHT"), ({"mirror": 1}, "1")],
)
def test_options_that_mean_nothing_are_found(options: dict[str, Any], word: str) -> None:
    """Each with what is allowed."""
    loaded = load(Config(tables={"processing": options}), only={plugin.name})
    assert loaded.loaded == ()
    assert any(word in str(finding) for finding in loaded.findings)
    assert Options().framing == ()


@pytest.mark.bench
@pytest.mark.parametrize(
    "what", [{"rotate": 180}, {"rotate": 90}, {"mirror": True}, {"crop": Crop(640, 480, 320, 120)}]
)
def test_what_framing_costs(what: dict[str, Any]) -> None:
    """CPU time of one picture of 1280x720, by filters and by way of numpy."""
    framing, given = Framing(**what), samples.picture(0, 1280, 720)
    framing.process(given)
    began = time.process_time()
    for _ in range(100):
        framing.process(given)
    ours = (time.process_time() - began) * 10
    began = time.process_time()
    for _ in range(100):
        array = given.to_ndarray(format="yuv420p")
        planes = (array[:720], array[720:900].reshape(360, 640), array[900:].reshape(360, 640))
        np.concatenate([np.ascontiguousarray(plane[::-1, ::-1]).ravel() for plane in planes])
    print(f"\n{what}: {ours:.2f} ms; a turn by 180 degrees through numpy {(time.process_time() - began) * 10:.2f} ms")
