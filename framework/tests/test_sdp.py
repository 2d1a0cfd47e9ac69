"""Session descriptions of every peer are read, and ours say what they should."""

import pytest
from aiortc import RTCPeerConnection

from jackfield.rtc import sdp
from jackfield.rtc.sdp import CodecParameters, Fingerprint, MediaSection, Rid, SessionDescription, Simulcast

BROWSER_OFFER = """\
v=0\r
o=- 4611731400430051336 2 IN IP4 127.0.0.1\r
s=-\r
t=0 0\r
a=group:BUNDLE 0 1\r
a=extmap-allow-mixed\r
a=msid-semantic: WMS stream\r
a=fingerprint:sha-256 aa:bb\r
m=video 9 UDP/TLS/RTP/SAVPF 96 97\r
c=IN IP4 0.0.0.0\r
a=rtcp:9 IN IP4 0.0.0.0\r
a=ice-ufrag:abcd\r
a=ice-pwd:0123456789012345678901\r
a=ice-options:trickle\r
a=setup:actpass\r
a=mid:0\r
a=extmap:1/sendonly urn:ietf:params:rtp-hdrext:sdes:mid\r
a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r
a=sendonly\r
a=msid:stream track\r
a=rtcp-mux\r
a=rtcp-rsize\r
a=rtpmap:96 VP8/90000\r
a=rtcp-fb:* transport-cc\r
a=rtcp-fb:96 nack pli\r
a=rtpmap:97 rtx/90000\r
a=fmtp:97 apt=96\r
a=rid:q send\r
a=rid:f send max-width=1280\r
a=simulcast:send q;~f\r
a=ssrc-group:FID 11 12\r
a=ssrc:11 cname:name\r
a=ssrc:11 msid:stream track\r
a=ssrc:12 cname:name\r
m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r
c=IN IP4 0.0.0.0\r
a=mid:1\r
a=sctp-port:5000\r
a=max-message-size:262144\r
"""


def test_a_browsers_offer_is_understood() -> None:
    """Codecs, layers, sources, feedback and the session's fingerprint all land where they belong."""
    offer = sdp.parse(BROWSER_OFFER)
    video, data = offer.media
    assert offer.bundle == ["0", "1"]
    assert offer.transport_section is video
    assert video.fingerprints == [Fingerprint("sha-256", "AA:BB")] == data.fingerprints
    assert video.codec(96) == CodecParameters(96, "VP8", 90000, 0, {}, ("transport-cc", "nack pli"))
    rtx = video.rtx_for(96)
    assert rtx is not None
    assert rtx.apt == 96
    assert video.rids == [Rid("q", "send"), Rid("f", "send", "max-width=1280")]
    assert video.simulcast == Simulcast(send=("q", "~f"))
    assert video.rtx_ssrc(11) == 12
    assert video.extension_id(sdp.RID) == 10
    assert video.extension_id(sdp.MID) == 1
    assert video.msid == "stream track" == video.ssrcs[0].msid
    assert (data.sctp_port, data.max_message_size) == (5000, 262144)


def test_writing_and_reading_is_the_identity() -> None:
    """What we write, we read as it was."""
    offer = sdp.parse(BROWSER_OFFER)
    assert sdp.parse(str(offer)) == sdp.parse(str(sdp.parse(str(offer))))
    assert sdp.parse(str(offer)).media[0].codecs == offer.media[0].codecs


async def test_stock_aiortc_reads_what_we_write() -> None:
    """A foreign parser accepts our text, and we accept its."""
    from aiortc.sdp import SessionDescription as Foreign

    connection = RTCPeerConnection()
    connection.addTransceiver("video")
    connection.createDataChannel("x")
    await connection.setLocalDescription(await connection.createOffer())
    ours = sdp.parse(connection.localDescription.sdp)
    theirs = Foreign.parse(str(ours))
    assert [section.kind for section in theirs.media] == ["video", "application"]
    assert theirs.media[0].ice.usernameFragment == ours.media[0].ice_ufrag
    await connection.close()


def test_a_section_may_be_rejected_or_bundled_only() -> None:
    """Port 0 is a rejection, unless the section is bundle-only (RFC 9143)."""
    text = str(SessionDescription(media=[MediaSection("audio", "0", port=0), MediaSection("video", "1", port=0)]))
    audio, video = sdp.parse(text.replace("a=mid:1", "a=mid:1\r\na=bundle-only")).media
    assert audio.rejected
    assert not video.rejected


@pytest.mark.parametrize("line", ["m=video nine UDP x", "a=rtpmap:x VP8/90000", "garbage", "a=ssrc:none cname:x"])
def test_a_line_that_does_not_hold_is_named(line: str) -> None:
    """The error shows the line."""
    with pytest.raises(ValueError, match="SDP") as caught:
        sdp.parse(f"v=0\r\nm=audio 9 X 0\r\n{line}\r\n")
    assert line in str(caught.value)


@pytest.mark.parametrize(
    "line",
    ["a=ssrc:{} cname:x", "a=rtcp-fb:* nack {}", "a=candidate:{} 1 udp 1 192.0.2.1 9 typ host", "a=rid:r{} send"],
)
def test_a_list_without_end_is_refused(line: str) -> None:
    """Reading takes time in proportion to the lines: no peer keeps the loop busy with one description."""
    head = "v=0\r\nm=video 9 X 96\r\na=rtpmap:96 VP8/90000\r\n"
    assert sdp.parse(head + "".join(line.format(number) + "\r\n" for number in range(100))).media
    with pytest.raises(ValueError, match="SDP line does not hold"):
        sdp.parse(head + "".join(line.format(number) + "\r\n" for number in range(1000)))
    with pytest.raises(ValueError, match="at most"):
        sdp.parse(head + "a=x\r\n" * (sdp.LINES_MAX + 1))


@pytest.mark.parametrize("line", ["a=ssrc:4294967296 cname:x", "a=ssrc:-1 cname:x", "a=ssrc-group:FID 1 -2"])
def test_a_source_number_has_32_bits(line: str) -> None:
    """What cannot be an SSRC is refused where it is read."""
    with pytest.raises(ValueError, match="does not hold"):
        sdp.parse(f"v=0\r\nm=video 9 X 96\r\n{line}\r\n")
