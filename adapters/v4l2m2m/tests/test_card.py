"""Cameras are not taken for codecs, and the profile goes to the driver as a number."""

from __future__ import annotations

from pathlib import Path

from jackfield_v4l2m2m import card

from jackfield.media.libav.hardware import CardOptions
from jackfield.values.formats import VideoEncoding


def node(folder: Path, name: str, driver: str) -> None:
    """One /dev/video* as sysfs shows it."""
    behind = folder / "drivers" / driver
    behind.mkdir(parents=True, exist_ok=True)
    (folder / name / "device").mkdir(parents=True)
    (folder / name / "device" / "driver").symlink_to(behind)


def test_a_codec_is_told_from_cameras_and_nothing_is_opened(tmp_path: Path) -> None:
    """No device, a webcam alone, and a webcam beside a codec."""
    assert card.missing(tmp_path) == "no codec device: there is no /dev/video*"
    node(tmp_path, "video0", "uvcvideo")
    assert card.missing(tmp_path) == "no codec device: /dev/video0 is uvcvideo's"
    node(tmp_path, "video11", "bcm2835-codec")
    assert card.missing(tmp_path) is None


def test_the_profile_is_a_number() -> None:
    """FFmpeg's v4l2m2m encoder takes no names: constrained baseline where nothing was negotiated."""
    h264 = card.codecs(CardOptions())[0].tuning
    assert h264.options(VideoEncoding("H264", 640, 480)) == {"profile": "578"}
    assert h264.options(VideoEncoding("H264", 640, 480, parameters={"profile-level-id": "64001f"})) == {
        "profile": "100"
    }
    assert not h264.repeats_headers
