"""Which pictures are sent when the path or the processor cannot take all: down soon, up late, and never to and fro."""

from __future__ import annotations

import av
import pytest

from jackfield.session.adaptation import Adaptation, Step
from jackfield.session.shaping import Below, Shaper
from jackfield.values.media import VideoFrame
from jackfield.values.settings import SessionSettings, VideoWish

MS, FULL = 1_000_000, 1_700_000


class Camera:
    """720 lines at 30 a second into an `Adaptation`, on a clock that is only counted."""

    def __init__(self, **options: str) -> None:
        self.adaptation = Adaptation(FULL, 30.0, **options)  # type: ignore[arg-type]
        self.now_ns = 0

    def run(self, seconds: float, *, bps: int | None = None, encode_ms: float = 3.0) -> Step:
        """So long with this bitrate; encoding a whole picture takes ``encode_ms``, and smaller ones less."""
        if bps is not None:
            self.adaptation.steer(bps)
        step = Step()
        for _ in range(round(30 * seconds)):
            self.now_ns += 33_333_333
            step = self.adaptation.step(1280, 720, self.now_ns)
            self.adaptation.encoded(encode_ms / 1000 * step.scale**2)
        return step


def test_a_bitrate_that_is_enough_changes_nothing() -> None:
    """Nor does one that is a little low: a soft picture is better than a small one."""
    camera = Camera()
    assert camera.run(10, bps=FULL) == Step()
    assert camera.run(10, bps=700_000) == Step()
    assert camera.adaptation.reason == "none"


@pytest.mark.parametrize(
    ("bps", "scale", "every"), [(450_000, 0.75, 1), (250_000, 0.5, 1), (150_000, 0.375, 1), (50_000, 0.25, 2)]
)
def test_too_little_makes_pictures_smaller(bps: int, scale: float, every: int) -> None:
    """In one step and within two seconds, to the size for which it is enough."""
    camera = Camera()
    camera.run(5, bps=FULL)
    assert camera.run(2, bps=bps) == Step(scale, every)
    assert camera.adaptation.stats() == {
        "qualityLimitationReason": "bandwidth",
        "qualityLimitationResolutionChanges": 1,
    }


def test_a_short_dip_changes_nothing() -> None:
    """Half a second is nothing."""
    camera = Camera()
    camera.run(5, bps=FULL)
    assert camera.run(0.5, bps=100_000) == Step()
    assert camera.run(2, bps=FULL) == Step()


def test_up_again_takes_five_seconds_and_there_is_no_to_and_fro() -> None:
    """A bitrate that swings about a threshold moves nothing."""
    camera = Camera()
    camera.run(3, bps=250_000)
    assert camera.run(4, bps=FULL) == Step(0.5)
    assert camera.run(2, bps=FULL) == Step()
    camera.run(3, bps=250_000)
    changes = camera.adaptation.changes
    for bps in (330_000, 230_000) * 20:
        camera.run(1, bps=bps)
    assert camera.adaptation.changes == changes


def test_a_screen_gets_slower_before_it_gets_smaller() -> None:
    """It is read."""
    camera = Camera(keeps="detail")
    assert camera.run(3, bps=500_000) == Step(1.0, 2)
    assert camera.run(3, bps=250_000) == Step(1.0, 4)
    assert camera.run(3, bps=50_000).scale < 1


def test_an_encoder_that_cannot_keep_up_gets_smaller_pictures() -> None:
    """One step after another, for a reason of its own; a try to go up that fails is made more and more seldom."""
    camera = Camera()
    step = camera.run(8, encode_ms=60)
    assert step.scale < 1
    assert camera.adaptation.reason == "cpu"
    camera.run(60, encode_ms=36)
    changes = camera.adaptation.changes
    camera.run(60, encode_ms=36)
    assert camera.adaptation.changes - changes <= 4
    assert camera.run(400, encode_ms=3) == Step()
    assert camera.adaptation.reason == "none"


def test_small_pictures_stay() -> None:
    """Nothing under 90 lines is made."""
    adaptation = Adaptation(100_000, 15.0)
    adaptation.steer(10_000)
    steps = {adaptation.step(160, 120, second * 1000 * MS).scale for second in range(20)}
    assert min(steps) >= 0.75


def test_each_layer_is_made_of_the_one_above() -> None:
    """Scaled once in a chain; what is paused hands on and is not encoded."""
    smallest: list[VideoFrame] = []
    handed: list[VideoFrame] = []
    last = Shaper(Adaptation(FULL, 30.0), scale=0.5)
    middle = Shaper(Adaptation(FULL, 30.0), scale=0.5, below=Below(last, smallest.append))
    top = Shaper(Adaptation(FULL, 30.0), below=Below(middle, handed.append))
    frame = VideoFrame(av.VideoFrame(1280, 720, "yuv420p"), 7)
    assert top.apply(frame) is frame
    assert handed == [frame]
    middle.paused = True
    assert middle.apply(handed[0]) is None
    found = last.apply(smallest[0])
    assert found is not None
    assert [(each.width, each.height, each.time_ns) for each in (smallest[0], found)] == [(640, 360, 7), (320, 180, 7)]
    last.paused = True
    assert last.apply(smallest[0]) is None
    assert top.apply(frame) is frame
    assert len(handed) == 1  # nobody below needs it


def test_every_other_picture_goes_where_the_rate_is_halved() -> None:
    """And they are as small as the step says."""
    adaptation = Adaptation(FULL, 30.0)
    adaptation.steer(40_000)
    shaper, sent = Shaper(adaptation), list[VideoFrame]()
    for number in range(90):
        found = shaper.apply(VideoFrame(av.VideoFrame(1280, 720, "yuv420p"), number * 33_333_333))
        sent += [found] if found is not None else []
    late = [frame for frame in sent if frame.time_ns > 2_000 * MS]
    assert {(frame.width, frame.height) for frame in late} == {(320, 180)}
    assert 13 <= len(late) <= 16


def test_low_bandwidth_aims_at_less() -> None:
    """At most 640x360 at 15 a second in a quarter of a megabit, in the wish's own proportions."""
    assert SessionSettings().video_wish == VideoWish()
    low = SessionSettings(low_bandwidth=True).video_wish
    assert (low.width, low.height, low.fps, low.bitrate_bps) == (640, 360, 15.0, 250_000)
    upright = SessionSettings(low_bandwidth=True, video={"width": 480, "height": 640, "fps": 10}).video_wish
    assert (upright.width, upright.height, upright.fps) == (480, 640, 10.0)
    small = SessionSettings(low_bandwidth=True, video={"width": 320, "height": 240, "max_bitrate_bps": 90_000})
    assert (small.video_wish.width, small.video_wish.bitrate_bps) == (320, 90_000)
