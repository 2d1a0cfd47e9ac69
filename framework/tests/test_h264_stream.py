"""H.264 byte streams are cut at pictures, whatever pieces they come in, and every IDR picture can be joined at."""

from __future__ import annotations

import random
from fractions import Fraction

import av
import pytest

from jackfield.media import h264
from jackfield.media.h264_sps import Sps
from jackfield.testing import samples

START = h264.START_CODE
SPS, PPS = START + b"\x67\x42\xc0\x1f\xda\x01\x40\x16\xe9", START + b"\x68\xce\x3c\x80"
FIRST, LATER = b"\x88", b"\x48"  # a slice that begins with macroblock 0, and one that does not


def coded(count: int, *, slices: int = 1, delimiters: bool = False) -> list[bytes]:
    """Access units as x264 makes them, an IDR picture every fifth."""
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = 320, 180, "yuv420p", Fraction(1, 30)
    aud = ":aud=1" if delimiters else ""
    parameters = f"keyint=5:scenecut=0:repeat-headers=1:annexb=1:slices={slices}{aud}"
    encoder.options = {"preset": "ultrafast", "tune": "zerolatency", "x264-params": parameters}
    units = []
    for index in range(count):
        picture = samples.picture(index, 320, 180).picture
        picture.pts = index
        units += [bytes(packet) for packet in encoder.encode(picture)]
    return units


@pytest.mark.parametrize(("slices", "delimiters"), [(1, False), (4, False), (1, True), (3, True)])
@pytest.mark.parametrize("piece", [1, 7, 100, 4096, 1 << 20])
def test_a_stream_comes_back_as_the_units_it_was_made_of(slices: int, delimiters: bool, piece: int) -> None:
    """Slices of one picture stay together, parameter sets go with the picture that follows them."""
    units = coded(12, slices=slices, delimiters=delimiters)
    stream, cutter = b"".join(units), h264.AccessUnits()
    found = [unit for at in range(0, len(stream), piece) for unit in cutter.push(stream[at : at + piece])]
    found.append(cutter.flush())
    assert found == units
    assert [h264.is_keyframe(unit) for unit in found] == [index % 5 == 0 for index in range(12)]


def test_a_live_stream_waits_for_no_next_picture() -> None:
    """Flushed after each picture, each comes at once."""
    cutter = h264.AccessUnits()
    for unit in coded(7):
        assert [*cutter.push(unit), cutter.flush()] == [unit]
    assert cutter.flush() == b""


def test_a_picture_without_its_slice_is_not_given_out() -> None:
    """Parameter sets alone are the beginning of the next picture."""
    cutter = h264.AccessUnits()
    assert cutter.push(SPS + PPS) == []
    assert cutter.flush() == b""
    slice_ = START + b"\x65" + FIRST + b"abc"
    assert [*cutter.push(slice_), cutter.flush()] == [SPS + PPS + slice_]


@pytest.mark.parametrize("seed", range(20))
def test_hostile_bytes_neither_raise_nor_pile_up(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Noise with start codes in it is cut somewhere; noise without any is dropped at the limit."""
    monkeypatch.setattr(h264, "LONGEST", 5000)
    draw, cutter, sets = random.Random(seed), h264.AccessUnits(), h264.ParameterSets()
    for _ in range(200):
        size = draw.randrange(400)
        noise = (
            draw.randbytes(size) if draw.random() < 0.5 else bytes(draw.choices((0, 0, 0, 1, 0x65, 0x67, 9), k=size))
        )
        for unit in cutter.push(noise):
            sets.whole(unit)
            h264.sps_of(unit)
        assert len(cutter._buffer) <= 5000
    cutter.flush()


def test_an_endless_unit_is_dropped_and_the_next_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """What no picture could be costs itself alone."""
    monkeypatch.setattr(h264, "LONGEST", 1000)
    cutter, picture = h264.AccessUnits(), START + b"\x65" + FIRST + b"abc"
    assert cutter.push(START + b"\x65" + FIRST + b"x" * 2000) == []
    assert cutter.dropped == 1
    assert cutter.push(b"the rest of it" + picture + SPS) == [picture]


def test_every_idr_picture_gets_the_sets_that_were_seen() -> None:
    """A camera that says its parameters once can be joined later."""
    sets = h264.ParameterSets()
    idr, other = START + b"\x65" + FIRST + b"i", START + b"\x41" + FIRST + b"p"
    assert sets.whole(idr) == idr, "nothing is known yet"
    assert sets.whole(SPS + PPS + idr) == SPS + PPS + idr
    assert sets.whole(other) == other
    assert sets.whole(idr) == SPS + PPS + idr
    delimiter = START + b"\x09\xf0"
    assert sets.whole(delimiter + idr) == delimiter + SPS + PPS + idr
    assert h264.ParameterSets(SPS + PPS).whole(idr) == SPS + PPS + idr


def test_length_prefixed_units_become_a_byte_stream() -> None:
    """As cameras and files of the MP4 family have them; what is cut short is left out."""
    assert h264.annexb(b"\0\0\0\x02ab\0\0\0\x03cde\0\0\0\x09f") == START + b"ab" + START + b"cde"
    assert h264.annexb(b"\0\x01a\0\0\0\x01b", 2) == START + b"a" + START + b"b"


@pytest.mark.parametrize(
    ("profile", "layout", "words", "browsers"),
    [
        ("baseline", "yuv420p", "Constrained Baseline", True),
        ("main", "yuv420p", "Main", True),
        ("high", "yuv420p", "High", True),
        ("high10", "yuv420p10le", "High 10", False),
        ("high422", "yuv422p", "High 4:2:2", False),
        ("high444", "yuv444p", "High 4:4:4 Predictive", False),
    ],
)
def test_a_parameter_set_says_who_can_decode_it(profile: str, layout: str, words: str, browsers: bool) -> None:
    """What an encoder of another make wrote: profile, level and size."""
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = 1280, 720, layout, Fraction(1, 30)
    encoder.options = {"preset": "veryfast", "profile": profile, "x264-params": "annexb=1:repeat-headers=1:level=3.1"}
    frame = av.VideoFrame(1280, 720, layout)
    frame.pts = 0
    data = b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])
    found = h264.sps_of(data)
    assert found is not None
    assert (found.width, found.height, found.level_idc) == (1280, 720, 31)
    assert (found.profile, found.is_for_browsers) == (words, browsers)
    assert found.profile_level_id.endswith("1f")


def test_a_damaged_parameter_set_says_nothing() -> None:
    """It raises `ValueError` alone, and the access unit it stands in has no description."""
    with pytest.raises(ValueError, match=r"cut short|Golomb"):
        Sps.parse(SPS[4:8])
    assert h264.sps_of(SPS[:8]) is None
    assert h264.sps_of(START + b"\x41abc") is None
