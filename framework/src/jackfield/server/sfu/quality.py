"""How good a participant's connection is, from loss in both directions, the round trip and silence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from livekit.protocol import models

if TYPE_CHECKING:
    from jackfield.server.sfu.participant import Participant

_SILENT_NS = 6_000_000_000
_GOOD_LOSS, _POOR_LOSS = 0.02, 0.08
_GOOD_RTT_MS, _POOR_RTT_MS = 250.0, 600.0

Quality = models.ConnectionQuality


def score(loss: float, rtt_ms: float | None, silent_ns: int) -> tuple[models.ConnectionQuality, float]:
    """The rating and a number for it, 5 (excellent) to 0 (lost)."""
    rtt = rtt_ms or 0.0
    if silent_ns > _SILENT_NS:
        return Quality.LOST, 0.0
    if loss >= _POOR_LOSS or rtt >= _POOR_RTT_MS:
        return Quality.POOR, 2.0
    if loss >= _GOOD_LOSS or rtt >= _GOOD_RTT_MS:
        return Quality.GOOD, 3.5
    return Quality.EXCELLENT, 5.0


def rate(participant: Participant, now_ns: int) -> tuple[models.ConnectionQuality, float]:
    """The rating of this participant's connection now. One that has not connected yet is not silent."""
    links = (participant.publisher.link, participant.subscriber.link)
    heard_ns = max(link.heard_ns for link in links)
    silent_ns = now_ns - heard_ns if heard_ns else 0
    loss = max(participant.publisher.loss, participant.subscriber.loss)
    return score(loss, participant.subscriber.rtt_ms, silent_ns)
