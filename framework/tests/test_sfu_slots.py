"""Protocol v1: the client's recvonly sections get tracks by our answers, and its join is one message."""

from __future__ import annotations

import base64
import gzip
from typing import Any

import pytest
from livekit.protocol import models, rtc

from jackfield.rtc import codecs, rtp, sdp
from jackfield.rtc.sdp import CodecParameters, MediaSection
from jackfield.server.sfu.downlink import _renumbered
from jackfield.server.sfu.history import Kept
from jackfield.server.sfu.offer import Offered
from jackfield.server.sfu.slots import ReceiveSlots
from jackfield.server.sfu.wishes import of_join_request, of_query

DD = sdp.DEPENDENCY_DESCRIPTOR


def track(sid: str, codec: str = "VP8") -> Offered:
    kind = "audio" if codec == "opus" else "video"
    return Offered(sid, "PA_x", kind, codec, 11, 12)  # type: ignore[arg-type]


def section(mid: str, *names: str, kind: str = "video", direction: sdp.Direction = "recvonly") -> MediaSection:
    """As a browser offers it: payload types of its own, feedback that we know and other."""
    made = MediaSection(kind, mid, direction=direction)
    for index, name in enumerate(names):
        made.codecs.append(
            CodecParameters(40 + 2 * index, name, 90000, feedback=("nack", "nack pli", "goog-remb", "transport-cc"))
        )
        made.codecs.append(CodecParameters(41 + 2 * index, "rtx", 90000, parameters={"apt": str(40 + 2 * index)}))
    made.header_extensions = {4: sdp.MID, 13: DD}
    return made


def empty(offered: MediaSection) -> MediaSection:
    return MediaSection(offered.kind, offered.mid, direction="inactive")


def fill(slots: ReceiveSlots, *offered: MediaSection) -> list[MediaSection]:
    slots.fresh.clear()
    return [slots.fill(each, empty(each), is_first=index == 0) for index, each in enumerate(offered)]


def test_a_track_takes_a_slot_of_its_kind_and_codec() -> None:
    """In the client's payload types, with the feedback that both know; what is left over is asked for."""
    slots = ReceiveSlots()
    for one in (track("TR_a"), track("TR_b", "opus"), track("TR_c")):
        slots.add(one)
    first, second = fill(slots, section("0", "opus", kind="audio"), section("1", "VP9", "VP8"))
    assert (first.direction, second.direction) == ("sendonly", "sendonly")
    assert second.msid == "PA_x|TR_a TR_a"
    assert [(codec.payload_type, codec.name) for codec in second.codecs] == [(42, "VP8"), (43, "rtx")]
    assert second.codecs[0].feedback == ("nack", "nack pli", "goog-remb")
    assert second.header_extensions == {13: DD}
    assert second.ssrc_groups == [("FID", (11, 12))]
    assert slots.mids() == {"0": "TR_b", "1": "TR_a"}
    assert slots.missing() == (0, 1)


def test_a_slot_keeps_its_track_and_is_rejected_after_it() -> None:
    """It never shows another's pictures; a new one takes its place. The bundle's first only rests."""
    slots = ReceiveSlots()
    slots.add(track("TR_a"))
    slots.add(track("TR_b"))
    offered = [section("0", "VP8"), section("1", "VP8")]
    fill(slots, *offered)
    again = fill(slots, *offered)
    assert [one.msid for one in again] == ["PA_x|TR_a TR_a", "PA_x|TR_b TR_b"]
    assert slots.fresh == {}
    slots.remove("TR_a")
    slots.remove("TR_b")
    slots.add(track("TR_c"))
    third = section("2", "VP8")
    answers = fill(slots, *offered, third)
    assert [(one.port, one.direction) for one in answers] == [(9, "inactive"), (0, "inactive"), (9, "sendonly")]
    assert slots.mids() == {"2": "TR_c"}


def test_a_codec_that_the_client_has_not_is_refused() -> None:
    """The slot stays for another track."""
    slots = ReceiveSlots()
    slots.add(track("TR_a", "AV1"))
    (answer,) = fill(slots, section("0", "VP8"))
    assert answer.direction == "inactive"
    assert slots.refused == {"TR_a"}
    slots.add(track("TR_b"))
    (answer,) = fill(slots, section("0", "VP8"))
    assert answer.msid == "PA_x|TR_b TR_b"


@pytest.mark.parametrize("direction", ["sendonly", "inactive"])
def test_what_the_client_does_not_receive_in_is_no_slot(direction: sdp.Direction) -> None:
    """Nor is a section that it rejects."""
    slots = ReceiveSlots()
    slots.add(track("TR_a"))
    rejected = section("1", "VP8")
    rejected.port = 0
    assert all(one.msid is None for one in fill(slots, section("0", "VP8", direction=direction), rejected))
    assert slots.missing() == (0, 1)


@pytest.mark.parametrize(("value", "key"), [(b"\x80\x00\x01", 13), (b"\x80\x00\x01", 20), (bytes(40), 13)])
def test_the_dependency_descriptor_goes_out_under_the_clients_id(value: bytes, key: int) -> None:
    """Short or long, in whichever form its id needs."""
    block = rtp.extension_block({1: value})
    moved = _renumbered(Kept(0, 0, 0, block, b"payload", None, block + b"payload"), key)
    packet = rtp.parse(b"\x90\x60" + bytes(10) + moved.body)
    assert (packet.extensions, packet.payload) == ({key: value}, b"payload")


def wrapped(request: rtc.JoinRequest, *, zipped: bool = True) -> str:
    data = request.SerializeToString()
    compression = rtc.WrappedJoinRequest.Compression.GZIP if zipped else rtc.WrappedJoinRequest.Compression.NONE
    sent = gzip.compress(data, mtime=0) if zipped else data
    wrap = rtc.WrappedJoinRequest(compression=compression, join_request=sent)
    return base64.urlsafe_b64encode(wrap.SerializeToString()).decode()


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("padded", [True, False])
def test_a_join_request_is_read(zipped: bool, padded: bool) -> None:
    """Packed or not, with base64's padding or without: settings, tracks, the offer, in their order."""
    request = rtc.JoinRequest(reconnect=True, participant_sid="PA_y")
    request.connection_settings.auto_subscribe = True
    request.add_track_requests.add(cid="c", type=models.TrackType.VIDEO)
    request.publisher_offer.sdp = "v=0"
    text = wrapped(request, zipped=zipped)
    wishes = of_join_request(text if padded else text.rstrip("="), 1 << 16)
    assert (wishes.single, wishes.auto_subscribe, wishes.resumes, wishes.sid) == (True, True, True, "PA_y")
    assert [one.WhichOneof("message") for one in wishes.requests] == ["add_track", "offer"]


@pytest.mark.parametrize("text", ["!", "AAA", "////", wrapped(rtc.JoinRequest())[:-8], "\u00e4"])
def test_what_is_no_join_request_is_a_value_error(text: str) -> None:
    """Whatever stands in the address."""
    with pytest.raises(ValueError, match="join_request"):
        of_join_request(text, 1 << 16)


def test_a_join_request_cannot_fill_the_memory() -> None:
    """A megabyte of zeros is a kilobyte when packed."""
    bomb = gzip.compress(bytes(1 << 20), mtime=0)
    wrap = rtc.WrappedJoinRequest(compression=rtc.WrappedJoinRequest.Compression.GZIP, join_request=bomb)
    text = base64.urlsafe_b64encode(wrap.SerializeToString()).decode()
    with pytest.raises(ValueError, match="over 65536 bytes"):
        of_join_request(text, 1 << 16)


def test_protocol_v0_says_the_same_in_its_query() -> None:
    """Subscribing to all is what it wants where it says nothing."""
    query: dict[str, Any] = {"reconnect": "1", "sid": "PA_y", "auto_subscribe": "0"}
    wishes = of_query(query)
    assert (wishes.single, wishes.auto_subscribe, wishes.resumes, wishes.sid) == (False, False, True, "PA_y")
    assert of_query({}).auto_subscribe
    assert codecs.canonical("video/AV1") == "AV1"
