"""The video jitter buffer, with loss and order as data."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

import pytest

from jackfield.media.video_buffer import VideoBuffer, VideoPacket
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
