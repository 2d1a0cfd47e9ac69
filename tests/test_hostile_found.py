"""What hostile inputs once did, each on its own: time without bound, errors that nobody expected, lines without end."""

from __future__ import annotations

import json
import logging
import struct
import time

import pytest

from jackfield.log_limit import LINES, WINDOW_S, LogLimit
from jackfield.media import av1, bits
from jackfield.rtc import candidates, codecs, ice_lite, negotiation, rtcp, sdp
from jackfield.rtc.aioice_shim import REMOTE_CANDIDATES_MAX, IceAgent
from jackfield.rtc.sdp import CodecParameters, MediaSection, SessionDescription
from jackfield.rtc.twcc import ArrivalLog
from jackfield.rtc.twcc_format import TOLD_MAX, TransportFeedback
from jackfield.server.sfu.answer import build_answer
from jackfield.server.sfu.signal import read_request


def test_feedback_about_everything_is_not_read() -> None:
    """Twenty bytes that tell of 65 535 packets are left out, and many that tell of less end in time."""
    chunks = b"\x1f\xff" * 8 + b"\x00\x07"
    all_of_them = struct.pack("!BBHLLHHBBBB", 0x8F, 205, 4 + 5, 1, 2, 0, 0xFFFF, 0, 0, 0, 0) + chunks + b"\0\0"
    assert rtcp.parse(all_of_them * 30) == []
    many = rtcp.serialise(TransportFeedback(1, 2, 0, tuple((n, None) for n in range(TOLD_MAX)))) * 50
    told = sum(len(each.arrivals) for each in rtcp.parse(many) if isinstance(each, TransportFeedback))
    assert told <= 2 * TOLD_MAX


def test_a_server_reads_no_feedback_that_it_does_not_use() -> None:
    """What tells of arrivals is passed over, what stands beside it is not."""
    feedback = rtcp.serialise(TransportFeedback(1, 2, 0, ((1, 1000),)), rtcp.Pli(1, 77))
    assert rtcp.parse(feedback, arrivals=False) == [rtcp.Pli(1, 77)]


def test_numbers_that_leap_make_no_long_report() -> None:
    """Transport-wide numbers each far from the one before: what is told of spans what is kept, and no more."""
    log = ArrivalLog()
    for step in range(200):
        log.record(step * 32_000 & 0xFFFF, step * 1000)
    reports = log.feedback(1, 2)
    assert 0 < sum(len(report.arrivals) for report in reports) <= 4001
    assert log.feedback(1, 2) == []


@pytest.mark.parametrize("end", ["\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028"])
def test_lines_of_sdp_are_counted_however_they_end(end: str) -> None:
    """Whatever ends a line is counted as one."""
    with pytest.raises(ValueError, match="at most"):
        sdp.parse("v=0\n" + f"a=x{end}" * (sdp.LINES_MAX + 1))


def test_a_bundle_of_everything_is_refused() -> None:
    """Sections are looked for in the bundle: both are bounded, or one description takes seconds."""
    mids = " ".join(str(number) for number in range(100_000))
    with pytest.raises(ValueError, match="does not hold"):
        sdp.parse(f"v=0\r\na=group:BUNDLE {mids}\r\n")
    with pytest.raises(ValueError, match="does not hold"):
        sdp.parse("v=0\r\n" + "m=audio 9 x 0\r\n" * (sdp.SECTIONS_MAX + 1))


def test_ids_that_no_packet_can_have_are_left_out() -> None:
    """A far end that gives a header extension an id of 300 got an exception out of each packet that was sent."""
    text = "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\na=recvonly\r\na=rtpmap:96 VP8/90000\r\n"
    text += "".join(f"a=extmap:{key} {sdp.MID}\r\n" for key in (-1, 0, 256, 300, 4096))
    offered = MediaSection("video", "0", codecs=codecs.parameters_for("VP8"))
    found = negotiation.send_parameters(offered, sdp.parse(text).media[0], "VP8")
    assert found is not None
    assert found.mid_extension is None


def test_digits_that_are_none_end_nothing() -> None:
    """What counts as a digit elsewhere is no payload type."""
    assert CodecParameters(97, "rtx", 90000, parameters={"apt": "²"}).apt is None
    assert CodecParameters(97, "rtx", 90000, parameters={"apt": "9" * 5000}).apt is None
    assert not codecs.is_red_of(CodecParameters(63, "red", 48000, 2, {"²/²": ""}), {111})
    assert not codecs.is_red_of(CodecParameters(63, "red", 48000, 2, {"9" * 5000: ""}), {111})


def test_a_candidate_nested_too_deeply_is_garbled() -> None:
    """The JSON reader gives up with an error of its own."""
    with pytest.raises(ValueError, match="nested"):
        candidates.candidate_line("[" * 100_000)


async def test_candidates_are_bounded() -> None:
    """Whoever names ten thousand addresses has sixty-four of them checked."""
    agent = IceAgent(controlling=True)
    agent.set_remote("ufrag", "password" * 3, lite=True)
    for number in range(500):
        await agent.add_remote_candidate(f"candidate:{number} 1 udp 5 10.0.{number // 250}.{number % 250} 9 typ host")
    assert len(agent._connection.remote_candidates) == REMOTE_CANDIDATES_MAX
    await agent.close()


def test_a_check_cut_short_is_no_error() -> None:
    """A STUN attribute with fewer bytes than its kind needs was an exception in the media socket."""
    head = bytes.fromhex("0001") + struct.pack("!H", 20) + bytes.fromhex("2112a442") + bytes(12)
    request = head + struct.pack("!HH", 6, 6) + b"ours:x\0\0" + struct.pack("!HH", 0x24, 2) + b"\0\0\0\0"
    assert ice_lite.answer(request, ("127.0.0.1", 9), ufrag="ours", pwd="password") is None


def test_of_a_sequence_header_only_the_beginning_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight characters for each of its bytes, however many: what is read is bounded."""
    read: list[int] = []

    class Counting(bits.Bits):
        def __init__(self, data: bytes) -> None:
            read.append(len(data))
            super().__init__(data)

    monkeypatch.setattr(av1, "Bits", Counting)
    av1.sequence_header(av1.sized(b"\x08" + bytes(1 << 20)))
    assert 0 < max(read) <= 256


def test_a_line_that_is_brought_about_ends(caplog: pytest.LogCaptureFixture) -> None:
    """Ten of one wording a minute, then how many there were; others are not held back by it."""
    now = 0.0
    logger = logging.getLogger("test.log-limit")
    limit = LogLimit(clock=lambda: now)
    logger.addFilter(limit)
    with caplog.at_level(logging.INFO, logger.name):
        for number in range(1000):
            logger.info("%d came", number)
        logger.warning("something else")
        now = WINDOW_S
        logger.info("%d came", 1000)
    logger.removeFilter(limit)
    told = [record.getMessage() for record in caplog.records]
    assert told == [
        *(f"{number} came" for number in range(LINES)),
        "something else",
        f"1000 came [{1000 - LINES} more like this before]",
    ]


def test_a_description_at_its_bounds_is_answered_in_time() -> None:
    """As many sections, sources and candidates as are read at all: the CPU time of reading it is a fraction."""
    section = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 VP8/90000\r\n" + "".join(
        f"a=ssrc:{number} cname:x\r\n" for number in range(70)
    )
    lines = ["v=0", "a=group:BUNDLE " + " ".join(map(str, range(sdp.SECTIONS_MAX)))]
    text = "\r\n".join(lines) + "\r\n" + section * 250
    begun = time.thread_time()
    description = sdp.parse(text)
    assert isinstance(description, SessionDescription)
    assert description.transport_section is not None
    assert time.thread_time() - begun < 5


def test_json_beyond_a_number_is_malformed() -> None:
    """Numbers that no field holds are what cannot be read, and no other error."""
    numbers = ('{"ping": 1e400}', '{"ping": NaN}', json.dumps({"offer": {"id": 1 << 70}}), '{"addTrack": {"type": 99}}')
    for text in numbers:
        try:
            read_request(text)
        except ValueError:
            continue


def test_a_section_of_no_known_kind_is_refused() -> None:
    """A kind that is neither sound nor pictures, with a codec that we know, was an error in the server."""
    offer = sdp.parse("v=0\r\nm=tactile 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\na=rtpmap:96 VP8/90000\r\n")
    answer, taken = build_answer(offer, [], transport=lambda section: section)
    assert (answer.media[0].port, taken) == (0, [])
