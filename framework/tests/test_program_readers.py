"""What makes media of a program's bytes: in pieces of any size, of hostile bytes, within bounds."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import numpy as np
import pytest

from jackfield.log_limit import LINES
from jackfield.media import h264
from jackfield.media.program.allowance import Allowance
from jackfield.media.program.encoded import H264Units, JpegCutter, MjpegPictures, PictureDecoder
from jackfield.media.program.raw import LAYOUTS, RawPictures, Samples, Y4mPictures, plane_sizes
from jackfield.media.program.reader import Unreadable
from jackfield.values.formats import AudioFormat, VideoFormat
from jackfield.values.media import EncodedFrame, VideoFrame

SECOND = 1_000_000_000


def pictures(count: int, width: int = 128, height: int = 96) -> Iterator[av.VideoFrame]:
    """Pictures of noise that moves."""
    noise = np.random.default_rng(1).integers(0, 255, (height * 3 // 2, width), np.uint8)
    for number in range(count):
        picture = av.VideoFrame.from_ndarray(np.roll(noise, number, axis=1), format="yuv420p")
        picture.pts = number
        yield picture


def units(
    count: int = 12,
    *,
    codec: str = "libx264",
    gop: int = 4,
    pixels: str = "yuv420p",
    size: tuple[int, int] = (128, 96),
    **options: str,
) -> list[bytes]:
    """What an encoder makes of them, one by one."""
    context: Any = av.CodecContext.create(codec, "w")
    context.width, context.height = size
    context.pix_fmt, context.time_base = pixels, Fraction(1, 30)
    context.gop_size = gop
    if codec == "libx264":
        context.options = {"preset": "ultrafast", "tune": "zerolatency"} | options
    made = (context.encode(picture.reformat(format=pixels)) for picture in pictures(count, *size))
    return [b"".join(bytes(packet) for packet in packets) for packets in made]


def pieces(data: bytes, chance: random.Random, most: int = 700) -> Iterator[bytes]:
    """The same bytes, cut anywhere."""
    at = 0
    while at < len(data):
        size = chance.randint(1, most)
        yield data[at : at + size]
        at += size


def passed_on(fps: float = 30.0) -> H264Units:
    return H264Units("pipe:test", VideoFormat(64, 64, fps, codec="H264"))


# --- H.264
@pytest.mark.parametrize("seed", range(5))
def test_a_byte_stream_gives_its_units_however_it_is_cut(seed: int) -> None:
    """Every unit comes out whole, in order, with its size and whether it is a keyframe; instants grow."""
    made, reader, chance, found = units(), passed_on(), random.Random(seed), []
    for number, piece in enumerate(pieces(b"".join(made), chance)):
        found += reader.feed(piece, number * SECOND)
    found += reader.quiet(10**15)
    assert [frame.data for frame in found] == made
    assert [frame.keyframe for frame in found] == [number % 4 == 0 for number in range(12)]
    assert {(frame.width, frame.height) for frame in found} == {(128, 96)}
    assert (reader.format.width, reader.format.codec) == (128, "H264")
    instants = [frame.time_ns for frame in found]
    assert instants == sorted(set(instants))


def test_a_unit_is_whole_when_the_stream_falls_silent() -> None:
    """No picture waits for the next; its instant is when its first bytes came."""
    first, second, *_ = units()
    reader = passed_on()
    assert reader.feed(first[:100], SECOND) == []
    assert reader.feed(first[100:], SECOND + 5000) == []
    (frame,) = reader.quiet(2 * SECOND)
    assert (frame.data, frame.time_ns) == (first, SECOND)
    assert reader.quiet(3 * SECOND) == ()
    assert reader.feed(second, 4 * SECOND) == []
    assert [frame.data for frame in reader.quiet(5 * SECOND)] == [second]


def test_a_silence_in_the_middle_of_a_picture_makes_it_patient() -> None:
    """What was taken for whole too early doubles the pause, up to waiting for the next picture."""
    reader, pauses = passed_on(), []
    for unit in units():
        pauses.append(reader.quiet_s)
        reader.feed(unit[: len(unit) // 2], SECOND)
        reader.quiet(SECOND)
        reader.feed(unit[len(unit) // 2 :], SECOND)
    assert pauses[:5] == [pytest.approx(0.25 / 30 * 2**step) for step in range(4)] + [None]
    calm = passed_on()
    for unit in units(**{"x264-params": "slices=3"}):
        calm.feed(unit, SECOND)
        calm.quiet(SECOND)
    assert calm.quiet_s == pytest.approx(0.25 / 30)


def test_a_silence_between_the_slices_of_a_picture_is_noticed() -> None:
    """The next bytes begin a unit, but not a picture."""
    unit = units(**{"x264-params": "slices=3"})[0]
    second = [match.start() for match in re.finditer(b"\0\0\1\x65", unit)][1]
    reader = passed_on()
    reader.feed(unit[:second], SECOND)
    reader.quiet(SECOND)
    reader.feed(unit[second:], SECOND)
    assert reader.quiet_s == pytest.approx(0.5 / 30)


def test_keyframes_can_be_joined_at_and_nothing_comes_before_the_first() -> None:
    """Parameter sets that came once stand before every IDR picture."""
    made = units()
    bare = made[0] + b"".join(
        b"".join(h264.START_CODE + nal for nal in h264.nal_units(unit) if nal[0] & 0x1F not in (h264.SPS, h264.PPS))
        for unit in made[1:]
    )
    reader = passed_on()
    found = [*reader.feed(bare, 1), *reader.quiet(2)]
    keyframes = [frame for frame in found if frame.keyframe]
    assert len(keyframes) == 3
    assert all({h264.SPS, h264.PPS, h264.IDR} <= set(h264.nal_types(frame.data)) for frame in keyframes)
    late = passed_on()
    found = [*late.feed(b"".join(made[2:]), 1), *late.quiet(2)]
    assert [frame.data for frame in found] == made[4:]


@pytest.mark.parametrize(("kept", "found"), [(0, "no SPS"), (6, "an SPS that cannot be read")])
def test_keyframes_whose_size_nobody_knows_are_said(kept: int, found: str) -> None:
    """After three of them, whatever the parameter sets lack: a player that joins would wait for ever."""
    data = b""
    for unit in units(16):
        parts = h264.nal_units(unit)
        cut = (part[:kept] if part[0] & 0x1F == h264.SPS else part for part in parts)
        data += b"".join(h264.START_CODE + part for part in cut if part)
    with pytest.raises(Unreadable, match=f"its H.264 has {found} with 3 keyframes"):
        passed_on().feed(data, 1)


def test_raw_pictures_are_decoded_where_they_are_wanted() -> None:
    """Without a codec in the format, pictures come."""
    reader = H264Units("pipe:test", VideoFormat(64, 64, 30.0))
    found = [*reader.feed(b"".join(units()), 1), *reader.quiet(2)]
    assert len(found) == 12
    assert all(isinstance(frame, VideoFrame) and (frame.width, frame.height) == (128, 96) for frame in found)
    assert (reader.format.codec, reader.format.pixel_format, reader.format.width) == (None, "yuv420p", 128)


def test_a_profile_that_browsers_lack_is_decoded(caplog: pytest.LogCaptureFixture) -> None:
    """High 4:2:2 is never passed on, and the log says so."""
    reader = passed_on()
    found = [*reader.feed(b"".join(units(pixels="yuv422p", profile="high422")), 1), *reader.quiet(2)]
    assert found
    assert all(isinstance(frame, VideoFrame) for frame in found)
    assert reader.format.codec is None
    assert "High 4:2:2" in caplog.text


def hostile(chance: random.Random) -> bytes:
    """Bytes that look like H.264 and are not."""
    kind = chance.randrange(5)
    made = bytearray(b"".join(units(6)))
    if kind == 0:
        return chance.randbytes(60_000)
    if kind == 1:
        return b"".join(b"\0\0\1" + chance.randbytes(chance.randint(0, 8)) for _ in range(4000))
    if kind == 2:
        return bytes(80_000)
    if kind == 3:
        return b"\0\0\1\x67" * 9000
    for _ in range(60):
        made[chance.randrange(len(made))] = chance.randrange(256)
    return bytes(made)


@pytest.mark.parametrize("codec", ["H264", None])
@pytest.mark.parametrize("seed", range(12))
def test_hostile_bytes_neither_raise_nor_pile_up(seed: int, codec: str | None) -> None:
    """Noise, zeros, torn and damaged streams: `Unreadable` is the only exception, and a good stream is read after."""
    chance = random.Random(seed)
    reader = H264Units("pipe:test", VideoFormat(64, 64, 30.0, codec=codec))
    try:
        for piece in pieces(hostile(chance), chance, 3000):
            reader.feed(piece, 1)
            if chance.random() < 0.1:
                reader.quiet(1)
    except Unreadable:
        return
    found = [*reader.feed(b"".join(units()), 2), *reader.quiet(3)]
    assert len(found) >= 4


def test_zeros_for_ever_are_bounded() -> None:
    """A stream with no start is dropped again and again, and costs no time that grows."""
    reader = passed_on()
    for _ in range(300):
        assert reader.feed(bytes(1 << 17), 1) == []
    assert len(reader._units._buffer) <= h264.LONGEST + (1 << 17)


# --- JPEG
@pytest.mark.parametrize("seed", range(4))
def test_jpeg_pictures_are_cut_at_their_ends(seed: int) -> None:
    """However the stream is cut, and at once: the last byte of a picture completes it."""
    made, cutter, chance = units(8, codec="mjpeg", pixels="yuvj420p"), JpegCutter(), random.Random(seed)
    assert [found for piece in pieces(b"".join(made), chance) for found in cutter.push(piece)] == made
    assert [cutter.push(one) for one in made] == [[one] for one in made]


def test_a_thumbnail_within_a_picture_does_not_end_it() -> None:
    """What stands in a segment is read over."""
    (made,) = units(1, codec="mjpeg", pixels="yuvj420p")
    thumbnail = b"\xff\xe1" + (2 + len(made)).to_bytes(2, "big") + made
    whole = made[:2] + thumbnail + made[2:]
    assert JpegCutter().push(whole + whole) == [whole, whole]


@pytest.mark.parametrize("seed", range(8))
def test_hostile_jpeg_neither_raises_nor_piles_up(seed: int) -> None:
    """Starts with no end, ends with no start, noise between; a good picture after them is found."""
    chance, cutter = random.Random(seed), JpegCutter()
    made = units(3, codec="mjpeg", pixels="yuvj420p")
    parts = [b"\xff\xd8" * 40_000, b"\xff\xd9" * 100, b"\xff" * 5000, chance.randbytes(50_000), made[0][:300]]
    chance.shuffle(parts)
    for piece in pieces(b"".join(parts), chance, 5000):
        cutter.push(piece)
    found = [one for _ in range(40) for one in cutter.push(b"".join(made))]
    assert made[2] in found
    assert len(cutter._buffer) < 17 << 20


def test_mjpeg_is_decoded_and_the_newest_wins() -> None:
    """Of pictures that came at once the last is worth decoding; a damaged one is left out, nothing but those is not."""
    made = units(4, codec="mjpeg", pixels="yuvj420p")
    reader = MjpegPictures(VideoFormat(64, 64, 30.0))
    (frame,) = reader.feed(b"".join(made), SECOND)
    assert (frame.width, frame.time_ns, reader.format.width) == (128, SECOND, 128)
    damaged = b"\xff\xd8\xff\xda\x00\x04ab" + bytes(50) + b"\xff\xd9"
    assert reader.feed(damaged, 2 * SECOND) == []
    with pytest.raises(Unreadable, match="could not be decoded as mjpeg"):
        _ = [reader.feed(damaged, number) for number in range(100)]


def test_a_decoder_is_not_put_off_by_one_damaged_picture() -> None:
    """The next keyframe mends it."""
    decoder = PictureDecoder("h264")
    assert list(decoder.decode(b"\0\0\1\x65garbage", 1)) == []
    assert len([frame for unit in units() for frame in decoder.decode(unit, 1)]) == 12


# --- raw pictures and sound
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("size", [(128, 96), (70, 46)])
def test_raw_pictures_are_what_they_were(layout: str, size: tuple[int, int]) -> None:
    """Every layout, in sizes whose rows are padded and in sizes whose rows are not."""
    width, height = size
    made = [picture.reformat(format=layout) for picture in pictures(3, width, height)]
    data = b"".join(packed(picture, layout) for picture in made)
    reader, found = RawPictures(VideoFormat(width, height, 30.0, layout)), []
    for piece in pieces(data, random.Random(1), 9000):
        found += reader.feed(piece, 7)
    assert [packed(frame.picture, layout) for frame in found] == [packed(picture, layout) for picture in made]
    assert {frame.picture.format.name for frame in found} == {layout}


def packed(picture: av.VideoFrame, layout: str) -> bytes:
    """The planes one after the other with nothing between, as FFmpeg's rawvideo writes them."""
    out = b""
    for plane, (rows, row) in zip(picture.planes, plane_sizes(layout, picture.width, picture.height), strict=True):
        whole = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
        out += whole[:rows, :row].tobytes()
    return out


def test_y4m_says_itself_what_it_is() -> None:
    """Size, rate and layout come from its header."""
    made = list(pictures(3, 70, 46))
    data = b"YUV4MPEG2 W70 H46 F25:1 Ip A1:1 C420mpeg2 XYSCSS=420MPEG2\n"
    data += b"".join(b"FRAME Ixyz\n" + packed(picture, "yuv420p") for picture in made)
    reader, found = Y4mPictures(VideoFormat()), []
    for piece in pieces(data, random.Random(2)):
        found += reader.feed(piece, 7)
    assert [packed(frame.picture, "yuv420p") for frame in found] == [packed(picture, "yuv420p") for picture in made]
    assert str(reader.format) == "70x46@25 yuv420p"


@pytest.mark.parametrize(
    "text",
    [
        b"RIFF",
        b"YUV4MPEG2 W0 H1\n",
        b"YUV4MPEG2 W99999999 H1\n",
        b"YUV4MPEG2 W-4 H4\n",
        b"YUV4MPEG2 W16384 H16384\n",
        b"YUV4MPEG2 W4 H4 C420p10\n",
        b"Y" * 5000,
        b"Y\n",
        b"FRAME\n",
    ],
)
def test_what_is_no_y4m_is_said(text: bytes) -> None:
    """The message shows what came in its place."""
    with pytest.raises(Unreadable, match="YUV4MPEG2"):
        Y4mPictures(VideoFormat()).feed(text, 1)


@pytest.mark.parametrize(
    ("said", "fps"),
    [
        ("0:0", 30.0),
        ("1:0", 30.0),
        ("0:1", 30.0),
        ("1:" + "9" * 400, 30.0),
        ("9" * 400 + ":1", 1000.0),
        ("-25:1", 30.0),
        ("nan:1", 30.0),
        ("1:10", 0.1),
        ("24000:1001", 24000 / 1001),
    ],
)
def test_a_y4m_rate_that_cannot_be_is_not_known(said: str, fps: float) -> None:
    """Pictures come all the same, at the rate that was wished for."""
    reader = Y4mPictures(VideoFormat())
    (frame,) = reader.feed(f"YUV4MPEG2 W4 H4 F{said}\nFRAME\n".encode() + bytes(24), 1)
    assert (frame.width, reader.format.fps) == (4, fps)
    assert Allowance(reader.items_per_s, 30.0).wait_s(1) == 0


def test_a_jpeg_that_says_it_is_enormous_takes_no_memory() -> None:
    """Its header claims 65500x65500 pixels: it is left out as any damaged one."""
    (good,) = units(1, codec="mjpeg", pixels="yuvj420p")
    size = good.index(b"\xff\xc0") + 5
    enormous = good[:size] + (65_500).to_bytes(2, "big") * 2 + good[size + 4 :]
    assert list(PictureDecoder("mjpeg").decode(good, 1))
    assert list(PictureDecoder("mjpeg").decode(enormous, 1)) == []


def test_a_size_that_changes_with_each_picture_is_not_logged_each_time(caplog: pytest.LogCaptureFixture) -> None:
    """Ten lines a minute, as of whatever others can bring about."""
    reader = passed_on()
    streams = [units(1, size=size) for size in ((128, 96), (160, 96))]
    for number in range(60):
        reader.feed(streams[number % 2][0], number)
    assert len(caplog.records) == LINES
    assert "gives pictures of 160x96 from now on" in caplog.records[0].getMessage()


@pytest.mark.parametrize(
    ("layout", "kind", "one"), [("s16le", "<i2", 8192), ("s32le", "<i4", 8192 << 16), ("f32le", "<f4", 0.25)]
)
def test_samples_become_blocks(layout: str, kind: str, one: float) -> None:
    """Ten milliseconds each, int16, of the channels that were said, stamped with when the first sample was taken."""
    made = (np.arange(3 * 480 * 2) % 2 * one).astype(kind).tobytes()
    reader, found = Samples(AudioFormat(48_000, 2), layout), []
    for piece in pieces(made, random.Random(3)):
        found += reader.feed(piece, 9 * SECOND)
    assert [block.samples.shape for block in found] == [(480, 2)] * 3
    assert {(int(left), int(right)) for block in found for left, right in block.samples} <= {(0, 8192), (0, 8191)}
    whole = Samples(AudioFormat(48_000, 2), layout).feed(made, 9 * SECOND)
    assert [block.time_ns for block in whole] == [9 * SECOND - back * 10_000_000 for back in (3, 2, 1)]


def test_an_allowance_is_a_rate_and_a_burst() -> None:
    """What was taken beyond it has to be waited for."""
    allowance = Allowance(100.0, 50.0)
    allowance.take(50, SECOND)
    assert allowance.wait_s(SECOND) == 0
    allowance.take(10, SECOND)
    assert allowance.wait_s(SECOND) == pytest.approx(0.1)
    assert allowance.wait_s(2 * SECOND) == 0
    allowance.take(50, 10 * SECOND)
    assert allowance.wait_s(10 * SECOND) == 0


def test_encoded_frames_are_what_a_call_sends() -> None:
    """One `EncodedFrame` a unit."""
    reader = passed_on()
    assert all(isinstance(frame, EncodedFrame) for frame in reader.feed(b"".join(units()), 1))
