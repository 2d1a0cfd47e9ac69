"""Which layers of a track anybody takes, told to its publisher, who need not encode the others (LiveKit's dynacast)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from livekit.protocol import models, rtc

if TYPE_CHECKING:
    from jackfield.server.sfu.publication import Publication

_QUALITIES = (models.VideoQuality.LOW, models.VideoQuality.MEDIUM, models.VideoQuality.HIGH)
#: A layer is given up only after nobody took it for so long: people come and go, and each way back costs a keyframe.
_HOLD_NS = 2_000_000_000


class Demand:
    """What is asked of one publication's layers. A track in one layer is sent as it is, and nothing is told."""

    def __init__(self, publication: Publication) -> None:
        self._publication = publication
        self._told: int | None = None
        self._less_since_ns: int | None = None

    def look(self, now_ns: int) -> None:
        """Tells the publisher what has changed: more at once, less after a while. Call it often."""
        track = self._publication.track
        if track is None or not track.is_video or len(track.rids) < 2:
            return
        best = max((feed.takes for feed in track.feeds), default=-1)
        told = len(track.rids) - 1 if self._told is None else self._told
        if best >= told:
            self._less_since_ns = None
            if best > told:
                self._tell(best)
        elif self._less_since_ns is None:
            self._less_since_ns = now_ns
        elif now_ns - self._less_since_ns >= _HOLD_NS:
            self._less_since_ns = None
            self._tell(best)

    def tell_again(self) -> None:
        """The publisher may not have heard what it was told last."""
        if self._told is not None:
            self._tell(self._told)

    def _tell(self, best: int) -> None:
        self._told = best
        publication = self._publication
        qualities = [rtc.SubscribedQuality(quality=q, enabled=i <= best) for i, q in enumerate(_QUALITIES)]
        codec = publication.track.codec.lower() if publication.track is not None else ""
        update = rtc.SubscribedQualityUpdate(
            track_sid=publication.sid,
            subscribed_qualities=qualities,
            subscribed_codecs=[rtc.SubscribedCodec(codec=codec, qualities=qualities)],
        )
        publication.owner.send(response=rtc.SignalResponse(subscribed_quality_update=update))
