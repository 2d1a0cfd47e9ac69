"""Frames and packets sealed and opened, in the form that LiveKit's SDKs give them. Real peers: tests/test_e2ee_*."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from fractions import Fraction
from functools import cache
from typing import Any

import av
import numpy as np
import pytest
from attrs import evolve
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from livekit.protocol.models import DataPacket, EncryptedPacket, RpcAck, SipDTMF, UserPacket

from jackfield.media.encryption import frames, nonces, packets
from jackfield.media.encryption.frames import FrameSealer, Sealed, canonical, escaped, opened, unescaped
from jackfield.media.encryption.keys import Key, KeyRing
from jackfield.media.encryption.nonces import Nonces
from jackfield.rtc import payload
from jackfield.session import encryption
from jackfield.session.encryption import CallEncryption
from jackfield.session.second_keyframe import SecondKeyframe
from jackfield.testing.timers import ManualTimers
from jackfield.values.errors import EncryptionError
from jackfield.values.media import EncodedFrame

START = b"\x00\x00\x00\x01"
SPS, PPS, IDR = bytes.fromhex("6742c01e"), bytes.fromhex("68ce3c80"), bytes.fromhex("6588840123456789")
LIMIT_S = 10.0


@cache
def key(text: str, steps: int = 0) -> Key:
    """Keys take their time to make."""
    return Key(text.encode()) if steps == 0 else key(text, steps - 1).ratcheted()


def ring(text: str = "hush", index: int = 0) -> KeyRing:
    return KeyRing(key(text), index)


def frame(codec: Any, data: bytes, *, keyframe: bool = True) -> EncodedFrame:
    return EncodedFrame(data, codec, keyframe, 0)


def aes(text: str) -> AESGCM:
    """The key as the SDKs derive it, made here without ours."""
    return AESGCM(hashlib.pbkdf2_hmac("sha256", text.encode(), b"LKFrameEncryptionKey", 100_000, 16))


ACCESS_UNIT = START + SPS + START + PPS + START + IDR
#: Codec, whether it is a key frame, a frame, and how much of it stays in the clear.
FORMS = [
    ("VP8", True, bytes(range(100)), 10),
    ("VP8", False, bytes(range(100)), 3),
    ("opus", False, bytes(range(100)), 1),
    ("VP9", True, bytes(range(100)), 0),
    ("H264", True, ACCESS_UNIT, len(ACCESS_UNIT) - len(IDR) + 2),
    ("H264", False, START + bytes([0x41, 0x9A, 3, 4, 5]), 6),
]


@pytest.mark.parametrize(("codec", "keyframe", "data", "clear"), FORMS)
def test_a_sealed_frame_has_the_form_that_others_read(codec: str, keyframe: bool, data: bytes, clear: int) -> None:
    """In the clear, encrypted with the clear part authenticated, nonce, 12, index; and it opens to what it was."""
    plain = frame(codec, data, keyframe=keyframe)
    for index in (0, 7):
        sealed = FrameSealer(ring(index=index)).seal(plain).data
        assert sealed[:clear] == data[:clear]
        rest = sealed[clear:].replace(b"\0\0\3", b"\0\0") if codec == "H264" else sealed[clear:]
        assert rest[-2:] == bytes([12, index])
        assert aes("hush").decrypt(rest[-14:-2], rest[:-14], data[:clear]) == data[clear:]
        assert len(rest) == len(data) - clear + 16 + 14
        assert opened(evolve(plain, data=sealed), ring(index=index)).data == data


def test_frames_of_others_open() -> None:
    """One that was made here by the books, with a nonce of zeros in it, as SSRC and timestamp may be."""
    nonce = bytes.fromhex("000000010000000200000003")
    body = aes("hush").encrypt(nonce, IDR[2:], ACCESS_UNIT[:-6])
    data = ACCESS_UNIT[:-6] + escaped(body + nonce + bytes([12, 0]))
    assert b"\0\0\1" not in data[len(ACCESS_UNIT) - 6 :]
    assert opened(frame("H264", data), ring()).data == ACCESS_UNIT


def test_h264_is_sealed_as_it_is_put_together_again() -> None:
    """Short start codes become long ones, delimiters and what may be long before the slice go, further slices stay."""
    second = bytes([0x65, 0x40, 1, 2, 3])
    units = [bytes([9, 0xF0]), SPS, PPS, bytes([6, 5]) + bytes(range(1, 255)), IDR, second]
    short = b"".join(b"\0\0\1" + unit for unit in units)
    sealed = FrameSealer(ring()).seal(frame("H264", short))
    wanted = b"".join(START + unit for unit in (SPS, PPS, IDR, second))
    assert opened(sealed, ring()).data == canonical(short) == wanted


@pytest.mark.parametrize("size", [5, 3000])
def test_sealed_h264_passes_through_packets_bit_by_bit(size: int) -> None:
    """The index of its key is a zero at its end, which belongs to it; keyframes are told from their packets alone."""
    plain = frame("H264", ACCESS_UNIT[:-6] + bytes(number % 251 + 1 for number in range(size)))
    sealer, packetizer = FrameSealer(ring()), payload.packetizer("H264")
    for _ in range(50):
        sealed = sealer.seal(plain)
        assert sealed.data[-1] == 0
        parts = packetizer.packetize(sealed)
        assert payload.is_keyframe("H264", parts[0])
        together = payload.depacketizer("H264").assemble(parts)
        assert opened(evolve(sealed, data=together), ring()).data == plain.data


@pytest.mark.parametrize("codec", ["VP8", "VP9"])
def test_packets_of_a_sealed_frame_tell_the_server_what_it_needs(codec: str) -> None:
    """Keyframe or not, by the packet alone; VP9's size is told beside the frame, since it cannot be read in it."""
    header = {
        "VP8": bytes.fromhex("900000") + b"\x9d\x01\x2a" + bytes.fromhex("40014001"),
        "VP9": bytes.fromhex("824983420009f006764000"),
    }[codec]
    plain = frame(codec, header + bytes(3000))
    assert payload.frame_size(codec, plain.data)
    sealed = FrameSealer(ring()).seal(plain)
    parts = payload.packetizer(codec).packetize(sealed)
    assert payload.is_keyframe(codec, parts[0])
    together = payload.depacketizer(codec).assemble(parts)
    assert opened(evolve(sealed, data=together), ring()).data == plain.data
    if codec == "VP8":
        assert payload.frame_size(codec, sealed.data) == payload.frame_size(codec, plain.data)
    else:
        assert (sealed.width, sealed.height) == payload.frame_size(codec, plain.data)
        assert not payload.is_keyframe(codec, payload.packetizer(codec).packetize(evolve(plain, keyframe=False))[0])


@pytest.mark.parametrize(
    ("plain", "wanted"),
    [("", ""), ("0000", "0000"), ("000000", "00000300"), ("000001", "00000301"), ("000003", "00000303"),
     ("000004", "000004"), ("0000000000", "00000300000300"), ("00000000000001", "0000030000030000 0301"),
     ("ff000002ff", "ff00000302ff")],
)  # fmt: skip
def test_what_looks_like_a_start_code_is_escaped(plain: str, wanted: str) -> None:
    """As in NAL units: three after two zeros, wherever a byte of three or less follows."""
    data = bytes.fromhex(plain)
    assert escaped(data) == bytes.fromhex(wanted)
    assert unescaped(escaped(data)) == data


def test_nonces_are_never_the_same_and_have_no_zeros(monkeypatch: pytest.MonkeyPatch) -> None:
    """A counter in a part of its own; past its end, another random part. libwebrtc reads them before it unescapes."""
    found = Nonces()
    many = {found.next() for _ in range(2000)}
    assert len(many) == 2000
    assert all(len(nonce) == 12 and 0 not in nonce for nonce in many)
    assert len({nonce[:8] for nonce in many}) == 1
    monkeypatch.setattr(nonces, "_BASE", 3)
    short = Nonces()
    assert len({short.next() for _ in range(3**4 * 3)}) == 3**4 * 3


def test_what_does_not_open_says_why() -> None:
    """Another key, an index without one, what was changed on the way, what was never encrypted, what is too short."""
    sealed = FrameSealer(ring()).seal(frame("opus", b"\xfchello"))
    changed = evolve(sealed, data=b"\xfd" + sealed.data[1:])
    elsewhere = evolve(sealed, data=sealed.data[:-1] + b"\x05")
    for wrong, keys, words, index in (
        (sealed, ring("other"), "with another key", 0),
        (changed, ring(), "with another key", 0),
        (elsewhere, ring(), "key of index 5, which is not known", None),
        (frame("opus", b"\xfc" + bytes(100)), ring(), "not encrypted as was announced", None),
        (frame("opus", b"\xfc\x0c\x00"), ring(), "not encrypted as was announced", None),
    ):
        with pytest.raises(Sealed, match=words) as caught:
            opened(wrong, keys)
        assert caught.value.index == index
    empty = frame("opus", b"")
    assert opened(empty, ring()) is FrameSealer(ring()).seal(empty) is empty
    with pytest.raises(ValueError, match="AV1 cannot be encrypted end to end"):
        FrameSealer(ring()).seal(frame("AV1", b"x" * 50))


def test_a_key_goes_on_as_it_does_in_the_sdks() -> None:
    """Thirty-two more bytes of the same derivation are the next key's material."""
    material = hashlib.pbkdf2_hmac("sha256", b"hush", b"LKFrameEncryptionKey", 100_000, 32)
    assert key("hush", 1).material == material
    with pytest.raises(ValueError, match="0 to 15; this is 16"):
        ring(index=16)


def test_packets_are_sealed_and_opened() -> None:
    """The value is encrypted, the way to whom it is for is not; what has no encrypted form goes as it is."""
    packet = DataPacket(user=UserPacket(payload=b"x", topic="t"), participant_identity="ada")
    packet.destination_identities.append("bob")
    sealed = packets.PacketSealer(ring(index=2)).seal(packet)
    assert sealed.WhichOneof("value") == "encrypted_packet"
    assert (list(sealed.destination_identities), sealed.participant_identity) == (["bob"], "ada")
    assert sealed.encrypted_packet.key_index == 2
    assert sealed.encrypted_packet.encrypted_value != b"x"
    assert packets.opened(sealed, ring(index=2)) == packet
    tones = DataPacket(sip_dtmf=SipDTMF(code=1))
    assert packets.PacketSealer(ring()).seal(tones) is tones
    short = DataPacket(encrypted_packet=EncryptedPacket(iv=b"short"))
    junk = EncryptedPacket(iv=bytes(12), encrypted_value=aes("hush").encrypt(bytes(12), b"\xff" * 9, None))
    for wrong, keys, words in (
        (sealed, ring(), "index 2, which is not known"),
        (sealed, ring("other", 2), "another key"),
        (short, ring(), "not encrypted as was"),
        (DataPacket(encrypted_packet=junk), ring(), "no packet"),
    ):
        with pytest.raises(Sealed, match=words):
            packets.opened(wrong, keys)


class Heard:
    """An encryption whose complaints are kept."""

    def __init__(self, keys: KeyRing | None, **options: Any) -> None:
        self.errors: list[tuple[str, str]] = []
        self.again = 0
        self.encryption = CallEncryption(keys, lambda error, what: self.errors.append((error.code, what)), **options)
        self.opener = self.encryption.opener("ada's camera", self._again)

    def _again(self) -> None:
        self.again += 1


async def settled(heard: Heard) -> None:
    task = heard.opener._searching
    if task is not None:
        await asyncio.wait_for(asyncio.wait({task}), LIMIT_S)


async def test_what_cannot_be_read_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a few frames in a row; when it could be read in between, once more. A keyframe is asked for then."""
    monkeypatch.setattr(encryption, "RATCHETS", 0)
    heard, other = Heard(ring()), FrameSealer(ring("other"))
    good, bad = FrameSealer(ring()).seal(frame("opus", b"\xfcyes")), other.seal(frame("opus", b"\xfcno"))
    assert heard.opener.open(bad) is None
    assert heard.opener.open(good).data == b"\xfcyes"  # type: ignore[union-attr]
    await settled(heard)
    assert (heard.errors, heard.again) == ([], 1)
    for _ in range(2):
        for _ in range(3 * encryption.PATIENCE):
            assert heard.opener.open(bad) is None
            await settled(heard)
        assert heard.opener.open(good)
    assert heard.errors == [("ERROR_ENCRYPTION", "ada's camera")] * 2
    assert heard.again == 3


async def test_what_cannot_be_read_is_not_said_without_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither by who sends good frames in between, nor by tracks that come and go; another key is another matter."""
    monkeypatch.setattr(encryption, "RATCHETS", 0)
    monkeypatch.setattr(encryption, "TOLD_MAX", 10)
    heard = Heard(ring())
    good = FrameSealer(ring()).seal(frame("opus", b"\xfcyes"))
    bad = frame("opus", good.data[:-1] + b"\x05")  # names a key that nobody has: told of without a search

    def often(opener: encryption.TrackOpener) -> None:
        for _ in range(20):
            assert [opener.open(bad) for _ in range(encryption.PATIENCE)] == [None] * encryption.PATIENCE
            assert opener.open(good)

    often(heard.opener)
    for _ in range(20):  # the same track, published again and again
        often(heard.encryption.opener("ada's camera", lambda: None))
    assert len(heard.errors) == encryption.TOLD_EACH
    for number in range(100):
        often(heard.encryption.opener(f"ada's camera {number}", lambda: None))
    assert len(heard.errors) == 10 * encryption.TOLD_EACH
    await heard.encryption.set_key("hush")
    often(heard.opener)
    assert len(heard.errors) == 11 * encryption.TOLD_EACH


async def test_without_a_key_nothing_is_read_and_it_is_said() -> None:
    """Frames and data alike; keys cannot be set in a call whose own media is not encrypted."""
    heard = Heard(None)
    sealed = FrameSealer(ring()).seal(frame("opus", b"\xfcno"))
    assert all(heard.opener.open(sealed) is None for _ in range(20))
    packet = packets.PacketSealer(ring()).seal(DataPacket(rpc_ack=RpcAck(), participant_identity="ada"))
    read: list[DataPacket] = []
    for _ in range(5):
        heard.encryption.read(packet, read.append)
    assert read == []
    assert heard.errors == [("ERROR_ENCRYPTION", "ada's camera"), ("ERROR_ENCRYPTION", "data of ada")]
    assert heard.encryption.sealer() is None
    assert heard.encryption.seal(packet) is packet
    with pytest.raises(EncryptionError, match="not joined with e2ee_key"):
        await heard.encryption.set_key("late")


async def test_a_key_that_went_on_is_found_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two steps ahead: what comes then is read, and we send with it too. Nonsense is sought for once, not each time."""
    made = 0
    ratcheted = Key.ratcheted

    def counted(self: Key) -> Key:
        nonlocal made
        made += 1
        return ratcheted(self)

    monkeypatch.setattr(Key, "ratcheted", counted)
    keys = ring()
    heard = Heard(keys)
    ahead = FrameSealer(KeyRing(key("hush", 2))).seal(frame("opus", b"\xfcyes"))
    made = 0
    for _ in range(50):
        assert heard.opener.open(ahead) is None
    await settled(heard)
    assert heard.opener.open(ahead)
    assert keys.key.material == key("hush", 2).material
    assert (heard.errors, made) == ([], 2)
    made = 0
    wrong = FrameSealer(ring("other")).seal(frame("opus", b"\xfcno"))
    monkeypatch.setattr(encryption, "RATCHETS", 3)
    for _ in range(3):
        for opener in (heard.opener, heard.encryption.opener("bob's camera", lambda: None)):
            for _ in range(20):
                opener.open(wrong)
            if opener._searching is not None:
                await asyncio.wait_for(asyncio.wait({opener._searching}), LIMIT_S)
            opener.open(wrong)
    assert made == 3
    later = FrameSealer(KeyRing(key("hush", 3))).seal(frame("opus", b"\xfclater"))
    opener = heard.encryption.opener("carol's camera", lambda: None)
    assert opener.open(later) is None  # whoever sent nonsense before her has not spent her search
    await asyncio.wait_for(asyncio.wait({opener._searching}), LIMIT_S)
    assert opener.open(later)
    assert ("ERROR_ENCRYPTION", "ada's camera") in heard.errors


async def test_data_of_a_key_that_went_on_is_read_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes while the key is sought waits for it; what no key opens is said once, and holds up nobody."""
    monkeypatch.setattr(encryption, "RATCHETS", 2)
    heard, read = Heard(ring()), list[str]()

    def came(sealer: packets.PacketSealer, uid: str, text: bytes) -> None:
        packet = sealer.seal(DataPacket(user=UserPacket(payload=text), participant_identity=uid))
        heard.encryption.read(packet, lambda opened: read.append(opened.user.payload.decode()))

    now, ahead = packets.PacketSealer(ring()), packets.PacketSealer(KeyRing(key("hush", 2)))
    strange = packets.PacketSealer(ring("other"))
    came(strange, "eve", b"?")
    came(now, "bob", b"one")
    assert read == []
    await asyncio.wait_for(asyncio.wait({heard.encryption._reading}), LIMIT_S)  # type: ignore[type-var]
    for number, sealer in enumerate((ahead, ahead, strange, ahead)):
        came(sealer, "eve" if sealer is strange else "ada", str(number).encode())
    await asyncio.wait_for(asyncio.wait({heard.encryption._reading}), LIMIT_S)  # type: ignore[type-var]
    came(strange, "eve", b"?")
    came(ahead, "ada", b"4")
    await asyncio.wait_for(asyncio.wait({heard.encryption._reading}), LIMIT_S)  # type: ignore[type-var]
    assert read == ["one", "0", "1", "3", "4"]
    assert heard.errors == [("ERROR_ENCRYPTION", "data of eve")]


async def test_keys_of_several_indexes_hold_beside_each_other() -> None:
    """A call changes its key without a gap: what was sealed with the one before opens still."""
    keys = ring()
    heard = Heard(keys)
    before = FrameSealer(keys).seal(frame("opus", b"\xfcbefore"))
    await heard.encryption.set_key("next", 1)
    sealer = heard.encryption.sealer()
    assert sealer
    after = sealer(frame("opus", b"\xfcafter"))
    assert after.data[-1] == 1
    assert heard.opener.open(before).data == b"\xfcbefore"  # type: ignore[union-attr]
    assert opened(after, ring("next", 1)).data == b"\xfcafter"
    await heard.encryption.ratchet()
    assert keys.key.material == key("next", 1).material


async def test_the_servers_own_frames_are_left_out() -> None:
    """LiveKit fills pauses with frames of its own, which end in what it said at the join: nobody's picture."""
    heard = Heard(ring(), filler=b"LKROCKS")
    assert all(heard.opener.open(frame("VP8", bytes(50) + b"LKROCKS")) is None for _ in range(20))
    await settled(heard)
    assert heard.errors == []
    assert frames.CODECS == ("VP8", "H264", "VP9", "opus")


def test_who_asks_for_a_keyframe_gets_another_one_and_not_too_many() -> None:
    """The layer that was asked for at once, every layer a while later, however often it was asked for meanwhile."""
    forced: list[str] = []
    clock = ManualTimers()
    second = SecondKeyframe(forced.append, clock)
    second.asked("h")
    clock.advance(2.0)
    second.asked("q")
    assert forced == ["h", "q"]
    clock.advance(0.5)
    assert forced == ["h", "q", ""]
    second.asked("f")
    clock.advance(9.9)
    assert forced == ["h", "q", "", "f"], "not again so soon"
    clock.advance(0.1)
    assert forced == ["h", "q", "", "f", ""]
    second.asked("h")
    second.end()
    clock.advance(60)
    second.asked("q")
    assert forced == ["h", "q", "", "f", "", "h", "q"]
    assert second._timer is None, "a track that is over needs no other one"


def test_a_sealed_keyframe_is_drawn_black_without_a_complaint() -> None:
    """What `SecondKeyframe` is there for: of many keys some give a picture, and it is black; pictures build on it."""
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = 320, 180, "yuv420p", Fraction(1, 15)
    encoder.options = {"preset": "veryfast", "tune": "zerolatency", "profile": "baseline"}
    picture = av.VideoFrame.from_ndarray(np.full((180, 320), 120, np.uint8), format="gray").reformat(format="yuv420p")
    units = []
    for pts in range(2):
        picture.pts = pts
        units += [canonical(bytes(packet)) for packet in encoder.encode(picture)]
    drawn = []
    for number in range(40):
        sealed = FrameSealer(ring(f"key {number}")).seal(frame("H264", units[0])).data
        decoder = av.CodecContext.create("h264", "r")
        with contextlib.suppress(av.FFmpegError):
            for unit in (sealed, units[1]):
                drawn += [shown.to_ndarray(format="gray").mean() for shown in decoder.decode(av.Packet(unit))]
    assert drawn
    assert min(drawn) < 20


@pytest.mark.parametrize("text", ["", "k" * 1025])
async def test_a_key_that_is_none_is_refused(text: str) -> None:
    """And the one that is there stays."""
    kept = ring()
    call = CallEncryption(kept, lambda error, what: None)
    before = kept.key
    with pytest.raises(EncryptionError, match=f"1 to 1024 characters; this one has {len(text)}"):
        await call.set_key(text)
    assert kept.key is before
