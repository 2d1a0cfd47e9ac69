"""Offers and answers: what real servers write, and what we make of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from jackfield.rtc import negotiation, sdp
from jackfield.rtc.peer import PublisherPeer, SubscriberPeer
from jackfield.rtc.receiver import RtpReceiver
from jackfield.rtc.router import Router
from jackfield.rtc.rtp import RtpPacket
from jackfield.testing.timers import ManualTimers

HEAD = """v=0
o=- 4611731400430051336 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE {mids}
a=extmap-allow-mixed
a=msid-semantic: WMS *
a=fingerprint:sha-256 AB:CD
a=something-new:to us
"""
TRANSPORT = """c=IN IP4 0.0.0.0
a=candidate:1 1 udp 2130706431 192.0.2.7 7882 typ host
a=candidate:2 1 tcp 1694498815 192.0.2.7 7881 typ host tcptype passive
a=candidate:3 1 udp 2130706431 0c1b4a5e.local 9 typ host
a=end-of-candidates
a=ice-ufrag:RemoteUfrag
a=ice-pwd:RemotePasswordOfTwentyFour
a=setup:actpass
"""
APPLICATION = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\n" + TRANSPORT + "a=mid:{mid}\na=sctp-port:5000\n"


def video(mid: str, msid: str, ssrc: int, *, codec: str = "VP8", direction: str = "sendonly") -> str:
    """A section as LiveKit's server writes it for a subscriber."""
    fmtp = "a=fmtp:96 profile-id=0\n" if codec == "VP9" else ""
    lines = f"""a=mid:{mid}
a=rtcp-mux
a=rtcp-rsize
a=rtpmap:96 {codec}/90000
{fmtp}a=rtcp-fb:96 goog-remb
a=rtcp-fb:96 transport-cc
a=rtcp-fb:96 ccm fir
a=rtcp-fb:96 nack
a=rtcp-fb:96 nack pli
a=rtpmap:97 rtx/90000
a=fmtp:97 apt=96
a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid
a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
a=extmap:4 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time
a=extmap:300 urn:of-the-future
a=ssrc-group:FID {ssrc} {ssrc + 1}
a=ssrc:{ssrc} cname:PA_x
a=ssrc:{ssrc} msid:{msid}
a=ssrc:{ssrc + 1} cname:PA_x
a=ssrc:{ssrc + 1} msid:{msid}
a={direction}
"""
    return "m=video 9 UDP/TLS/RTP/SAVPF 96 97\n" + TRANSPORT + lines


def offer(*sections: str) -> str:
    """A whole offer with every section in its bundle."""
    body = "".join(sections)
    mids = " ".join(line[6:] for line in body.splitlines() if line.startswith("a=mid:"))
    return HEAD.format(mids=mids) + body


class Log:
    """What a subscriber said of its tracks."""

    def __init__(self, peer: SubscriberPeer) -> None:
        self.peer = peer
        self.lines: list[str] = []
        peer.on_track = lambda receiver: self.lines.append(f"+{receiver.participant_sid} {receiver.track_sid}")
        peer.on_track_ended = lambda receiver: self.lines.append(f"-{receiver.participant_sid} {receiver.track_sid}")

    async def answer(self, text: str) -> sdp.SessionDescription:
        """The answer, and a fresh page of the log."""
        self.lines.clear()
        return sdp.parse(await self.peer.answer(text))


@pytest.fixture
async def log() -> AsyncIterator[Log]:
    """A subscriber that nobody really talks to."""
    peer = SubscriberPeer()
    yield Log(peer)
    await peer.close()


# --- answering ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("first", [True, False])
async def test_tracks_are_told_by_their_msid(log: Log, first: bool) -> None:
    """Wherever the application section stands; our transport's candidates stand in the first section."""
    sections = [video("0", "PA_a|TR_v TR_v", 100), APPLICATION.format(mid="data")]
    answer = await log.answer(offer(*(reversed(sections) if first else sections)))
    assert log.lines == ["+PA_a TR_v"]
    assert answer.media[0].candidates
    assert not answer.media[1].candidates
    section = answer.section("0")
    assert section is not None
    assert section.direction == "recvonly"
    assert section.setup == "active"
    assert [codec.name for codec in section.codecs] == ["VP8", "rtx"]
    assert section.codecs[0].feedback == ("transport-cc", "nack", "nack pli")
    assert set(section.header_extensions.values()) == {sdp.MID, sdp.TRANSPORT_CC}
    assert answer.bundle == [section.mid for section in answer.media]


async def test_the_msid_may_stand_on_the_section(log: Log) -> None:
    """a=msid, or the a=ssrc lines, or both."""
    text = video("0", "PA_a|TR_v TR_v", 100).replace("a=sendonly", "a=msid:PA_b|TR_w TR_w\na=sendonly")
    await log.answer(offer(text))
    assert log.lines == ["+PA_b TR_w"]


@pytest.mark.parametrize("codec", ["H266", "unheard-of"])
async def test_a_codec_we_lack_never_fails_the_offer(log: Log, codec: str) -> None:
    """Its section is answered inactive with its own payload types; the others flow."""
    answer = await log.answer(offer(video("0", "PA_a|TR_a TR_a", 100, codec=codec), video("1", "PA_b|TR_b TR_b", 200)))
    assert log.lines == ["+PA_b TR_b"]
    refused = answer.section("0")
    assert refused is not None
    assert refused.direction == "inactive"
    assert refused.port != 0
    assert [item.payload_type for item in refused.codecs] == [96, 97]
    assert answer.bundle == ["0", "1"]


@pytest.mark.parametrize(
    ("codec", "fmtp"),
    [("VP9", "profile-id=2"), ("AV1", "profile=1;level-idx=5"), ("H265", "profile-id=2"), ("H265", "tx-mode=MRST")],
)
async def test_a_profile_that_we_do_not_show_is_not_taken(log: Log, codec: str, fmtp: str) -> None:
    """Ten bits or 4:4:4: the section is answered inactive, as for a codec that we lack. Profile 0 is received."""
    plain = video("0", "PA_a|TR_a TR_a", 100, codec=codec).replace("a=fmtp:96 profile-id=0\n", "")
    refused = await log.answer(offer(plain.replace("a=rtcp-fb:96 nack\n", f"a=rtcp-fb:96 nack\na=fmtp:96 {fmtp}\n")))
    assert [section.direction for section in refused.media] == ["inactive"]
    assert [section.direction for section in (await log.answer(offer(plain))).media] == ["recvonly"]


async def test_a_section_of_an_unknown_kind_is_rejected(log: Log) -> None:
    """Port zero and out of the bundle."""
    strange = "m=text 9 UDP/TLS/RTP/SAVPF 98\n" + TRANSPORT + "a=mid:t\na=rtpmap:98 t140/1000\na=sendrecv\n"
    answer = await log.answer(offer(strange, video("1", "PA_b|TR_b TR_b", 200)))
    assert answer.media[0].port == 0
    assert answer.bundle == ["1"]
    assert answer.media[1].candidates
    assert log.lines == ["+PA_b TR_b"]


async def test_a_line_passes_from_one_person_to_another(log: Log) -> None:
    """First inactive, then with another msid and source."""
    await log.answer(offer(video("0", "PA_a|TR_a TR_a", 100)))
    await log.answer(offer(video("0", "PA_a|TR_a TR_a", 100, direction="inactive")))
    assert log.lines == ["-PA_a TR_a"]
    await log.answer(offer(video("0", "PA_b|TR_b TR_b", 300)))
    assert log.lines == ["+PA_b TR_b"]
    assert [receiver.ssrc for receiver in log.peer.receivers] == [300]


async def test_a_line_passes_in_one_step(log: Log) -> None:
    """The old track ends before the new one begins."""
    await log.answer(offer(video("0", "PA_a|TR_a TR_a", 100)))
    await log.answer(offer(video("0", "PA_b|TR_b TR_b", 300)))
    assert log.lines == ["-PA_a TR_a", "+PA_b TR_b"]


async def test_a_track_may_move_and_change_its_source(log: Log) -> None:
    """The same msid elsewhere with another source is the same receiver."""
    await log.answer(offer(video("0", "PA_a|TR_a TR_a", 100), video("1", "PA_b|TR_b TR_b", 200)))
    before = {receiver.track_sid: receiver for receiver in log.peer.receivers}
    await log.answer(offer(video("0", "PA_b|TR_b TR_b", 700), video("1", "PA_a|TR_a TR_a", 800)))
    assert log.lines == []
    assert {receiver.track_sid: receiver for receiver in log.peer.receivers} == before
    assert before["TR_b"].ssrc == 700
    assert before["TR_b"].mid == "0"


async def test_the_same_offer_again_changes_nothing(log: Log) -> None:
    """Renegotiation for others leaves a track's stream alone."""
    await log.answer(offer(video("0", "PA_a|TR_a TR_a", 100)))
    receiver = log.peer.receivers[0]
    await log.answer(offer(video("0", "PA_a|TR_a TR_a", 100), video("1", "PA_b|TR_b TR_b", 200)))
    assert log.lines == ["+PA_b TR_b"]
    assert log.peer.receivers[0] is receiver


async def test_an_offer_with_nothing_in_it_is_answered(log: Log) -> None:
    """No sections at all, or only rejected ones."""
    assert (await log.answer(offer())).media == []
    rejected = video("0", "PA_a|TR_a TR_a", 100).replace("m=video 9", "m=video 0")
    answer = await log.answer(offer(rejected))
    assert answer.media[0].port == 0
    assert log.lines == []


async def test_an_offer_that_is_no_sdp_is_a_value_error(log: Log) -> None:
    """And the peer goes on working."""
    with pytest.raises(ValueError):
        await log.peer.answer("<html>")
    await log.answer(offer(video("0", "PA_a|TR_a TR_a", 100)))
    assert log.lines == ["+PA_a TR_a"]


# --- offering -----------------------------------------------------------------------------------------------------
async def test_what_we_offer() -> None:
    """Sendonly sections with a cid for msid, one codec with its repair, and data channels."""
    peer = PublisherPeer()
    try:
        peer.add_track("video", cid="cam", stream_id="me", codec="H264")
        peer.add_track("audio", cid="mic", stream_id="me", codec="opus")
        described = sdp.parse(await peer.create_offer())
    finally:
        await peer.close()
    kinds = [(section.kind, section.direction, section.setup) for section in described.media]
    assert kinds[:2] == [("video", "sendonly", "actpass"), ("audio", "sendonly", "actpass")]
    assert kinds[2][0] == "application"
    camera, microphone, _ = described.media
    assert camera.msid == "me cam"
    assert [codec.name for codec in camera.codecs] == ["H264", "rtx"]
    assert camera.codecs[0].parameters["packetization-mode"] == "1"
    assert {"nack", "nack pli", "ccm fir", "goog-remb", "transport-cc"} <= set(camera.codecs[0].feedback)
    assert camera.rtx_ssrc(camera.ssrcs[0].ssrc) == camera.ssrcs[1].ssrc
    assert microphone.codecs[0].parameters["useinbandfec"] == "1"
    assert sdp.AUDIO_LEVEL in microphone.header_extensions.values()
    assert len({section.ice_ufrag for section in described.media}) == 1
    assert described.bundle == ["0", "1", "2"]


async def test_versions_grow_and_lines_keep_their_places() -> None:
    """A later track comes after the application section; a freed line is used first."""
    peer = PublisherPeer()
    try:
        first = peer.add_track("video", cid="one", stream_id="s", codec="VP8")
        one = sdp.parse(await peer.create_offer())
        peer.remove_track(first)
        peer.add_track("audio", cid="two", stream_id="s", codec="opus")
        two = sdp.parse(await peer.create_offer())
        peer.add_track("video", cid="three", stream_id="s", codec="VP8")
        three = sdp.parse(await peer.create_offer())
    finally:
        await peer.close()
    assert [section.mid for section in two.media] == ["0", "1", "2"]
    assert [section.kind for section in two.media] == ["video", "application", "audio"]
    assert two.media[0].direction == "inactive"
    assert three.media[0].msid == "s three"
    assert one.version < two.version < three.version
    assert one.origin_id == three.origin_id


def test_the_answer_settles_what_is_sent() -> None:
    """Only what the other end took: its payload types and the extensions it kept."""
    offered = negotiation.offer_section("video", "0", None, "VP8")
    answered = sdp.MediaSection("video", "0", direction="recvonly", codecs=[offered.codecs[0]])
    settled = negotiation.send_parameters(offered, answered, "VP8")
    assert settled is not None
    assert (settled.payload_type, settled.rtx_payload_type, settled.transport_cc_extension) == (96, None, None)
    answered.codecs = list(offered.codecs)
    answered.header_extensions = {3: sdp.TRANSPORT_CC}
    settled = negotiation.send_parameters(offered, answered, "VP8")
    assert settled is not None
    assert (settled.rtx_payload_type, settled.transport_cc_extension, settled.mid_extension) == (97, 3, None)
    answered.port = 0
    assert negotiation.send_parameters(offered, answered, "VP8") is None


def test_av1_is_offered_with_its_dependency_descriptor() -> None:
    """Which browsers and servers go by; it is sent where the answer keeps it, and other codecs do without."""
    offered = negotiation.offer_section("video", "0", None, "AV1")
    answered = sdp.MediaSection("video", "0", direction="recvonly", codecs=list(offered.codecs))
    for taken in ({}, dict(offered.header_extensions)):
        answered.header_extensions = taken
        settled = negotiation.send_parameters(offered, answered, "AV1")
        assert settled is not None
        assert (settled.descriptor_extension is not None) == bool(taken)
    others = negotiation.offer_section("video", "0", None, "VP9").header_extensions
    assert sdp.DEPENDENCY_DESCRIPTOR not in others.values()


@pytest.mark.parametrize(
    ("theirs", "role"), [("active", "server"), ("passive", "client"), ("actpass", "client"), (None, "client")]
)
def test_who_begins_dtls(theirs: sdp.Setup | None, role: str) -> None:
    """Ours is the other part of what the answer says; answering, we begin unless the offer wants to."""
    assert negotiation.dtls_role("actpass", theirs) == role
    ours = negotiation.answer_setup(theirs)
    assert negotiation.dtls_role(ours, None) == ("server" if theirs == "active" else "client")


# --- routing ------------------------------------------------------------------------------------------------------
class Deaf:
    """Feedback that goes nowhere."""

    def send_nack(self, media_ssrc: int, lost: list[int]) -> None: ...

    def send_pli(self, media_ssrc: int) -> None: ...


def receiver(mid: str, ssrc: int | None = None, rtx_ssrc: int | None = None) -> RtpReceiver:
    made = RtpReceiver("video", stream_id=mid, track_id=mid, clock=ManualTimers(), feedback=Deaf())
    made.settle(mid, sdp.parse(offer(video(mid, "s t", 1))).media[0].codecs)
    made.use(ssrc, rtx_ssrc)
    return made


def packet(ssrc: int, payload_type: int = 96, mid: str | None = None) -> RtpPacket:
    return RtpPacket(payload_type, 0, 0, ssrc, b"", extensions={1: mid.encode()} if mid is not None else {})


def test_packets_go_by_source_then_mid_then_payload_type() -> None:
    """Each rule only where the one before says nothing."""
    router, one, two = Router(), receiver("0", 10, 11), receiver("1")
    router.settle([one, two], frozenset({1}))
    assert router.route(packet(10)) is one
    assert router.route(packet(11, 97)) is one
    assert router.route(packet(20, mid="1")) is two
    assert two.ssrc == 20
    assert router.route(packet(21, 97, mid="1")) is two
    assert two.rtx_ssrc == 21
    assert router.route(packet(20)) is two
    assert router.route(packet(99)) is None
    assert router.route(packet(99, mid="7")) is None
    assert router.route(packet(99, 55, mid="0")) is None


def test_one_receiver_without_a_source_takes_what_fits() -> None:
    """By payload type, when no other can be meant."""
    router, only = Router(), receiver("0")
    router.settle([only], frozenset())
    assert router.route(packet(33)) is only
    assert router.route(packet(34)) is None


def test_a_source_that_was_given_up_stays_so() -> None:
    """Late packets of a track that ended never reach the one that has its line now."""
    router, old, new = Router(), receiver("0", 10), receiver("0", 30)
    router.settle([old], frozenset({1}))
    assert router.route(packet(10, mid="0")) is old
    router.settle([new], frozenset({1}))
    assert router.route(packet(10, mid="0")) is None
    assert router.route(packet(30)) is new
    router.settle([old], frozenset({1}))
    assert router.route(packet(10)) is old


async def test_packets_before_the_answer_are_harmless(log: Log) -> None:
    """Nothing is known yet, so nothing happens."""
    connection = log.peer._connection
    for data in (b"", b"\x80", b"\x80\x60" + bytes(10), bytes(1500), b"\xff" * 40):
        connection._received(data, 0)
        connection.reports.receive(data)
    await asyncio.sleep(0)
    assert log.lines == []
