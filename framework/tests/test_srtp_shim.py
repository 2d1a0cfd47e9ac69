"""Sealing and opening in place, against pylibsrtp's own: these fail, by name, when that library moves."""

from __future__ import annotations

import gc
import os

import pylibsrtp
import pytest
from pylibsrtp import Policy, Session

from jackfield.rtc import rtp, srtp_shim

PROFILES = {
    "AES128_CM_SHA1_80": (Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 30, 10),
    "AEAD_AES_128_GCM": (Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 28, 16),
    "AEAD_AES_256_GCM": (Policy.SRTP_PROFILE_AEAD_AES_256_GCM, 44, 16),
}


def pair(profile: int, key: bytes) -> tuple[Session, Session]:
    return (
        Session(Policy(key, Policy.SSRC_ANY_OUTBOUND, 0, profile)),
        Session(Policy(key, Policy.SSRC_ANY_INBOUND, 0, profile)),
    )


@pytest.fixture(params=["in place", "copying"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "copying":
        monkeypatch.setattr(srtp_shim, "IN_PLACE", False)


def test_packets_are_sealed_in_place_with_this_pylibsrtp() -> None:
    """The private names are there; else forwarding still works, at half the speed."""
    assert srtp_shim.IN_PLACE


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("name", PROFILES)
def test_sealed_and_opened(name: str) -> None:
    """Both ways agree with pylibsrtp's own, byte for byte, anywhere in the memory; nothing around is touched."""
    profile, size, tag = PROFILES[name]
    key = os.urandom(size)
    sending, receiving = pair(profile, key)
    same, _ = pair(profile, key)
    copying, _ = pair(profile, key)
    seal, unseal, protect = srtp_shim.sealer(sending), srtp_shim.opener(receiving), srtp_shim.protector(copying)
    del sending, receiving, copying
    gc.collect()
    memory = srtp_shim.Memory(8192)
    for number, offset in enumerate((0, 1, 4001)):
        packet = rtp.serialise(rtp.RtpPacket(96, number, 0, 7, os.urandom(1150)))
        memory.bytes[:] = b"\xee" * 8192
        memory.bytes[offset : offset + len(packet)] = packet
        sealed = seal(memory, offset, len(packet))
        assert sealed == len(packet) + tag
        found = memory.bytes[offset : offset + sealed]
        assert found == same.protect(packet) == protect(packet)
        assert unseal(found) == packet
        assert set(memory.bytes[:offset]) <= {0xEE}
        assert set(memory.bytes[offset + sealed :]) == {0xEE}


@pytest.mark.usefixtures("way")
def test_what_does_not_hold_is_an_error() -> None:
    """Forged, repeated, too long, too short: each is refused as `SRTP_ERRORS` says, and the session goes on."""
    sending, receiving = pair(Policy.SRTP_PROFILE_AEAD_AES_128_GCM, os.urandom(28))
    unseal = srtp_shim.opener(receiving)
    sealed = sending.protect(rtp.serialise(rtp.RtpPacket(96, 1, 0, 7, b"x")))
    for data in (sealed[:-1] + b"!", b"", b"\x80", bytes(3000)):
        with pytest.raises((pylibsrtp.Error, ValueError)):
            unseal(data)
    assert unseal(sealed)[-1:] == b"x"
    with pytest.raises(pylibsrtp.Error):
        unseal(sealed)
    memory = srtp_shim.Memory(4096)
    with pytest.raises(pylibsrtp.Error):
        srtp_shim.sealer(sending)(memory, 0, 4)
    protect = srtp_shim.protector(sending)
    for data in (b"", b"\x80", bytes(3000)):
        with pytest.raises((pylibsrtp.Error, ValueError)):
            protect(data)
    assert protect(rtp.serialise(rtp.RtpPacket(96, 2, 0, 7, b"x"))) != sealed
