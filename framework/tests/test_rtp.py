"""RTP packets are read, written and survived."""

import random

import pytest

from jackfield.rtc import rtp
from jackfield.rtc.rtp import RtpPacket, SequenceUnwrapper, TimestampUnwrapper

PACKETS = [
    RtpPacket(111, 0, 0, 1, b"sound"),
    RtpPacket(96, 65535, 2**32 - 1, 2**32 - 1, b"picture", marker=True, extensions={1: b"a", 14: b"b" * 16}, padding=4),
    RtpPacket(96, 7, 8, 9, b"", extensions={1: b"", 200: b"long" * 20}),
    RtpPacket(96, 7, 8, 9, b"", padding=255),
]


@pytest.mark.parametrize("packet", PACKETS)
def test_a_packet_comes_back_as_it_was(packet: RtpPacket) -> None:
    """Writing and reading is the identity, in both extension forms and with padding."""
    assert rtp.parse(rtp.serialise(packet)) == packet


@pytest.mark.parametrize("shared", [{}, {1: b"a", 14: b"b" * 16}, {200: b"long" * 20}])
def test_numbers_are_written_in_their_place(shared: dict[int, bytes]) -> None:
    """In both extension forms, across the wrap, also where one packet has extensions of its own; none is changed."""
    own = {2: b"other"}
    packets = [RtpPacket(96, n, 0, 9, b"x" * n, n == 3, own if n == 2 else shared, padding=n) for n in range(4)]
    found = [rtp.parse(data) for data in rtp.numbered(packets, 3, 65_534)]
    assert [packet.extensions.pop(3) for packet in found] == [b"\xff\xfe", b"\xff\xff", b"\0\0", b"\0\1"]
    assert found == packets
    assert 3 not in shared


def test_fields_are_read_in_place() -> None:
    """The readers in place agree with the parsed packet."""
    packet = PACKETS[1]
    data = rtp.serialise(packet)
    assert (rtp.sequence(data), rtp.timestamp(data), rtp.ssrc(data)) == (65535, 2**32 - 1, 2**32 - 1)
    assert (rtp.payload_type(data), rtp.marker(data), rtp.is_rtcp(data)) == (96, True, False)
    assert data[rtp.header_length(data) :].startswith(b"picture")


@pytest.mark.parametrize(
    "block",
    [
        b"\xbe\xde\x00\x01\x1f\x00\x00\x00",  # one byte form: 16 bytes promised, three there
        b"\x10\x00\x00\x01\x01\xff\x00\x00",  # two byte form: 255 bytes promised
        b"\xbe\xde\x00\x01\xf0\x00\x00\x00",  # id 15 ends the list
        b"\x12\x34\x00\x01\x01\x02\x03\x04",  # a profile nobody knows
    ],
)
def test_a_malformed_extension_costs_only_itself(block: bytes) -> None:
    """facts/aiortc finding 7: such a packet killed the whole connection; here the payload arrives."""
    data = b"\x90\x60" + bytes(10) + block + b"payload"
    packet = rtp.parse(data)
    assert packet.payload == b"payload"
    assert packet.extensions == {}


def test_random_bytes_raise_nothing_but_value_error() -> None:
    """Whatever a peer sends, `ValueError` is all that comes of it."""
    chance = random.Random(7)
    refused = 0
    for _ in range(5000):
        data = (
            bytes([0x80 | chance.randrange(64)]) + chance.randbytes(13) + b"\0" + chance.randbytes(chance.randrange(40))
        )
        try:
            rtp.parse(data)
        except ValueError:
            refused += 1
    assert 0 < refused < 5000


def test_counters_grow_across_the_wrap_and_back() -> None:
    """A late packet from before the wrap keeps its place."""
    sequence = SequenceUnwrapper()
    assert [sequence.unwrap(value) for value in (65534, 65535, 1, 0, 65533, 2)] == [
        65534, 65535, 65537, 65536, 65533, 65538,
    ]  # fmt: skip
    timestamps = TimestampUnwrapper()
    values = (2**32 - 3000, 0, 2**32 - 6000)
    assert [timestamps.unwrap(value) for value in values] == [2**32 - 3000, 2**32, 2**32 - 6000]
