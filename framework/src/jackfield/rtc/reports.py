"""RTCP of one connection: reports each second, feedback as it is needed, and what the other end says of ours."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from jackfield.media.clock import Alarm, Clock
from jackfield.rtc import rtcp
from jackfield.rtc.bandwidth import BandwidthEstimator
from jackfield.rtc.budget import Budget
from jackfield.rtc.congestion import ReceiverEstimate
from jackfield.rtc.router import Router
from jackfield.rtc.send_stream import SendStream, new_ssrc
from jackfield.rtc.sender import RtpSender
from jackfield.rtc.timeline import ntp
from jackfield.rtc.twcc import ArrivalLog
from jackfield.rtc.twcc_format import TransportFeedback

_MS = 1_000_000
FIRST_REPORT_MS, REPORT_INTERVAL_MS = 200, 1000
#: How often arrivals are told to a sender that numbers its packets transport-wide.
FEEDBACK_INTERVAL_MS = 50
_BLOCKS_MAX = 31


class Reports:
    """One end's RTCP. ``send`` takes whole compound datagrams."""

    def __init__(
        self,
        clock: Clock,
        estimator: BandwidthEstimator,
        senders: Sequence[RtpSender],
        router: Router,
        send: Callable[[bytes], None],
    ) -> None:
        self._clock = clock
        self.budget = Budget(clock, estimator, senders)
        self._senders = senders
        self._router = router
        self._send = send
        self._ssrc = new_ssrc()
        self._cname = f"{new_ssrc():08x}"
        self._arrivals = ArrivalLog()
        self._last_ssrc = 0
        self._estimate = ReceiverEstimate()
        self._closed = False
        self._feedback_alarm = Alarm(clock, self._send_feedback)
        self._report_alarm = Alarm(clock, self._send_reports)

    def begin(self) -> None:
        """There is a path: the first report goes out soon. Nothing once closed: a handshake may end while we close."""
        if self._closed:
            return
        self._report_alarm.set(self._clock.now_ns() + FIRST_REPORT_MS * _MS)

    def close(self) -> None:
        """No timer is left, and none is set any more."""
        self._closed = True
        self._report_alarm.cancel()
        self._feedback_alarm.cancel()

    # --- out ---------------------------------------------------------------------------------------------------
    def send_nack(self, media_ssrc: int, lost: list[int]) -> None:
        """Asks for packets again."""
        self._put(rtcp.Nack(self._ssrc, media_ssrc, tuple(number & 0xFFFF for number in lost)))

    def send_pli(self, media_ssrc: int) -> None:
        """Asks for a keyframe."""
        self._put(rtcp.Pli(self._ssrc, media_ssrc))

    def arrived(self, number: int, ssrc: int, arrival_ns: int) -> None:
        """A packet with this transport-wide number came: its sender hears of it within 50 ms."""
        if self._closed:
            return
        self._arrivals.record(number, arrival_ns // 1000)
        self._last_ssrc = ssrc
        self._feedback_alarm.due_by(arrival_ns + FEEDBACK_INTERVAL_MS * _MS)

    def arrived_at(self, send_time: bytes, size: int, arrival_ns: int) -> None:
        """A packet came that left at this abs-send-time: its sender hears of the estimate with the next report, and
        at once where it falls."""
        if self._estimate.arrived(send_time, size, arrival_ns) and not self._closed:
            self._put(rtcp.ReceiverReport(self._ssrc), *self._remb())

    @property
    def told_bps(self) -> int | None:
        """What the other end was told that the path to us takes; None where it learns that from our feedback."""
        return self._estimate.told_bps

    def _remb(self) -> list[rtcp.Rtcp]:
        bitrate_bps = self._estimate.bitrate_bps
        if bitrate_bps is None:
            return []
        self._estimate.told()
        sources = [r.ssrc for r in self._router.receivers if r.kind == "video" and r.ssrc is not None]
        return [rtcp.Remb(self._ssrc, bitrate_bps, tuple(sources[:255]))]

    def _put(self, *packets: rtcp.Rtcp) -> None:
        self._send(rtcp.serialise(*packets))

    def _send_feedback(self) -> None:
        for report in self._arrivals.feedback(self._ssrc, self._last_ssrc):
            self._put(report)

    def _send_reports(self) -> None:
        now_ns, now_ntp = self._clock.now_ns(), ntp()
        self._report_alarm.set(now_ns + REPORT_INTERVAL_MS * _MS)  # first: whatever goes wrong, the next ones go out
        streams = [stream for sender in self._senders for stream in sender.streams]
        sent = [report for stream in streams if (report := stream.report(now_ns, now_ntp)) is not None]
        blocks = [block for receiver in self._router.receivers if (block := receiver.report()) is not None]
        reports: list[rtcp.Rtcp] = [*sent]
        for first in range(0, len(blocks), _BLOCKS_MAX):
            reports.append(rtcp.ReceiverReport(self._ssrc, tuple(blocks[first : first + _BLOCKS_MAX])))
        if reports:
            reports += self._remb()
            sources = [(report.ssrc, self._cname) for report in sent] or [(self._ssrc, self._cname)]
            self._put(*reports, rtcp.SourceDescription(tuple(sources[:_BLOCKS_MAX])))
        self.budget.tick()

    # --- in ------------------------------------------------------------------------------------------------------
    def receive(self, data: bytes) -> None:
        """One compound datagram from the other end."""
        for packet in rtcp.parse(data):
            match packet:
                case rtcp.SenderReport():
                    receiver = self._router.by_ssrc(packet.ssrc)
                    if receiver is not None and receiver.ssrc == packet.ssrc:
                        receiver.reported(packet)
                    self._reported(packet.reports)
                case rtcp.ReceiverReport():
                    self._reported(packet.reports)
                case rtcp.Nack():
                    for stream in self._streams(packet.media_ssrc):
                        stream.nacked(packet.lost)
                case rtcp.Pli():
                    self._keyframe_requested(packet.media_ssrc)
                case rtcp.Fir():
                    for ssrc, _ in packet.entries:
                        self._keyframe_requested(ssrc, full=True)
                case rtcp.Remb():
                    self.budget.remb(packet.bitrate_bps)
                case TransportFeedback():
                    self.budget.feedback(packet)
                case _:
                    pass

    def _streams(self, ssrc: int) -> list[SendStream]:
        return [stream for sender in self._senders for stream in sender.streams if stream.ssrc == ssrc]

    def _keyframe_requested(self, ssrc: int, *, full: bool = False) -> None:
        for stream in self._streams(ssrc):
            stream.keyframe_requested(full=full)

    def _reported(self, blocks: Sequence[rtcp.ReportBlock]) -> None:
        now_ntp = ntp()
        for block in blocks:
            for stream in self._streams(block.ssrc):
                stream.reported(block, now_ntp)
                self.budget.reported(block)
