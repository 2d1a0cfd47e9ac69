"""What reports say of how much came: what the path carries, whatever was sent into its queue."""

from __future__ import annotations

import pytest

from jackfield.rtc.rtcp import ReportBlock
from jackfield.server.sfu.delivery import Delivery

S = 1_000_000_000


def block(highest: int, lost: int) -> ReportBlock:
    return ReportBlock(1, 0, lost, highest & 0xFFFFFFFF, 0, 0, 0)


@pytest.mark.parametrize(
    ("highest", "lost", "bps"),
    [
        (100, 0, 100 * 1028 * 8),
        (100, 60, 40 * 1028 * 8),
        (100, -5, 100 * 1028 * 8),  # what came twice counts once
        (100, 200, 0),
        (0, 0, 0),
        (-1, 0, 0),  # what cannot be
        (70_000, 0, 0),
    ],
)
def test_what_came_between_two_reports(highest: int, lost: int, bps: float) -> None:
    """A thousand packets of a thousand bytes were sent, so many of which the reports have come to."""
    delivery = Delivery()
    delivery.told(block(500, 10), 1000, 1_000_000, 5 * S)
    assert delivery.bps(5 * S) == 0
    delivery.told(block(500 + highest, 10 + lost), 2000, 2_000_000, 6 * S)
    assert delivery.bps(6 * S) == bps


def test_what_came_late_is_as_large_as_it_was_sent() -> None:
    """A publisher that was held back sends small packets, while large ones still come."""
    delivery = Delivery()
    for second, octets in enumerate((0, 1_000_000, 1_300_000), 5):
        delivery.told(block(100 * second, 0), 1000 * second, octets, second * S)
    assert delivery.bps(7 * S) == 100 * 1028 * 8


def test_reports_that_come_together_are_one_and_old_ones_say_nothing() -> None:
    """Browsers send several in a moment; a path may be cut."""
    delivery = Delivery()
    delivery.told(block(0, 0), 0, 0, 5 * S)
    delivery.told(block(2, 0), 10, 10_000, 5 * S + 1000)
    delivery.told(block(100, 0), 100, 100_000, 6 * S)
    assert delivery.bps(6 * S) == 100 * 1028 * 8
    assert delivery.bps(9 * S) == 0


def test_where_nothing_was_sent_nothing_came() -> None:
    """A muted camera is no narrow path."""
    delivery = Delivery()
    delivery.told(block(7, 0), 1000, 1_000_000, 5 * S)
    delivery.told(block(7, 0), 1000, 1_000_000, 6 * S)
    assert delivery.bps(6 * S) == 0
