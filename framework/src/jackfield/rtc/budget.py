"""What the path carries, handed out to the tracks that are sent."""

from __future__ import annotations

from collections.abc import Sequence

from jackfield.media.clock import Clock
from jackfield.rtc.bandwidth import BandwidthEstimator, share
from jackfield.rtc.congestion.loss import LossRate
from jackfield.rtc.rtcp import ReportBlock
from jackfield.rtc.sender import RtpSender
from jackfield.rtc.twcc_format import TransportFeedback

_MS = 1_000_000
#: Room that is left for each track of sound.
AUDIO_BPS = 48_000
LEAST_VIDEO_BPS = 50_000
#: What a video without a limit of its own is taken to want.
_WANTED_BPS = 2_500_000
_REMB_HOLDS_NS = 5_000 * _MS


class Budget:
    """Fed with what the other end says; tells each video how much it may use.

    Transport-wide feedback goes to the estimator. REMB is an upper bound beside it, and where it is all there is, it
    holds together with the loss that receiver reports tell of.
    """

    def __init__(self, clock: Clock, estimator: BandwidthEstimator, senders: Sequence[RtpSender]) -> None:
        self._clock, self._estimator, self._senders = clock, estimator, senders
        self._remb: tuple[int, int] | None = None
        self._loss = LossRate(LEAST_VIDEO_BPS)
        self._feedback_seen = False

    @property
    def bps(self) -> int:
        """What may be sent in all."""
        remb, now_ns = self._remb, self._clock.now_ns()
        if remb is None or now_ns - remb[1] > _REMB_HOLDS_NS:
            return self._estimator.target_bps
        if self._feedback_seen:
            return min(self._estimator.target_bps, remb[0])
        return remb[0] if self._loss.bps is None else min(remb[0], int(self._loss.bps))

    def feedback(self, report: TransportFeedback) -> None:
        """The other end says which packets came."""
        self._feedback_seen = True
        self._estimator.feedback(report, self._clock.now_ns())
        self.share()

    def remb(self, bitrate_bps: int) -> None:
        """The other end says what it can take."""
        self._remb = (bitrate_bps, self._clock.now_ns())
        self.share()

    def reported(self, block: ReportBlock) -> None:
        """The other end says what was lost of one of our sources."""
        if self._feedback_seen or self._remb is None:
            return
        self._loss.add(256 - block.fraction_lost, block.fraction_lost)
        self._loss.update(self.bps, self._clock.now_ns(), delivered_bps=None, queue_ms=0.0)

    def tick(self) -> None:
        """A second or so has passed."""
        self._estimator.tick(self._clock.now_ns())
        if self._feedback_seen or self._remb is not None:
            self.share()

    def share(self) -> None:
        """Each video that is sent now hears of its part."""
        active = [sender for sender in self._senders if sender.ready and not sender.muted]
        video = [sender for sender in active if sender.kind == "video"]
        sound_bps = AUDIO_BPS * (len(active) - len(video))
        limits = [sender.max_bitrate_bps for sender in video]
        self._estimator.wanted_bps = sound_bps + sum(_WANTED_BPS if limit is None else limit for limit in limits)
        for sender, part in zip(video, share(self._for_pictures(video, sound_bps), limits), strict=True):
            sender.allow(max(part, LEAST_VIDEO_BPS))

    def _for_pictures(self, video: Sequence[RtpSender], sound_bps: int) -> int:
        """What is left of the path for new pictures: repairs of old ones come first, up to a half."""
        now_ns, all_bps = self._clock.now_ns(), self.bps
        repairs_bps = sum(stream.repair_bps(now_ns) for sender in video for stream in sender.streams)
        return max(all_bps - sound_bps - min(repairs_bps, all_bps // 2), 0)
