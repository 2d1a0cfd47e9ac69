"""Every reader of what peers send, with what is right for it and the errors that it may raise."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from attrs import field, frozen
from livekit.protocol import models
from livekit.protocol import room as api
from livekit.protocol import rtc as signals

from jackfield import links, tokens
from jackfield.media import av1, h264, vp9
from jackfield.media.encryption import frames as sealed_frames
from jackfield.media.encryption import packets as sealed_packets
from jackfield.media.encryption.keys import Key, KeyRing
from jackfield.media.h264_sps import Sps
from jackfield.rtc import candidates, ice_lite, negotiation, payload, rtcp, rtp, sdp, signalling
from jackfield.rtc.aioice_shim import _candidate
from jackfield.rtc.codecs import parameters_for, red_for
from jackfield.rtc.payload import red
from jackfield.rtc.twcc_format import TOLD_MAX, TransportFeedback
from jackfield.server.sfu import data, descriptor
from jackfield.server.sfu.answer import Announced, build_answer
from jackfield.server.sfu.packets import extension
from jackfield.server.sfu.signal import read_request
from jackfield.server.sfu.tokens import Refused, Verifier
from jackfield.server.sfu.twirp import TwirpError, read_message
from jackfield.values.errors import CallError
from jackfield.values.media import EncodedFrame

KEYS = {"key": "a-secret-that-is-long-enough-for-hs256"}
_KEYFRAMES = {
    "VP8": b"\x10\x00\x9d\x01\x2a\x80\x02\xe0\x01" + bytes(40),
    "VP9": b"\x82\x49\x83\x42\x00\x27\xf0\x1d\xf0" + bytes(40),
    "H264": b"\0\0\0\1\x67\x42\xe0\x1f\xda\x02\x80\xbf\xe5\xc0\x44"
    b"\0\0\0\1\x68\xce\x3c\x80\0\0\0\1\x65\x88" + b"\1" * 3000,
    "AV1": b"\x12\x00" + av1.sized(b"\x08\x00\x00\x00\x04\x3c\xff\xbc") + av1.sized(b"\x30" + b"\1" * 2500),
    "H265": b"\0\0\0\1\x40\x01\x0c\0\0\0\1\x42\x01\x01\0\0\0\1\x44\x01\xc0\0\0\0\1\x26\x01" + b"\1" * 3000,
    "opus": b"\x78" + bytes(60),
}  # fmt: skip
_RING = KeyRing(Key(b"shared by both"))


@frozen
class Parser:
    """``read`` takes an input and raises nothing but ``errors``."""

    name: str
    samples: Sequence[Any]
    read: Callable[[Any], object]
    errors: tuple[type[Exception], ...] = (ValueError,)
    inputs: int = field(default=100_000)


def _packet(**fields: Any) -> bytes:
    return rtp.serialise(rtp.RtpPacket(96, 1, 2, 3, b"\x90\x80\x81\x02\x00\x01\x02", True, **fields))


_RTP = [
    _packet(),
    _packet(extensions={3: b"\0\1", 4: b"0", 1: b"\x85"}),
    _packet(extensions={20: b"\0\1", 2: bytes(40)}),
    _packet(extensions=dict.fromkeys(range(1, 256), b"x")),
    _packet(padding=8),
]
_BLOCKS = (rtcp.ReportBlock(77, 3, 4, 5, 6, 7, 8),)
_RTCP = [
    rtcp.serialise(rtcp.SenderReport(1, 2 << 32, 3, 4, 5, _BLOCKS), rtcp.SourceDescription(((1, "name"),))),
    rtcp.serialise(rtcp.ReceiverReport(1, _BLOCKS * 3), rtcp.Nack(1, 77, (1, 2, 9, 300))),
    rtcp.serialise(rtcp.Pli(1, 77), rtcp.Fir(1, ((77, 1),)), rtcp.Remb(1, 300_000, (77, 78)), rtcp.Goodbye((1, 2))),
    rtcp.serialise(TransportFeedback(1, 77, 3, tuple((n, n * 900 if n % 3 else None) for n in range(80)))),
    b"\x8f\xcd\x00\x06" + bytes(8) + b"\x00\x00\xff\xff\x00\x00\x00\x00" + b"\x1f\xff" * 4,
]


def _read_rtp(packet: bytes) -> None:
    """As a client reads it, and as the server does, in place."""
    length = rtp.header_length(packet)
    for key in (0, 1, 3, 20, 255, 4096):
        extension(packet, key)
    found = rtp.parse(packet)
    assert len(found.payload) <= len(packet) - length
    rtp.serialise(found)


def _read_rtcp(datagram: bytes) -> None:
    found = rtcp.parse(datagram)
    told = sum(len(each.arrivals) for each in found if isinstance(each, TransportFeedback))
    assert told <= 2 * TOLD_MAX, f"{len(datagram)} bytes of RTCP tell of {told} packets"


# --- payloads -------------------------------------------------------------------------------------------------------
def _frame(codec: str) -> EncodedFrame:
    return EncodedFrame(_KEYFRAMES[codec], codec, True, width=640, height=480)


def _read_payload(codec: str, found: bytes) -> None:
    """One packet's payload, between two that are right, and what is made of a frame of such."""
    payload.is_keyframe(codec, found)
    place = descriptor.locate(codec, found)
    if place is not None:
        descriptor.shift(found, place, 5, 6)
    reader = payload.depacketizer(codec)
    reader.starts_frame(found)
    whole = reader.assemble([found])
    payload.frame_size(codec, whole)
    h264.nal_types(whole)


def _payloads(codec: str) -> Parser:
    packets = payload.packetizer(codec).packetize(_frame(codec))
    fixed = [b"\x9f\x80\x85\x07\x01" + bytes(9), b"\xba\x81\x01\x20\x00\x1b\x01\x40\x00\xf0" + bytes(20), *packets]
    return Parser(f"payload {codec}", fixed, partial(_read_payload, codec), (ValueError,))


def _read_frame(data: bytes) -> None:
    """A bitstream as a device or a far end gives it: only what is known of it, or nothing."""
    av1.sequence_header(data)
    vp9.size_of(data)
    h264.sps_of(data)
    h264.annexb(data)
    h264.is_keyframe(data)
    for codec in payload.CODECS:
        payload.frame_size(codec, data)
    Sps.parse(data)


def _open_frame(codec: str, data: bytes) -> None:
    sealed_frames.opened(EncodedFrame(data, codec, True), _RING)


def _sealed(codec: str) -> bytes:
    return sealed_frames.FrameSealer(_RING).seal(_frame(codec)).data


def _open_packet(data: bytes) -> None:
    packet = models.DataPacket()
    try:
        packet.ParseFromString(data)
    except Exception:
        return
    sealed_packets.opened(packet, _RING)


# --- descriptions ---------------------------------------------------------------------------------------------------
def _offer() -> str:
    transport = negotiation.LocalTransport("ufrag", "password" * 3, (sdp.Fingerprint("sha-256", "AA:BB"),))
    video = sdp.MediaSection("video", "0", direction="sendonly", msid="PA_1|TR_1 TR_1")
    video.codecs = [each for name in ("VP8", "H264", "VP9", "AV1", "H265") for each in parameters_for(name)]
    video.header_extensions = {1: sdp.DEPENDENCY_DESCRIPTOR, 3: sdp.TRANSPORT_CC, 4: sdp.MID, 5: sdp.RID}
    video.ssrcs = [sdp.SsrcInfo(77, "name", "s t"), sdp.SsrcInfo(78, "name", "s t")]
    video.ssrc_groups = [("FID", (77, 78))]
    layers = sdp.MediaSection("video", "1", direction="sendonly", msid="s c1", codecs=parameters_for("VP8"))
    layers.rids, layers.simulcast = [sdp.Rid(rid, "send") for rid in "qhf"], sdp.Simulcast(send=("q", "h", "~f"))
    sound = sdp.MediaSection("audio", "2", direction="sendonly", msid="s c2", codecs=parameters_for("opus"))
    sound.codecs.append(red_for(sound.codecs[0]))
    sections = [video, layers, sound, negotiation.application_section("3")]
    video.candidates = ["candidate:1 1 udp 2130706431 127.0.0.1 9 typ host"]
    return str(negotiation.describe(sections, transport, "actpass", origin_id=1, version=1))


def _read_sdp(text: str) -> None:
    """Read, answered as a client does and as the server does, written and read again."""
    description = sdp.parse(text)
    section = description.transport_section
    assert section is None or section in description.media
    answered = [negotiation.answer_section(each) for each in description.media]
    for each in description.media:
        negotiation.source_of(each)
        negotiation.send_parameters(sdp.parse(text).media[0], each, "VP8")
    announced = [Announced(f"c{n}", "video", "AV1") for n in range(3)] + [Announced("c3", "audio")]
    answer, _ = build_answer(description, announced, transport=lambda own: own)
    sdp.parse(str(answer))
    sdp.parse(str(sdp.SessionDescription(answered, bundle=["0"])))


def _read_candidate(init: str) -> None:
    _candidate(candidates.candidate_line(init))


# --- messages -------------------------------------------------------------------------------------------------------
_OFFERED = signals.SessionDescription(type="offer", sdp="v=0", id=3)
_REQUESTS = [
    signals.SignalRequest(offer=_OFFERED),
    signals.SignalRequest(add_track=signals.AddTrackRequest(cid="c", name="n", type=1, width=3)),
    signals.SignalRequest(subscription=signals.UpdateSubscription(track_sids=["TR_1", "TR_2"], subscribe=True)),
    signals.SignalRequest(update_metadata=signals.UpdateParticipantMetadata(metadata="m", attributes={"a": "b"})),
    signals.SignalRequest(ping_req=signals.Ping(timestamp=5, rtt=6)),
]
_PERSON = models.ParticipantInfo(sid="PA_1", identity="ada", tracks=[models.TrackInfo(sid="TR_1", type=1)])
_SPEAKER = models.SpeakerInfo(sid="PA_1", level=1, active=True)
_RESPONSES = [
    signals.SignalResponse(update=signals.ParticipantUpdate(participants=[_PERSON])),
    signals.SignalResponse(speakers_changed=signals.SpeakersChanged(speakers=[_SPEAKER])),
    signals.SignalResponse(offer=_OFFERED),
    signals.SignalResponse(leave=signals.LeaveRequest(reason=3, action=1)),
    signals.SignalResponse(track_published=signals.TrackPublishedResponse(cid="c", track=models.TrackInfo(sid="TR_2"))),
]  # fmt: skip
_STREAM = models.DataStream.Header(stream_id="s", topic="t", total_length=3, attributes={"a": "b"})
_PACKETS = [
    models.DataPacket(user=models.UserPacket(payload=b"hi", topic="t"), destination_identities=["bob"]),
    models.DataPacket(stream_header=_STREAM),
    models.DataPacket(stream_chunk=models.DataStream.Chunk(stream_id="s", chunk_index=0, content=b"abc")),
    models.DataPacket(rpc_request=models.RpcRequest(id="1", method="m", payload="p", version=1)),
]


def _texts(messages: Sequence[Any]) -> list[str]:
    return [str(signalling.encode(message, text=True)) for message in messages]


def _octets(messages: Sequence[Any]) -> list[bytes]:
    return [message.SerializeToString() for message in messages]


def _read_data(packet: bytes) -> None:
    found = data.read(packet)
    if found is not None:
        data.stamp(found, identity="ada", sid="PA_1", kind="reliable")
        data.addressed(found, "bob", "PA_2")


def _read_stun(datagram: bytes) -> None:
    if ice_lite.is_stun(datagram):
        ice_lite.parse_username(datagram)
        ice_lite.answer(datagram, ("127.0.0.1", 9), ufrag="ours", pwd="password")


def _stun() -> bytes:
    from aioice import stun

    request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST, transaction_id=b"123456789012")
    request.attributes |= {"USERNAME": "ours:theirs", "PRIORITY": 5, "ICE-CONTROLLING": 7, "USE-CANDIDATE": None}
    request.add_message_integrity(b"password")
    request.add_fingerprint()
    return bytes(request)


# --- tokens and links -----------------------------------------------------------------------------------------------
def _tokens() -> list[str]:
    secret = KEYS["key"]
    return [
        tokens.mint_call_token("key", secret, uid="ada", name="Ada", session_id="room").token,
        tokens.mint_invite("key", secret, "room")[0],
        tokens.mint_log_in("key", secret, "ada").auth_token,
    ]


def _read_token(text: str) -> None:
    for read in (
        lambda: tokens.read_call_token(KEYS, text),
        lambda: tokens.read_invite(KEYS, text, "room"),
        lambda: tokens.read_log_in(KEYS, text),
        lambda: Verifier(KEYS).verify(text),
    ):
        try:
            read()
        except (CallError, Refused):
            continue


_SEALED = [sealed_packets.PacketSealer(_RING).seal(each) for each in _PACKETS]
_CANDIDATE = "candidate:1 1 udp 5 10.0.0.1 9 typ host generation 0"
_SENT = api.SendDataRequest(room="room", data=b"x", topic="t", destination_identities=["a"])
PARSERS = (
    Parser("RTP", _RTP, _read_rtp),
    Parser("RTCP", _RTCP, _read_rtcp, ()),
    Parser("STUN", [_stun()], _read_stun, ()),
    Parser("RED", [red.pack([red.Block(111, 960, b"\1" * 9), red.Block(111, 0, b"\2" * 9)])], red.unpack),
    *map(_payloads, payload.CODECS),
    Parser("bitstreams", [*_KEYFRAMES.values(), _KEYFRAMES["H264"][4:19]], _read_frame),
    *(Parser(f"sealed {codec}", [_sealed(codec)], partial(_open_frame, codec)) for codec in sealed_frames.CODECS),
    Parser("sealed packets", _octets(_SEALED), _open_packet),
    Parser("SDP", [_offer()], _read_sdp),
    Parser("candidates", [candidates.candidate_init(_CANDIDATE)], _read_candidate),
    Parser("requests", _octets(_REQUESTS), read_request),
    Parser("requests as JSON", _texts(_REQUESTS), read_request),
    Parser("responses", _octets(_RESPONSES), partial(signalling.decode, signals.SignalResponse)),
    Parser("responses as JSON", _texts(_RESPONSES), partial(signalling.decode, signals.SignalResponse)),
    Parser("data packets", _octets(_PACKETS), _read_data, ()),
    Parser(
        "Twirp",
        [_SENT.SerializeToString()],
        partial(read_message, api.SendDataRequest, is_json=False),
        (TwirpError,),
    ),
    Parser(
        "Twirp as JSON",
        [json.dumps({"room": "r", "data": "eA==", "kind": 1, "destinationSids": ["a"]}).encode()],
        partial(read_message, api.SendDataRequest, is_json=True),
        (TwirpError,),
    ),
    Parser("tokens", _tokens(), _read_token, ()),
    Parser("links", ["https://host:1/join/room#invite=abc&fingerprint=AA"], links.parse, (CallError,)),
)  # fmt: skip
