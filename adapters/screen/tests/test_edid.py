"""What a monitor says of itself becomes a part of its id."""

from __future__ import annotations

import pytest
from jackfield_screen.x11.edid import parse


def edid(name: bytes = b"", maker: bytes = bytes([0x10, 0xAC])) -> bytes:
    """A monitor of Dell's, product 0xA0B1, with or without a name."""
    block = bytearray(128)
    block[:8] = bytes.fromhex("00ffffffffffff00")
    block[8:12] = maker + bytes([0xB1, 0xA0])
    if name:
        block[72:90] = b"\0\0\0\xfc\0" + (name + b"\n").ljust(13)[:13]
    return bytes(block)


@pytest.mark.parametrize(
    ("raw", "mark"),
    [
        (edid(b"DELL U2720Q"), "DEL-DELL-U2720Q"),
        (edid(), "DEL-a0b1"),
        (edid(b"Thirteen char"), "DEL-Thirteen-char"),
        (edid(b"x", maker=b"\0\0"), "x"),
    ],
)
def test_a_monitor_is_known_by_maker_and_name(raw: bytes, mark: str) -> None:
    """The number of the product stands in for a name that it does not tell."""
    monitor = parse(raw)
    assert monitor is not None
    assert monitor.mark == mark


@pytest.mark.parametrize("raw", [b"", edid()[:127], b"\1" * 128])
def test_what_is_no_edid_says_nothing(raw: bytes) -> None:
    """A monitor behind an adapter that garbles it is known by its plug alone."""
    assert parse(raw) is None
