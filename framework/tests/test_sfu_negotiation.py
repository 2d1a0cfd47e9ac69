"""Answers to publishers and offers to subscribers, as both official SDKs need them."""

from __future__ import annotations

import pytest

from jackfield.rtc import sdp
from jackfield.rtc.sdp import MediaSection, SessionDescription
from jackfield.server.sfu.answer import Announced, Taken, build_answer
from jackfield.server.sfu.offer import Offered, SubscriberOffer

_HEAD = """v=0
o=- 1 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE {bundle}
a=extmap-allow-mixed
a=msid-semantic: WMS
"""
_RECEIVE_AUDIO = """m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9
c=IN IP4 0.0.0.0
a=ice-ufrag:abcd
a=ice-pwd:efghijklmnopqrstuvwxyz12
a=fingerprint:sha-256 AA:BB
a=setup:actpass
a=mid:{mid}
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
a=recvonly
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=rtpmap:63 red/48000/2
a=rtpmap:9 G722/8000
"""
_VIDEO = """m=video 9 UDP/TLS/RTP/SAVPF 96 97 103 104 107 108 45
c=IN IP4 0.0.0.0
a=ice-ufrag:abcd
a=ice-pwd:efghijklmnopqrstuvwxyz12
a=fingerprint:sha-256 AA:BB
a=setup:actpass
a=mid:{mid}
a=extmap:13 urn:3gpp:video-orientation
a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
a=extmap:12 https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id
a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id
a={direction}
{msid}a=rtcp-mux
a=rtcp-rsize
a=rtpmap:96 VP8/90000
a=rtcp-fb:96 goog-remb
a=rtcp-fb:96 transport-cc
a=rtcp-fb:96 ccm fir
a=rtcp-fb:96 nack
a=rtcp-fb:96 nack pli
a=fmtp:96 x-google-start-bitrate=700
a=rtpmap:97 rtx/90000
a=fmtp:97 apt=96
a=rtpmap:103 H264/90000
a=fmtp:103 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f
a=rtpmap:104 rtx/90000
a=fmtp:104 apt=103
a=rtpmap:107 H264/90000
a=fmtp:107 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f
a=rtpmap:108 rtx/90000
a=fmtp:108 apt=107
a=rtpmap:45 AV1/90000
{more}"""
_APPLICATION = """m=application 9 UDP/DTLS/SCTP webrtc-datachannel
c=IN IP4 0.0.0.0
a=ice-ufrag:abcd
a=ice-pwd:efghijklmnopqrstuvwxyz12
a=fingerprint:sha-256 AA:BB
a=setup:actpass
a=mid:{mid}
a=sctp-port:5000
a=max-message-size:262144
"""
SIMULCAST = "a=rid:{0} send\na=rid:{1} send\na=rid:{2} send\na=simulcast:send {0};{1};{2}\n"


def sending(mid: str, cid: str = "cam", more: str = "") -> str:
    return _VIDEO.format(mid=mid, direction="sendonly", msid=f"a=msid:stream {cid}\n", more=more)


def rust_offer(*video: str) -> SessionDescription:
    """As the Rust SDK offers: what it might receive first, then what it sends, data channels last."""
    mids = [str(7 + n) for n in range(3 + 3 + len(video) + 1)]
    text = _HEAD.format(bundle=" ".join(mids))
    text += "".join(_RECEIVE_AUDIO.format(mid=mid) for mid in mids[:3])
    text += "".join(_VIDEO.format(mid=mid, direction="recvonly", msid="", more="") for mid in mids[3:6])
    text += "".join(section.replace("MID", mid) for section, mid in zip(video, mids[6:], strict=False))
    return sdp.parse(text + _APPLICATION.format(mid=mids[-1]))


def transport(section: MediaSection) -> MediaSection:
    return section


def answered(offer: SessionDescription, *announced: Announced) -> tuple[SessionDescription, list[Taken]]:
    answer, taken = build_answer(offer, announced or (Announced("cam", "video"),), transport=transport)
    return sdp.parse(str(answer)), taken


def test_what_is_only_received_is_inactive_and_mids_stay() -> None:
    """Nine and more sections are answered one by one; only what is sent is received (gotcha 7)."""
    offer = rust_offer(*(sending("MID", f"cam{n}") for n in range(3)))
    answer, taken = answered(offer, *(Announced(f"cam{n}", "video") for n in range(3)))
    assert [section.mid for section in answer.media] == [section.mid for section in offer.media]
    directions = [section.direction for section in answer.media if section.kind != "application"]
    assert directions == ["inactive"] * 6 + ["recvonly"] * 3
    assert [item.cid for item in taken] == ["cam0", "cam1", "cam2"]
    assert answer.bundle == offer.bundle
    assert answer.ice_lite


def test_inactive_sections_keep_their_header_extensions() -> None:
    """libwebrtc offers later only what was taken before: without rid it cannot offer simulcast any more."""
    answer, _ = answered(rust_offer(sending("MID")))
    video = next(section for section in answer.media if section.kind == "video" and section.direction == "inactive")
    assert {sdp.MID, sdp.RID, sdp.REPAIRED_RID, sdp.TRANSPORT_CC} <= set(video.header_extensions.values())
    audio = next(section for section in answer.media if section.kind == "audio")
    assert sdp.AUDIO_LEVEL in audio.header_extensions.values()


def test_payload_types_and_extension_ids_are_the_offers() -> None:
    """Nothing is renumbered, and a turned picture is not accepted (gotcha 9)."""
    answer, (taken,) = answered(rust_offer(sending("MID")))
    section = answer.section(taken.mid)
    assert section is not None
    assert [(codec.payload_type, codec.name) for codec in section.codecs] == [(96, "VP8"), (97, "rtx")]
    assert section.header_extensions == {3: sdp.TRANSPORT_CC, 4: sdp.MID, 10: sdp.RID, 11: sdp.REPAIRED_RID}
    assert taken.rtx_payload_type == 97


def test_the_start_bitrate_is_kept_or_added() -> None:
    """Without it libwebrtc begins small for some seconds (gotcha 19)."""
    answer, (taken,) = answered(rust_offer(sending("MID")))
    assert answer.section(taken.mid).codecs[0].parameters["x-google-start-bitrate"] == "700"  # type: ignore[union-attr]
    plain = sending("MID").replace("a=fmtp:96 x-google-start-bitrate=700\n", "")
    answer, (taken,) = answered(rust_offer(plain))
    assert answer.section(taken.mid).codecs[0].parameters["x-google-start-bitrate"] == "1000"  # type: ignore[union-attr]


def test_the_announced_codec_is_chosen() -> None:
    """The one in ``simulcast_codecs``, else the section's first; H.264 in packetization mode 1 (gotcha 8)."""
    offer = rust_offer(sending("MID"))
    assert answered(offer, Announced("cam", "video", "h264"))[1][0].codec.payload_type == 107
    assert answered(offer, Announced("cam", "video", "video/AV1"))[1][0].codec.payload_type == 45
    assert answered(offer, Announced("cam", "video", "h265"))[1][0].codec.payload_type == 96
    assert answered(offer, Announced("cam", "video", ""))[1][0].codec.payload_type == 96


def test_av1_takes_the_dependency_descriptor_and_others_do_not() -> None:
    """Only AV1 needs it; for others it is bytes for nothing."""
    offer = rust_offer(sending("MID"))
    assert sdp.DEPENDENCY_DESCRIPTOR in answered(offer, Announced("cam", "video", "av1"))[1][0].extensions
    assert sdp.DEPENDENCY_DESCRIPTOR not in answered(offer)[1][0].extensions


@pytest.mark.parametrize("order", [("f", "h", "q"), ("q", "h", "f")])
def test_simulcast_is_answered_in_the_offers_order_and_ranked_by_name(order: tuple[str, ...]) -> None:
    """The Rust SDK offers f;h;q, browsers q;h;f: the answer repeats it, and q is the smallest either way."""
    answer, (taken,) = answered(rust_offer(sending("MID", more=SIMULCAST.format(*order))))
    section = answer.section(taken.mid)
    assert section is not None
    assert section.simulcast is not None
    assert section.simulcast.recv == order
    assert [(rid.id, rid.direction) for rid in section.rids] == [(rid, "recv") for rid in order]
    assert taken.rids == ("q", "h", "f")
    assert taken.sources == ()


def test_foreign_layer_names_keep_their_order() -> None:
    """Names that are not ours are ranked as they are written."""
    _, (taken,) = answered(rust_offer(sending("MID", more=SIMULCAST.format("low", "mid", "high"))))
    assert taken.rids == ("low", "mid", "high")


def test_sources_are_learnt_from_the_offer() -> None:
    """With ``a=ssrc`` lines the media and retransmission SSRCs are known before the first packet."""
    more = "a=ssrc-group:FID 11 12\na=ssrc:11 cname:x\na=ssrc:12 cname:x\n"
    _, (taken,) = answered(rust_offer(sending("MID", more=more)))
    assert taken.sources == ((11, 12),)


def test_without_transport_cc_remb_is_taken() -> None:
    """A publisher that understands nothing better gets estimates."""
    plain = sending("MID").replace("a=rtcp-fb:96 transport-cc\n", "")
    answer, (taken,) = answered(rust_offer(plain))
    feedback = answer.section(taken.mid).codecs[0].feedback  # type: ignore[union-attr]
    assert "goog-remb" in feedback
    assert "transport-cc" not in feedback
    answer, (taken,) = answered(rust_offer(sending("MID")))
    assert "goog-remb" not in answer.section(taken.mid).codecs[0].feedback  # type: ignore[union-attr]


def test_what_was_not_announced_is_not_taken() -> None:
    """A section is received only for a track that was announced; by its id, or the first of its kind."""
    offer = rust_offer(sending("MID", "cam"))
    assert answered(offer, Announced("mic", "audio"))[1] == []
    assert answered(offer, Announced("another id", "video"))[1][0].cid == "another id"
    old = rust_offer(sending("MID", "refused"), sending("MID", "cam"))  # the first is nobody's any more
    assert [(item.cid, item.mid) for item in answered(old, Announced("cam", "video"))[1]] == [("cam", "14")]
    both = rust_offer(sending("MID", "b"), sending("MID", "a"))
    assert [item.cid for item in answered(both, Announced("a", "video"), Announced("b", "video"))[1]] == ["b", "a"]


def test_audio_is_opus_alone() -> None:
    """No G.722, and no RED of unknown frames (gotcha 10)."""
    text = _HEAD.format(bundle="0") + _RECEIVE_AUDIO.format(mid="0").replace("recvonly", "sendonly")
    answer, (taken,) = answered(sdp.parse(text), Announced("mic", "audio"))
    assert [codec.name for codec in answer.media[0].codecs] == ["opus"]
    assert taken.codec.payload_type == 111


@pytest.mark.parametrize("order", [(111, 63), (63, 111)])
def test_redundant_audio_is_taken_in_the_offers_order(order: tuple[int, int]) -> None:
    """By which a browser decides whether it sends it; subscribers are offered it where it comes."""
    text = _HEAD.format(bundle="0") + _RECEIVE_AUDIO.format(mid="0").replace("recvonly", "sendonly")
    red, opus = "a=rtpmap:63 red/48000/2\n", "a=rtpmap:111 opus/48000/2\n"
    lines = {63: red + "a=fmtp:63 111/111\n", 111: opus}
    text = text.replace(red, "").replace(opus, "".join(lines[number] for number in order))
    answer, (taken,) = answered(sdp.parse(text), Announced("mic", "audio"))
    assert [codec.payload_type for codec in answer.media[0].codecs] == list(order)
    assert (taken.codec.payload_type, taken.red_payload_type) == (111, 63)
    offer = SubscriberOffer()
    offer.add(offered(1, "audio", "opus", redundant=True))
    offer.add(offered(2, "audio", "opus"))
    built = sdp.parse(str(offer.build(transport)))
    assert [codec.fmtp for codec in built.media[1].codecs[1:]] == ["111/111"]
    assert [offer.takes_redundant(built, f"TR_{number}") for number in (1, 2, 3)] == [True, False, False]


def test_a_section_with_nothing_we_forward_is_rejected() -> None:
    """Its port is zero and it is no part of the bundle."""
    text = _HEAD.format(bundle="0 1") + _APPLICATION.format(mid="0")
    text += "m=video 9 UDP/TLS/RTP/SAVPF 99\na=mid:1\na=sendonly\na=rtpmap:99 H266/90000\n"
    answer, taken = answered(sdp.parse(text))
    assert taken == []
    assert answer.media[1].rejected
    assert answer.bundle == ["0"]


# --- offers to subscribers -----------------------------------------------------------------------------------------
def offered(number: int, kind: str = "video", codec: str = "VP8", **more: bool) -> Offered:
    return Offered(f"TR_{number}", "PA_x", kind, codec, 100 + number, 200 + number, **more)  # type: ignore[arg-type]


def accept(offer: SubscriberOffer) -> tuple[SessionDescription, tuple[list[str], list[str]]]:
    description = sdp.parse(str(offer.build(transport)))
    answer = sdp.parse(str(description))
    for section in answer.media:
        section.direction = "recvonly" if section.direction == "sendonly" else section.direction
    return description, offer.answered(answer)


def test_data_channels_come_first_and_tracks_carry_both_ids() -> None:
    """``msid`` is ``PA_x|TR_y TR_y`` (gotcha 2), payload types are fixed, SSRCs are named with their RTX."""
    offer = SubscriberOffer()
    offer.add(offered(1))
    offer.add(offered(2, "audio", "opus"))
    description, (sent, refused) = accept(offer)
    application, video, audio = description.media
    assert application.kind == "application"
    assert description.bundle == ["0", "1", "2"]
    assert video.msid == "PA_x|TR_1 TR_1"
    assert [source.ssrc for source in video.ssrcs] == [101, 201]
    assert video.ssrc_groups == [("FID", (101, 201))]
    assert {source.msid for source in video.ssrcs} == {"PA_x|TR_1 TR_1"}
    assert [codec.payload_type for codec in video.codecs] == [96, 97]
    assert [codec.payload_type for codec in audio.codecs] == [111]
    assert video.header_extensions == {}
    assert (sent, refused) == (["TR_1", "TR_2"], [])


@pytest.mark.parametrize(
    ("codec", "types"), [("H264", [102, 103]), ("VP9", [98, 99]), ("AV1", [45, 46]), ("H265", [49, 50])]
)
def test_payload_types_towards_subscribers_are_fixed(codec: str, types: list[int]) -> None:
    """One codec a section, the same numbers for everybody."""
    offer = SubscriberOffer()
    offer.add(offered(1, codec=codec))
    video = sdp.parse(str(offer.build(transport))).media[1]
    assert [item.payload_type for item in video.codecs] == types
    assert (sdp.DEPENDENCY_DESCRIPTOR in video.header_extensions.values()) == (codec == "AV1")


def test_stereo_is_said() -> None:
    """Browsers decode one channel unless the offer says two."""
    offer = SubscriberOffer()
    offer.add(offered(1, "audio", "opus", stereo=True))
    assert offer.build(transport).media[1].codecs[0].parameters["sprop-stereo"] == "1"


def test_only_what_was_in_the_offer_flows_after_its_answer() -> None:
    """A track that came while an offer was in flight waits for the next one (gotcha 3)."""
    offer = SubscriberOffer()
    offer.add(offered(1))
    description = offer.build(transport)
    offer.add(offered(2))
    for section in description.media[1:]:
        section.direction = "recvonly"
    assert offer.answered(description) == (["TR_1"], [])
    assert accept(offer)[1] == (["TR_1", "TR_2"], [])


def test_a_refused_track_is_named() -> None:
    """A client that cannot decode it rejects the section, and only that track does not flow."""
    offer = SubscriberOffer()
    offer.add(offered(1, codec="AV1"))
    offer.add(offered(2))
    answer = offer.build(transport)
    answer.media[1].port = 0
    answer.media[2].direction = "recvonly"
    assert offer.answered(answer) == (["TR_2"], ["TR_1"])


def test_a_section_never_goes_from_one_track_to_another_while_it_lives() -> None:
    """It is rejected first; once that is answered its place is taken under a new mid, so the offer does not grow."""
    offer = SubscriberOffer()
    offer.add(offered(1))
    first, _ = accept(offer)
    offer.remove("TR_1")
    offer.add(offered(2))
    second, _ = accept(offer)
    assert [(s.mid, s.port) for s in second.media] == [("0", 9), ("1", 0), ("2", 9)]
    assert "1" not in second.bundle
    offer.add(offered(3))
    third, (sent, _) = accept(offer)
    assert [(s.mid, s.port) for s in third.media] == [("0", 9), ("3", 9), ("2", 9)]
    assert sent == ["TR_3", "TR_2"]
    assert first.version < second.version < third.version


def test_a_rejection_in_an_offer_that_was_given_up_frees_nothing() -> None:
    """Only an answer frees a place."""
    offer = SubscriberOffer()
    offer.add(offered(1))
    accept(offer)
    offer.remove("TR_1")
    offer.build(transport)
    offer.add(offered(2))
    assert [place.mid for place in offer.places] == ["1", "2"]


def test_fifty_who_come_and_go_leave_an_offer_of_the_same_size() -> None:
    """The description is as long after the fiftieth as after the second."""
    offer = SubscriberOffer()
    lengths = []
    for number in range(50):
        offer.add(offered(number))
        lengths.append(len(accept(offer)[0].media))
        offer.remove(f"TR_{number}")
        accept(offer)
    assert set(lengths) == {2}
