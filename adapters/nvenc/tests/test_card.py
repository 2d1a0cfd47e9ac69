"""What is said where NVENC is not, or is not free, and what FFmpeg is asked for."""

from __future__ import annotations

import pytest
from jackfield_nvenc import card
from jackfield_nvenc.options import Options

from jackfield.values.errors import EncoderError
from jackfield.values.formats import VideoEncoding

ENCODING = VideoEncoding("H264", 1280, 720, bitrate_bps=1_000_000)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("h264_nvenc failed to open: Cannot load libcuda.so.1", "no NVIDIA driver: libcuda cannot be loaded"),
        ("h264_nvenc failed to open: Cannot load libnvidia-encode.so.1", "NVIDIA_DRIVER_CAPABILITIES"),
        ("h264_nvenc failed to open: No capable devices found", "data-centre cards"),
        ("OpenEncodeSessionEx failed: out of memory (10): (no details)", "no encoding session left"),
    ],
)
def test_ffmpegs_words_are_said_in_ours(said: str, meant: str) -> None:
    """With FFmpeg's own behind them."""
    told = card.CARD.said(EncoderError(said)).message
    assert meant in told
    assert told.endswith(f"({said})")


def test_no_driver_is_seen_without_loading_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its device node tells."""
    monkeypatch.setattr(card, "_NODES", ("/dev/null",))
    assert card.missing() is None
    monkeypatch.setattr(card, "_NODES", ("/dev/nvidia-is-not-here",))
    monkeypatch.setattr(card.sys, "platform", "linux")
    assert "no NVIDIA driver" in (card.missing() or "")


def test_the_card_and_the_profile_are_those_that_were_asked_for() -> None:
    """Constrained baseline where nothing was negotiated; one chosen card encodes and decodes."""
    h264, av1, h265, *decoders = card.codecs(Options(gpu=1))
    options = h264.tuning.options(ENCODING)
    assert (options["gpu"], options["profile"], options["forced-idr"]) == ("1", "baseline", "1")
    assert "profile" not in av1.tuning.options(ENCODING) | h265.tuning.options(ENCODING)
    assert {decoder.decoding.device.path for decoder in decoders} == {"1"}
    high = VideoEncoding("H264", 1280, 720, parameters={"profile-level-id": "640028"})
    assert h264.tuning.options(high)["profile"] == "high"
