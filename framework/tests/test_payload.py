"""Frames are cut into payloads and put together again."""

import random
from fractions import Fraction

import av
import pytest
from attrs import evolve

from jackfield.media import av1
from jackfield.media.bits import Bits
from jackfield.media.h264 import is_keyframe
from jackfield.rtc import payload
from jackfield.rtc.payload import red, vp8, vp9
from jackfield.rtc.payload.dependency import DescriptorWriter
from jackfield.testing import samples
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
    marks = [item[1] & 0xC0 for item in payloads if item[0] & 0x1F == 28]
    assert marks == ([0x80, *[0] * (len(marks) - 2), 0x40] if marks else [])


@pytest.mark.parametrize("size", SIZES)
def test_h265_comes_back_as_it_was(size: int) -> None:
    """Parameter sets share a packet, whose header has the lowest ids; slices are cut, and delimiters left out."""
    slice_ = b"\x26\x01" + bytes(random.Random(size).choices(range(1, 256), k=size))
    units = (b"\x40\x01\x0c", b"\x42\x02\x01\x01", b"\x44\x01\xc0", slice_)
    data = b"".join(b"\0\0\0\1" + unit for unit in units)
    delimited = b"\0\0\0\1\x46\x01\x10" + data
    payloads = payload.packetizer("H265").packetize(EncodedFrame(delimited, "H265", keyframe=True))
    assert max(map(len, payloads)) <= payload.MAX_PAYLOAD
    assert payload.depacketizer("H265").assemble(payloads) == data
    assert payloads[0][:2] == b"\x60\x01"
    assert payload.is_keyframe("H265", payloads[0])
    marks = [item[2] & 0xC0 for item in payloads if item[0] >> 1 == 49]
    assert marks == ([0x80, *[0] * (len(marks) - 2), 0x40] if marks else [])
    if len(payloads) > 2:
        with pytest.raises(ValueError, match=r"H\.265"):
            payload.depacketizer("H265").assemble([*payloads[:1], *payloads[2:]])


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
        ("H265", b"\x40\x01\x0c", True),
        ("H265", b"\x26\x01\xaf", True),
        ("H265", b"\x02\x01\xd0", False),
        ("H265", b"\x62\x01\x93\xaf", True),
        ("H265", b"\x62\x01\x13\xaf", False),
        ("H265", b"\x62\x01\x81\xd0", False),
        ("H265", b"\x60\x01\x00\x03\x40\x01\x0c\x00\x03\x42\x01\x01", True),
        ("H265", b"\x60\x01\x00\x03\x02\x01\xd0", False),
        ("H264", b"\x7c\x85\x00", True),
        ("H264", b"\x7c\x05\x00", False),
        ("H264", b"\x41\x9a", False),
        ("H264", b"\x78\x00\x02\x67\x42\x00\x01\x65", True),
        ("VP8", b"", False),
        ("H265", b"", False),
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


# --- VP9 ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("size", SIZES)
def test_vp9_comes_back_as_it_was(size: int) -> None:
    """No payload is over the limit; the first says that it begins and how large it is, the last that it ends."""
    data = b"\x82" + random.Random(size).randbytes(size - 1)
    payloads = payload.packetizer("VP9").packetize(EncodedFrame(data, "VP9", True, width=640, height=360))
    assert max(map(len, payloads)) <= payload.MAX_PAYLOAD
    assert payload.depacketizer("VP9").assemble(payloads) == data
    assert [payload.is_keyframe("VP9", item) for item in payloads] == [True] + [False] * (len(payloads) - 1)
    assert [bool(item[0] & 0x08) for item in payloads] == [True] + [False] * (len(payloads) - 1)
    assert [bool(item[0] & 0x04) for item in payloads] == [False] * (len(payloads) - 1) + [True]
    assert payloads[0][3:8] == bytes([0x10, 2, 128, 1, 104])


def test_vp9_layers_become_a_superframe() -> None:
    """Two spatial layers of one picture, in flexible mode with references, and in the other with its structure."""
    flexible = [b"\xb8\x85\x00\x00" + b"low", b"\xf4\x85\x00\x02\x03\x02" + b"high"]
    structure = bytes([0x38, 1, 64, 0, 180, 2, 128, 1, 104, 1, 0x04, 1])  # two sizes, one picture with one reference
    other = [b"\xaa\x05\x00\x07" + structure + b"lo", b"\xa4\x05\x02\x07" + b"w", b"\xac\x05\x02\x07" + b"high"]
    format = payload.depacketizer("VP9")
    assert vp9.descriptor_length(other[0]) == 16
    assert format.assemble(other) == b"lowhigh" + b"\xc1\x03\x04\xc1"
    assert vp9.descriptor_length(flexible[1]) == 6
    assert format.assemble([flexible[0], b"\xfc" + flexible[1][1:]]) == b"lowhigh" + b"\xc1\x03\x04\xc1"
    assert [format.starts_frame(item) for item in other] == [True, False, True]


# --- AV1 ------------------------------------------------------------------------------------------------------------
def unit(*obus: tuple[int, int]) -> bytes:
    """A temporal unit of OBUs of these types and sizes."""
    chance = random.Random(str(obus))
    return b"\x12\x00" + b"".join(av1.sized(bytes([kind << 3]) + chance.randbytes(size)) for kind, size in obus)


@pytest.mark.parametrize(
    "obus",
    [
        [(1, 10), (6, 0)],
        [(6, 1)],
        [(1, 11), (5, 20), (6, 700)],
        [(1, 11), (6, 90_000)],
        [(3, 5), (4, 1140), (4, 1141), (4, 1142), (4, 3)],
        [(6, 1133), (6, 1134), (6, 1135)],
        [(4, 10)] * 9,
        [(4, 1148)] * 3,
    ],
)
def test_av1_comes_back_as_it_was(obus: list[tuple[int, int]]) -> None:
    """OBUs share payloads, three at most, or are cut; delimiters are not sent and stand there again."""
    data = unit(*obus)
    payloads = payload.packetizer("AV1").packetize(EncodedFrame(data + b"\x7a\x00", "AV1", keyframe=True))
    assert max(map(len, payloads)) <= payload.MAX_PAYLOAD
    assert len(payloads) <= max(-(-len(data) // 1100) + 1, -(-len(obus) // 3))
    assert payload.depacketizer("AV1").assemble(payloads) == data
    assert [payload.is_keyframe("AV1", item) for item in payloads] == [True] + [False] * (len(payloads) - 1)
    assert all(item[0] & 0x30 for item in payloads)


def test_av1_of_a_foreign_sender_is_read() -> None:
    """All elements with lengths (W = 0), OBUs with their own sizes, an OBU over three packets, an empty rest."""
    format = payload.depacketizer("AV1")
    assert format.assemble([b"\x08\x03\x08ab\x05\x32\x03cde"]) == b"\x12\x00\x0a\x02ab\x32\x03cde"
    assert format.assemble([b"\x50\x30ab", b"\xd0cd", b"\x90e"]) == b"\x12\x00\x32\x05abcde"
    assert format.assemble([b"\x10\x34\x08ab"]) == b"\x12\x00\x36\x08\x02ab"
    for wrong in ([b"\x90ab"], [b"\x50\x30a"], [b"\x20\x05a"], [b"\x10"], [b"\x00\x01\x10"], [b"\x10\xb0a"]):
        with pytest.raises(ValueError, match="AV1"):
            format.assemble(wrong)


@pytest.mark.parametrize("codec", ["VP9", "AV1", "H265"])
def test_an_encoders_keyframe_tells_its_size(codec: str) -> None:
    """What the reference encoder wrote goes through payloads, and is decoded at the far end."""
    frames = samples.encoded(codec, 3, width=322, height=182)
    assert [payload.frame_size(codec, frame.data) for frame in frames] == [(322, 182), None, None]
    packetizer, format = payload.packetizer(codec, max_payload=200), payload.depacketizer(codec)
    there = [evolve(frame, data=format.assemble(packetizer.packetize(frame))) for frame in frames]
    assert [(each.width, each.height) for each in samples.decoded(codec, there)] == [(322, 182)] * 3


# --- the dependency descriptor ---------------------------------------------------------------------------------------
def test_the_dependency_descriptor_says_what_builds_on_what() -> None:
    """Bit by bit as appendix A.8.2 of the AV1 specification has it: a keyframe in three packets, then two frames."""
    writer = DescriptorWriter()
    first, middle, last = writer.describe(EncodedFrame(b"", "AV1", True, width=1280, height=720), 3)
    number = int.from_bytes(first[1:3], "big")
    assert [first[0], middle[0], last[0]] == [0x80, 0x00, 0x40]
    assert (len(first), middle[1:], last[1:]) == (13, first[1:3], first[1:3])
    fields = [("flags", 5), ("offset", 6), ("targets", 5), ("same layer", 2), ("no more", 2), ("targets of both", 4)]
    fields += [("key: no reference", 1), ("one", 1), ("just before", 4), ("no more references", 1), ("chains", 1)]
    fields += [("key chain", 4), ("chain", 4), ("sizes", 1), ("width", 16), ("height", 16)]
    bits = Bits(first[3:])
    assert [bits.take(size) for _, size in fields] == [16, 0, 0, 0, 3, 10, 0, 1, 0, 0, 1, 0, 1, 1, 1279, 719]
    for step in (1, 2):
        (only,) = writer.describe(EncodedFrame(b"", "AV1", False), 1)
        assert only == bytes([0xC1]) + ((number + step) & 0xFFFF).to_bytes(2, "big")


def test_another_size_has_other_templates() -> None:
    """Section A.8.3: a structure that differs may not use the ids of the one before; the same one keeps them."""
    writer = DescriptorWriter()
    ids = []
    for width in (640, 640, 320, 0):
        for keyframe in (True, False):
            (only,) = writer.describe(EncodedFrame(b"", "AV1", keyframe, width=width, height=width), 1)
            ids.append(only[0] & 0x3F)
    assert ids == [0, 1, 0, 1, 2, 3, 4, 5]


# --- redundant audio ------------------------------------------------------------------------------------------------
def test_redundant_audio_comes_back_as_it_was() -> None:
    """RFC 2198 section 3: block headers, the packet's own frame last; what a header cannot say is left out."""
    blocks = [red.Block(111, 960, b"before"), red.Block(111, 0, b"now")]
    assert red.pack(blocks) == bytes([0x80 | 111, 0x0F, 0x00, 6, 111]) + b"beforenow"
    assert red.unpack(red.pack(blocks)) == blocks
    for unsayable in (red.Block(111, 16_384, b"x"), red.Block(111, 960, bytes(1024)), red.Block(111, 960, b"")):
        assert red.unpack(red.pack([unsayable, blocks[1]])) == blocks[1:]


def test_damaged_redundant_audio_is_a_value_error() -> None:
    """However it is cut: whole blocks, or nothing."""
    whole = red.pack([red.Block(111, 960, b"before"), red.Block(111, 0, b"now")])
    chance = random.Random(5)
    for data in [whole[:size] for size in range(len(whole))] + [chance.randbytes(40) for _ in range(2000)]:
        try:
            assert sum(len(block.data) for block in red.unpack(data)) < len(data)
        except ValueError:
            continue
    with pytest.raises(ValueError, match="headers"):
        red.unpack(b"\xef\x00\x00\x01" * 9 + b"\x6f")
