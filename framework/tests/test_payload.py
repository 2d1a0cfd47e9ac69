"""Frames are cut into payloads and put together again."""

import random
from fractions import Fraction

import av
import pytest

from jackfield.media.h264 import is_keyframe
from jackfield.rtc import payload
from jackfield.rtc.payload import vp8
from jackfield.values.media import EncodedFrame

SIZES = [1, 2, 1145, 1146, 1147, 1148, 1149, 1150, 1151, 5000, 90_000]


@pytest.mark.parametrize("size", SIZES)
def test_vp8_comes_back_as_it_was(size: int) -> None:
    """No payload is over the limit; only the first of a key frame says so."""
    data = b"\x10" + random.Random(size).randbytes(size - 1)
    payloads = payload.packetizer("VP8").packetize(EncodedFrame(data, "VP8", keyframe=True))
    assert max(map(len, payloads)) <= payload.MAX_PAYLOAD
    assert payload.depacketizer("VP8").assemble(payloads) == data
    assert [payload.is_keyframe("VP8", item) for item in payloads] == [True] + [False] * (len(payloads) - 1)


@pytest.mark.parametrize("size", SIZES)
def test_h264_comes_back_as_it_was(size: int) -> None:
    """Parameter sets share a packet, slices are cut, and the access unit is whole again."""
    slice_ = b"\x65" + bytes(random.Random(size).choices(range(1, 256), k=size))
    data = b"".join(b"\0\0\0\1" + unit for unit in (b"\x67\x42\xe0\x1f", b"\x68\xce", slice_))
    payloads = payload.packetizer("H264").packetize(EncodedFrame(data, "H264", keyframe=True))
    assert max(map(len, payloads)) <= payload.MAX_PAYLOAD
    assert payload.depacketizer("H264").assemble(payloads) == data
    assert payload.is_keyframe("H264", payloads[0])
    assert is_keyframe(data)


def test_picture_ids_count_up() -> None:
    """Each VP8 frame has the next picture id, fifteen bits wide."""
    packetizer = payload.packetizer("VP8")
    ids = []
    for _ in range(3):
        (item,) = packetizer.packetize(EncodedFrame(b"x", "VP8", keyframe=False))
        ids.append(int.from_bytes(item[2:4], "big") & 0x7FFF)
    assert [(later - ids[0]) & 0x7FFF for later in ids] == [0, 1, 2]


def test_a_vp8_key_frame_tells_its_size() -> None:
    """RFC 6386 section 9.1."""
    assert vp8.frame_size(b"\x10\x02\x00\x9d\x01\x2a\x80\x02\x68\x41") == (640, 360)
    assert vp8.frame_size(b"\x11\x02\x00\x9d\x01\x2a\x80\x02\x68\x41") is None


@pytest.mark.parametrize("profile", ["baseline", "high", "high444"])
@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080), (320, 180), (642, 362)])
def test_an_h264_key_frame_tells_its_size(size: tuple[int, int], profile: str) -> None:
    """What an encoder of another make wrote, cropped to what was asked for."""
    encoder = av.CodecContext.create("libx264", "w")
    layout = "yuv444p" if profile == "high444" else "yuv420p"
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = *size, layout, Fraction(1, 30)
    encoder.options = {"profile": profile, "preset": "ultrafast", "tune": "zerolatency"}
    picture = av.VideoFrame(*size, layout)
    picture.pts = 0
    data = b"".join(bytes(packet) for packet in encoder.encode(picture))
    assert payload.frame_size("H264", data) == size


def test_a_damaged_parameter_set_has_no_size() -> None:
    """However it is cut or scrambled, nothing is raised."""
    chance = random.Random(1)
    for length in range(60):
        unit = b"\0\0\0\1\x67" + bytes([chance.choice([66, 100])]) + chance.randbytes(length)
        found = payload.frame_size("H264", unit)
        assert found is None or min(found) > 0
    assert payload.frame_size("opus", b"x") is None


@pytest.mark.parametrize(
    ("codec", "data", "expected"),
    [
        ("VP9", b"\x8c\x80\x01", True),
        ("VP9", b"\xcc\x80\x01", False),
        ("VP9", b"\xa8\x81\x01\x02", False),
        ("AV1", b"\x18\x0a", True),
        ("AV1", b"\x10\x0a", False),
        ("H264", b"\x7c\x85\x00", True),
        ("H264", b"\x7c\x05\x00", False),
        ("H264", b"\x41\x9a", False),
        ("H264", b"\x78\x00\x02\x67\x42\x00\x01\x65", True),
        ("VP8", b"", False),
        ("H265", b"\x26", False),
    ],
)
def test_keyframes_are_told_from_one_payload(codec: str, data: bytes, expected: bool) -> None:
    """What the server needs to know to switch layers."""
    assert payload.is_keyframe(codec, data) is expected


def test_damaged_payloads_raise_nothing_but_value_error() -> None:
    """Lost fragments and garbage are refused with `ValueError`."""
    chance = random.Random(3)
    for _ in range(3000):
        garbage = [chance.randbytes(chance.randrange(7)) for _ in range(chance.randrange(1, 4))]
        for codec in payload.CODECS:
            payload.is_keyframe(codec, garbage[0])
            payload.depacketizer(codec).starts_frame(garbage[0])
            try:
                payload.depacketizer(codec).assemble(garbage)
            except ValueError:
                continue
    whole = payload.packetizer("H264").packetize(EncodedFrame(b"\0\0\1\x65" + b"\1" * 5000, "H264", keyframe=True))
    for missing in range(len(whole)):
        if missing not in (0, len(whole) - 1):
            continue
        with pytest.raises(ValueError, match=r"H\.264"):
            payload.depacketizer("H264").assemble(whole[:missing] + whole[missing + 1 :])
