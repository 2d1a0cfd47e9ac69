"""The video jitter buffer, with loss and order as data."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

import pytest

from jackfield.media.video_buffer import VideoBuffer, VideoPacket
from jackfield.rtc.payload import vp8
from jackfield.values.media import EncodedFrame

MS = 1_000_000


class Letters:
    """A payload format in one letter: K begins a keyframe, D a delta frame, anything else goes on; ``!`` is damage."""

    def starts_frame(self, payload: bytes) -> bool:
        return payload[:1] in (b"K", b"D")

    def assemble(self, payloads: Sequence[bytes]) -> bytes:
        data = b"".join(payloads)
        if b"!" in data:
            raise ValueError("damaged")
        return data


def buffer(**options: int) -> VideoBuffer:
    return VideoBuffer("VP8", Letters(), lambda payload: payload[:1] == b"K", **options)


def packets(script: str, *, first: int = 100, ms: int = 1) -> list[VideoPacket]:
    """One packet a letter; a space ends the frame (marker on the packet before it); ``_`` is padding only."""
    made: list[VideoPacket] = []
    frame = 0
    for index, letter in enumerate(script):
        if letter == " ":
            frame += 1
            continue
        marker = index + 1 == len(script) or script[index + 1] == " "
        payload = b"" if letter == "_" else letter.encode()
        number = first + len(made)
        made.append(VideoPacket(number, frame * 3000, marker and bool(payload), payload, len(made) * ms * MS))
    return made


def play(into: VideoBuffer, flow: Iterable[VideoPacket]) -> list[EncodedFrame]:
    return [frame for packet in flow for frame in into.insert(packet)]


def text(frames: Iterable[EncodedFrame]) -> str:
    return " ".join(frame.data.decode() for frame in frames)


def test_a_frame_is_released_by_its_marker() -> None:
    """No packet of the next frame is waited for."""
    into = buffer()
    kept = [into.insert(packet) for packet in packets("Kab D")]
    assert [len(frames) for frames in kept] == [0, 0, 1, 1]
    assert kept[2][0].keyframe
    assert not kept[3][0].keyframe


def test_a_frame_without_marker_is_released_by_the_next() -> None:
    """Some encoders never set the marker bit; the timestamp tells."""
    unmarked = [
        VideoPacket(packet.sequence, packet.timestamp, False, packet.payload, packet.arrival_ns)
        for packet in packets("Ka Db D")
    ]
    assert text(play(buffer(), unmarked)) == "Ka Db"


def test_a_stream_joined_in_its_middle_waits_for_a_keyframe() -> None:
    """What comes before the first keyframe is dropped, and the first frame reports no loss."""
    into = buffer()
    frames = play(into, packets("bc Da Dc Ka Db"))
    assert text(frames) == "Ka Db"
    assert frames[0].lost_before == 0
    assert into.frames_dropped == 3


@pytest.mark.parametrize("seed", range(20))
def test_any_order_within_the_window_gives_the_same_frames(seed: int) -> None:
    """Reordering and duplicates change nothing but time."""
    script = "Kabcd " + " ".join(["Dab", "D", "Dabcdefg"] * 20)
    chance = random.Random(seed)
    flow = packets(script)
    rest = flow[1:] + chance.sample(flow[1:], 20)
    rest.sort(key=lambda packet: packet.sequence + chance.uniform(0, 12))
    assert text(play(buffer(), [flow[0], *rest])) == script


def test_padding_takes_a_number_and_nothing_else() -> None:
    """Padding-only packets neither open a frame nor stop one."""
    assert text(play(buffer(), packets("K_a _ D __ _D"))) == "Ka D D"


def test_a_gap_blocks_until_it_is_filled() -> None:
    """The frames behind it come all at once, in order."""
    into = buffer()
    flow = packets("Ka Dbc D D")
    late = flow.pop(3)
    assert text(play(into, flow)) == "Ka"
    assert into.blocked_since_ns == 4 * MS
    assert into.position == late.sequence
    assert text(into.insert(late)) == "Dbc D D"
    assert into.blocked_since_ns is None


def test_a_gap_is_given_up_for_the_next_keyframe() -> None:
    """At the deadline the buffer goes on at a keyframe that is already there, and counts what was lost."""
    into = buffer()
    flow = packets("Ka Dbc D Kd De")
    del flow[3]
    assert text(play(into, flow)) == "Ka"
    assert into.expire(44 * MS, 41 * MS) == []
    frames = into.expire(45 * MS, 41 * MS)
    assert text(frames) == "Kd De"
    assert [frame.lost_before for frame in frames] == [2, 0]


def test_a_gap_with_no_keyframe_behind_it_waits_for_one() -> None:
    """Deltas are dropped until a keyframe comes."""
    into = buffer()
    flow = packets("K D D D D Ka D")
    assert text(play(into, flow[:1] + flow[2:4])) == "K"
    assert into.expire(100 * MS, 10 * MS) == []
    assert into.waiting_for_keyframe
    assert into.position is None
    frames = play(into, flow[4:])
    assert text(frames) == "Ka D"
    assert frames[0].lost_before == 4


def test_a_keyframe_out_of_order_is_found_while_waiting() -> None:
    """Its later packets may come before its first one."""
    flow = packets("Kabc D")
    assert text(play(buffer(), [flow[1], flow[3], flow[0], flow[2], flow[4]])) == "Kabc D"


def test_parameter_sets_that_come_late_are_put_before_their_picture() -> None:
    """H.264: the picture's packet may overtake SPS and PPS; each of them begins a keyframe."""
    flow = packets("KKKab D")
    assert text(play(buffer(), [flow[2], flow[0], flow[1], *flow[3:]])) == "KKKab D"


def test_a_damaged_frame_is_like_a_gap_given_up() -> None:
    """It is dropped and a keyframe is waited for."""
    into = buffer()
    assert text(play(into, packets("K D! D D"))) == "K"
    assert into.waiting_for_keyframe
    assert into.frames_dropped == 1


def test_a_frame_that_begins_in_its_middle_is_damage() -> None:
    """Contiguous numbers with no beginning of a frame mean a sender that we cannot follow."""
    into = buffer()
    assert text(play(into, packets("K ab D K D"))) == "K K D"


def test_memory_is_bounded_whatever_comes() -> None:
    """A gap with endless packets behind it, a frame with no end, a wait with no keyframe."""
    into = buffer(capacity=64)
    flow = packets("K " + "D " * 500)
    play(into, [flow[0], *flow[2:]])
    assert into.waiting_for_keyframe
    play(into, packets("K" + "a" * 500, first=1000))
    assert into.waiting_for_keyframe
    play(into, packets("D " * 5000, first=3000))
    assert len(into._ahead) + len(into._current) <= 520


def test_a_crowd_of_damaged_keyframes_costs_one_look() -> None:
    """Damage behind a gap drops all that is held: no chain of restarts."""
    into = buffer(capacity=1000)
    flow = packets("K " + "K! " * 400)
    assert text(play(into, [flow[0], *flow[2:]])) == "K"
    assert into.expire(10_000 * MS, 0) == []
    assert into.waiting_for_keyframe


# --- temporal layers -------------------------------------------------------------------------------------------------
def layered(script: str) -> list[VideoPacket]:
    """Frames of one VP8 packet at 30 a second: K, or a layer's number, with y where it builds on the base alone.

    An x before it says that it is lost. Each frame's data ends with its place in the script.
    """
    made, base = [], 0
    for number, word in enumerate(script.split()):
        kind = word.lstrip("x")
        base += kind[0] in "K0"
        layer = 0 if kind[0] == "K" else int(kind[0])
        descriptor = bytes([0x90, 0xE0, 0x80, number, base, layer << 6 | (0x20 if "y" in kind else 0)])
        body = bytes([0 if kind[0] == "K" else 1, number])
        if word[0] != "x":
            made.append(VideoPacket(number, number * 3000, True, descriptor + body, number * 33 * MS))
    return made


@pytest.mark.parametrize(
    ("script", "released", "waits"),
    [
        ("K 2y 1y x2 0 2y 1y 2 0", "0 1 2 4 5 6 8", False),
        ("K 2y x1y 2 0 2y 1y 2 0", "0 1 4 5 6 8", False),
        ("K x2 1y 2 0 2y", "0 2 4 5", False),
        ("K x1 1 0 1 1y 1 0", "0 3 5 6 7", False),
        ("K 2y 1y 2 x0 2y 1y 2 0 2y K", "0 1 2 3 10", False),
        ("K 1y 0 x1 x0 1y 0 1y 0 1y", "0 1 2", True),
    ],
)
def test_a_lost_frame_that_nothing_builds_on_costs_no_keyframe(script: str, released: str, waits: bool) -> None:
    """It goes on with the next frame of the base layer; where one of those is lost, with a keyframe alone.

    Upper layers come back where they build on the base alone: until then nobody knows what they need.
    """
    into = VideoBuffer("VP8", vp8.Depacketizer(), vp8.is_keyframe, layer=vp8.temporal_layer)
    frames = []
    for packet in layered(script):
        frames += into.insert(packet) + into.expire(packet.arrival_ns, 40 * MS)
    frames += into.expire(10_000 * MS, 40 * MS)
    assert " ".join(str(frame.data[1]) for frame in frames) == released
    assert [frame.lost_before for frame in frames if not frame.keyframe] == [0] * sum(not f.keyframe for f in frames)
    assert into.waiting_for_keyframe == waits


def test_the_base_layer_is_waited_for_a_little_longer() -> None:
    """While all that came says that it is whole; not where a frame of it is missing."""
    for script, extra_ms in (("K x1y 2 2", 150), ("K x0 1y 2", 0)):
        into = VideoBuffer("VP8", vp8.Depacketizer(), vp8.is_keyframe, layer=vp8.temporal_layer)
        for packet in layered(script):
            into.insert(packet)
        blocked_ns = into.blocked_since_ns
        assert blocked_ns is not None
        assert into.gives_up_ns(40 * MS) == blocked_ns + (40 + extra_ms) * MS
