"""What becomes of pictures, with the real model and a real person: by content."""

from __future__ import annotations

import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from attrs import evolve
from jackfield_background.factory import BackgroundFactory
from jackfield_background.planes import WHOLE, blend, planes
from jackfield_background.segment import Segmenter, softened

from jackfield import web_client
from jackfield.plugins import Config, load, open_processors
from jackfield.roles import Backdrop, ShowsBackdrop
from jackfield.testing import samples
from jackfield.values.errors import PluginError
from jackfield.values.media import VideoFrame
from jackfield.values.settings import SessionSettings

from .people import grey, scene

GREEN = VideoFrame.from_ndarray(np.full((90, 160, 3), (0, 200, 0), np.uint8))


def processor(backdrop: Backdrop) -> Any:
    """One that runs."""
    factory = BackgroundFactory()
    assert factory.probe() is None
    made = factory.open(factory.does, None, SessionSettings())
    assert isinstance(made, ShowsBackdrop)
    made.show_backdrop(backdrop)
    return made


def grain(values: Any) -> float:
    """How much neighbours differ."""
    return float(np.abs(np.diff(values, axis=1)).mean())


@pytest.mark.parametrize("level", [0.1, 0.5, 1.0])
@pytest.mark.parametrize(("width", "height"), [(1280, 720), (640, 480), (720, 1280)])
def test_what_is_behind_a_person_is_blurred_and_their_face_is_not(width: int, height: int, level: float) -> None:
    """Of nothing behind her more is left than a shade; her face is the very same, pixel by pixel but for rounding."""
    there = scene(width, height)
    made = processor(Backdrop(level)).process(there.frame)
    before, after = grey(there.frame), grey(made)
    assert grain(after[there.wall]) < grain(before[there.wall]) / 6
    assert np.abs(after[there.face] - before[there.face]).max() <= 1
    assert made.time_ns == there.frame.time_ns


def test_more_blur_is_more() -> None:
    """The level is heard."""
    there = scene()
    left = [grain(grey(processor(Backdrop(level)).process(there.frame))[there.wall]) for level in (0.1, 0.4, 0.7, 1)]
    assert left == sorted(left, reverse=True)
    assert left[0] > 2 * left[-1]


def test_a_picture_is_behind_a_person() -> None:
    """Its colours where the wall was; her face as it was."""
    there = scene()
    made = processor(Backdrop(picture=GREEN)).process(there.frame)
    pixels = made.to_ndarray().astype(int)
    assert np.abs(pixels[there.wall] - (0, 200, 0)).max() < 12
    assert np.abs(grey(made)[there.face] - grey(there.frame)[there.face]).max() <= 1


@pytest.mark.parametrize("size", [(1280, 720), (720, 1280), (640, 480)])
def test_a_picture_covers_and_is_cut_centrally(size: tuple[int, int]) -> None:
    """Nothing is squeezed: a disc in its middle stays one, and the middle stays the middle."""
    y, x = np.mgrid[:300, :300]
    disc = np.where(((x - 150) ** 2 + (y - 150) ** 2 < 60**2)[..., None], 255, 0).astype(np.uint8).repeat(3, axis=2)
    shown = processor(Backdrop(picture=VideoFrame.from_ndarray(disc)))
    wall = samples.picture(0, *size)
    bright = grey(shown.process(wall)) > 128
    rows, columns = np.flatnonzero(bright.any(axis=1)), np.flatnonzero(bright.any(axis=0))
    assert abs(len(rows) - len(columns)) <= 4
    assert abs(rows.mean() - size[1] / 2) < 5  # one pixel of what is shown
    assert abs(columns.mean() - size[0] / 2) < 5
    assert len(rows) == pytest.approx(max(size) * 120 / 300, abs=6)


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_picture_that_says_its_rotation_is_looked_at_upright(turn: Any) -> None:
    """A phone held upright gives pictures that lie: she is found in them, and what is behind her is upright as well."""
    there = scene(720, 720)
    lying = np.ascontiguousarray(np.rot90(there.frame.to_ndarray(), turn // 90))  # clockwise makes it upright again
    frame = VideoFrame(av.VideoFrame.from_ndarray(lying, format="rgb24").reformat(format="yuv420p"), 5, turn)
    half = np.zeros((64, 64, 3), np.uint8)
    half[:32] = 255
    made = processor(Backdrop(picture=VideoFrame.from_ndarray(half))).process(frame)
    assert (made.rotation, made.time_ns) == (turn, 5)
    upright, before = (np.rot90(grey(each), -turn // 90) for each in (made, frame))
    assert np.abs(upright[there.face] - before[there.face]).max() <= 1
    assert upright[:40, :40].min() > 225
    assert upright[:40, -40:].min() > 225


@pytest.mark.parametrize("layout", ["yuv420p", "yuvj420p", "nv12", "yuyv422", "yuvj422p", "rgb24", "yuv444p", "gray"])
@pytest.mark.parametrize(("width", "height"), [(641, 361), (17, 33), (2, 2), (322, 180)])
@pytest.mark.parametrize("image", [False, True])
def test_size_instant_and_colours_stay(layout: str, width: int, height: int, image: bool) -> None:
    """Odd sizes too; what was not 4:2:0 is."""
    width -= width % 2 if layout == "yuyv422" else 0
    picture = samples.picture(0, 640, 360).picture.reformat(width, height, layout)
    picture.pts, picture.time_base = 77, Fraction(1, 90_000)
    picture.color_range, picture.colorspace = 2, 1
    made = processor(Backdrop(picture=GREEN) if image else Backdrop()).process(VideoFrame(picture, 5, 180)).picture
    assert (made.width, made.height, made.pts, made.time_base) == (width, height, 77, Fraction(1, 90_000))
    assert (int(made.color_range), int(made.colorspace)) == (2, 1)
    assert made.format.name == ("yuvj420p" if layout.startswith("yuvj") else "yuv420p")


@pytest.mark.parametrize("range_", [0, 1, 2])
@pytest.mark.parametrize("layout", ["yuv420p", "yuvj420p"])
def test_blurring_changes_no_brightness(layout: str, range_: int) -> None:
    """What is white stays white, and what is black black, in either range."""
    for value in (3, 16, 128, 235, 252):
        picture = av.VideoFrame(64, 48, layout)
        for plane in planes(picture):
            plane[:] = value
        picture.color_range = range_
        made = processor(Backdrop()).process(VideoFrame(picture))
        assert {int(v) for plane in planes(made.picture) for v in (plane.min(), plane.max())} <= {
            value - 1,
            value,
            value + 1,
        }


def test_a_picture_that_stands_on_its_head_in_memory_is_read() -> None:
    """A filter that flips pictures only goes through their rows backwards."""
    graph = av.filter.Graph()
    there = scene(640, 480)
    source = graph.add_buffer(width=640, height=480, format=there.frame.picture.format, time_base=Fraction(1, 25))
    flip, sink = graph.add("vflip"), graph.add("buffersink")
    source.link_to(flip)
    flip.link_to(sink)
    graph.configure()
    source.push(there.frame.picture)
    flipped: Any = sink.pull()
    made = processor(Backdrop(picture=GREEN)).process(VideoFrame(flipped))
    assert (made.width, made.height) == (640, 480)
    assert np.abs(made.to_ndarray()[-100:, :60].astype(int) - (0, 200, 0)).max() < 12


def test_masks_do_not_flicker_and_do_not_linger() -> None:
    """Of a person who went, two thirds are gone in the next picture, and all in the third; not of another size's."""
    model = Segmenter(web_client.segmentation_model())
    there, gone = scene(640, 360).frame, samples.picture(0, 640, 360)

    def seen(frame: VideoFrame, at_ms: int) -> float:
        return float(model.mask(evolve(frame, time_ns=at_ms * 1_000_000)).mean())

    full = seen(there, 0)
    assert full > 0.2
    assert 0 < seen(gone, 33) < full * 0.7
    seen(gone, 66)
    assert seen(gone, 100) < 0.02
    seen(there, 133)
    assert seen(gone, 5000) < 0.02, "after a pause nothing is left of what was before it"
    seen(there, 5033)
    assert seen(samples.picture(0, 320, 180), 5066) < 0.02


def test_who_is_blended_how() -> None:
    """A whole mask shows the front alone, an empty one what is behind, whatever the values."""
    front, behind = np.array([[0, 255, 7, 255, 0]], np.uint8), np.array([[255, 0, 9, 255, 255]], np.uint8)
    into = np.empty_like(front)
    for count, expected in ((WHOLE, front), (0, behind)):
        blend(front, behind, np.full_like(front, count), into)
        assert np.array_equal(into, expected)
    blend(front, behind, np.full_like(front, WHOLE // 2), into)
    assert into.tolist() == [[128, 128, 8, 255, 128]]
    assert softened(np.ones((3, 4, 5), np.float32)).tolist() == np.ones((3, 4, 5)).tolist()


# --- what is missing --------------------------------------------------------------------------------------------------
def test_a_page_that_was_not_built_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the probe, by `jackfield doctor`, and by the call's choice."""
    monkeypatch.setattr(web_client, "STATIC", tmp_path)
    factory = BackgroundFactory()
    assert "make setup" in (factory.probe() or "")
    (finding,) = factory.diagnose()
    assert (finding.severity, finding.key) == ("warning", "selfie.tflite")
    assert "no background can be changed" in finding.found
    assert finding.fix == "in the checkout run `make setup`"
    plugins = load(Config(), only={"background"})
    assert open_processors(plugins, "video", None, SessionSettings(), Backdrop()) == []
    assert "make setup" in str(plugins.choices["processor background"])


def test_a_library_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to install."""
    monkeypatch.setitem(__import__("sys").modules, "ai_edge_litert", None)
    monkeypatch.setitem(__import__("sys").modules, "ai_edge_litert.interpreter", None)
    factory = BackgroundFactory()
    assert factory.probe() == "ai-edge-litert is not installed: pip install ai-edge-litert"
    (finding,) = factory.diagnose()
    assert finding.key == "ai-edge-litert"
    with pytest.raises(PluginError, match=r"landscape\.tflite cannot be run"):
        factory.open(factory.does, None, SessionSettings())


def test_a_model_that_is_damaged_or_another_is_said(tmp_path: Path) -> None:
    """Before it sees a picture."""
    (tmp_path / "selfie.tflite").write_bytes(b"no model")
    with pytest.raises(PluginError, match=r"selfie\.tflite cannot be run: ValueError"):
        Segmenter(tmp_path / "selfie.tflite")


def test_nothing_comes_out_where_the_model_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """It raises, and never answers with the camera's picture."""
    running = processor(Backdrop())
    monkeypatch.setattr(running._segmenter, "_interpreter", None)
    with pytest.raises(PluginError, match="given back"):
        running.process(scene(320, 180).frame)

    class Nonsense:
        def set_tensor(self, *_: Any) -> None: ...
        def invoke(self) -> None: ...
        def get_tensor(self, index: int) -> Any:
            return np.full((1, 144, 256, 1), np.nan, np.float32)

    monkeypatch.setattr(running._segmenter, "_interpreter", Nonsense())
    with pytest.raises(PluginError, match="no numbers"):
        running.process(scene(320, 180).frame)


# --- what it costs ----------------------------------------------------------------------------------------------------
@pytest.mark.bench
@pytest.mark.parametrize(("width", "height"), [(640, 360), (1280, 720), (1920, 1080)])
@pytest.mark.parametrize("how", ["blur", "image"])
def test_what_a_background_costs(width: int, height: int, how: str) -> None:
    """CPU of one picture, on every thread; the median of two hundred."""
    running = processor(Backdrop(0.5) if how == "blur" else Backdrop(picture=GREEN))
    frames = [scene(width, height, shift=shift).frame for shift in range(4)]
    spent = []
    for index in range(200):
        frame = evolve(frames[index % 4], time_ns=index * 33_000_000)
        began = time.process_time()
        running.process(frame)
        spent.append(time.process_time() - began)
    print(f"\n{how} {width}x{height}: {sorted(spent)[100] * 1000:.1f} ms")
    if (width, height) == (1280, 720):
        assert sorted(spent)[100] < 0.020  # half of that on a machine that does nothing else
