"""RTCP is read, written and survived."""

import random

from jackfield.rtc import rtcp
from jackfield.rtc.rtcp import (
    Fir,
    Goodbye,
    Nack,
    Pli,
    ReceiverReport,
    Remb,
    ReportBlock,
    SenderReport,
    SourceDescription,
)
from jackfield.rtc.twcc import ArrivalLog
from jackfield.rtc.twcc_format import TransportFeedback

COMPOUND = [
    SenderReport(1, 2**63, 3, 4, 5, (ReportBlock(9, 3, -5, 7, 8, 9, 10),)),
    ReceiverReport(1, (ReportBlock(9), ReportBlock(10))),
    SourceDescription(((1, "abc"), (2, "abcd"), (3, ""))),
    Goodbye((1, 2)),
    Nack(1, 2, (5, 6, 9, 30, 65535, 0)),
    Pli(1, 2),
    Fir(1, ((2, 3), (4, 255))),
    Remb(1, 3 << 20, (4, 5)),
]


def test_a_compound_comes_back_as_it_was() -> None:
    """Every packet type survives a round trip, in one datagram."""
    assert rtcp.parse(rtcp.serialise(*COMPOUND)) == COMPOUND


def test_nacks_share_a_mask() -> None:
    """Seventeen neighbours fit one pair (RFC 4585 section 6.2.1)."""
    assert len(rtcp.serialise(Nack(1, 2, tuple(range(100, 117))))) == 16


def test_a_damaged_part_costs_only_itself() -> None:
    """A report that promises more blocks than it holds is skipped; what follows is read."""
    lying = bytes([0x80 | 31, rtcp.RR, 0, 1]) + bytes(4)
    assert rtcp.parse(lying + rtcp.serialise(Pli(1, 2))) == [Pli(1, 2)]


def test_random_bytes_raise_nothing() -> None:
    """Hostile RTCP is dropped in silence."""
    chance = random.Random(1)
    for _ in range(5000):
        body = chance.randbytes(4 * chance.randrange(16))
        head = bytes([0x80 | chance.randrange(64), chance.randrange(200, 207)])
        rtcp.parse(head + (len(body) // 4).to_bytes(2, "big") + body)


def test_transport_feedback_keeps_every_difference() -> None:
    """Arrivals come back with their differences, however the runs and gaps fall."""
    chance = random.Random(1)
    for _ in range(200):
        now, arrivals = 10**9, []
        for index in range(chance.randint(1, 900)):
            now += chance.choice([0, 250, 1000, 50_000, 100_000, -750])
            arrivals.append(((65_000 + index) & 0xFFFF, None if chance.random() < 0.3 else now // 250 * 250))
        arrivals[-1] = (arrivals[-1][0], now // 250 * 250)
        sent = TransportFeedback(1, 2, 3, tuple(arrivals))
        (read,) = rtcp.parse(rtcp.serialise(sent))
        assert isinstance(read, TransportFeedback)
        assert [number for number, _ in read.arrivals] == [number for number, _ in arrivals]
        pairs = [(a, b) for (_, a), (_, b) in zip(arrivals, read.arrivals, strict=True)]
        assert all((a is None) == (b is None) for a, b in pairs)
        assert len({a - b for a, b in pairs if a is not None and b is not None}) == 1


def test_an_arrival_log_reports_each_packet_and_the_holes() -> None:
    """What did not come is reported lost, and what comes late is reported afterwards."""
    log = ArrivalLog()
    assert log.feedback(1, 2) == []
    for number in (65534, 65535, 1):
        log.record(number, 1_000_000 + number)
    (first,) = log.feedback(1, 2)
    assert [(number, arrival is not None) for number, arrival in first.arrivals] == [
        (65534, True), (65535, True), (0, False), (1, True),
    ]  # fmt: skip
    log.record(3, 2_000_000)
    (second,) = log.feedback(1, 2)
    assert [(number, arrival is not None) for number, arrival in second.arrivals] == [(2, False), (3, True)]
    assert second.feedback_count == 1


def test_an_arrival_log_is_bounded() -> None:
    """A peer that jumps through the numbers cannot make it grow, nor make it report for ever."""
    log = ArrivalLog()
    for number in range(0, 60_000, 7):
        log.record(number & 0xFFFF, number)
    assert sum(len(report.arrivals) for report in log.feedback(1, 2)) <= 32_000
