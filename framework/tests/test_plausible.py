"""Frames that cannot be any are told from those that may be."""

from __future__ import annotations

import os

import pytest
from attrs import evolve

from jackfield.media.plausible import implausible
from jackfield.testing import samples
from jackfield.values.media import EncodedFrame

CODECS = ("H264", "VP8", "VP9")


@pytest.mark.parametrize("codec", CODECS)
def test_what_encoders_give_is_plausible(codec: str) -> None:
    """Keyframe and others."""
    assert [implausible(frame) for frame in samples.encoded(codec, 5)] == [None] * 5


@pytest.mark.parametrize("codec", ["H264", "VP8"])
def test_a_frame_that_says_it_is_what_it_is_not_is_refused(codec: str) -> None:
    """A keyframe that is none, and the other way round: receivers would wait for ever."""
    key, other = samples.encoded(codec, 2)
    assert "no " + codec in (implausible(evolve(key, keyframe=False)) or "")
    assert f"no {codec} keyframe" in (implausible(evolve(other, keyframe=True)) or "")


@pytest.mark.parametrize("codec", ["H264", "VP8", "VP9", "AV1", "H265"])
@pytest.mark.parametrize("data", [b"", b"\xff" * 900, b"\x00\x00\x00\x01\xff" + b"\xaa" * 50])
def test_garbage_is_refused(codec: str, data: bytes) -> None:
    """Nothing, ones, a start code with no unit behind it."""
    assert "bytes that are no" in (implausible(EncodedFrame(data, codec, True)) or "")


def test_parameter_sets_are_part_of_an_h264_keyframe() -> None:
    """An IDR picture without them cannot be joined at."""
    key = samples.encoded("H264", 1)[0]
    bare = key.data[key.data.index(b"\0\0\1\x65") - 1 :]
    assert "no H264 keyframe" in (implausible(evolve(key, data=bare)) or "")


def test_what_is_not_known_is_let_through() -> None:
    """Sound, and codecs to come."""
    assert implausible(EncodedFrame(os.urandom(50), "opus", True)) is None
