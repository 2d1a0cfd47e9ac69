"""The connection on which one participant receives: tracks come and go by serialised offers, data by two channels."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

from livekit.protocol import rtc

from jackfield.media.clock import Timer
from jackfield.rtc import codecs, rtcp, sdp
from jackfield.server.sfu.connection import Connection, Surroundings
from jackfield.server.sfu.data import DataOutlet
from jackfield.server.sfu.downlink import DownTrack
from jackfield.server.sfu.offer import Offered, SubscriberOffer
from jackfield.server.sfu.outlet import RtpOutlet
from jackfield.server.sfu.path_share import PathShare
from jackfield.server.sfu.publication import Publication

logger = logging.getLogger(__name__)


class SubscriberConnection(Connection):
    """``on_offer`` gets each offer to send; ``on_answered`` the sids of tracks that flow from now on, and of those that
    the client will not take; ``on_silent`` is called when an offer is not answered in time, ``on_paused`` when pictures
    pause because the path has no room for them (True), or go on."""

    def __init__(
        self,
        around: Surroundings,
        *,
        name: str,
        on_offer: Callable[[rtc.SessionDescription], None],
        on_answered: Callable[[list[str], list[str]], None],
        on_silent: Callable[[], None],
        on_paused: Callable[[Mapping[str, bool]], None],
        over: Connection | None = None,
    ) -> None:
        super().__init__(around, name=name, over=over)
        self.transport.on_rtcp = self._receive_rtcp
        self._share = PathShare(self._clock, around.limits.last_n, on_paused)
        self._outlet = RtpOutlet(self.transport, self.link)
        channels = self.transport.channels if over is None else None
        self.data = DataOutlet(channels, early_max=around.limits.early_data_packets)
        self.downs: dict[str, DownTrack] = {}
        self._by_ssrc: dict[int, DownTrack] = {}
        self._offer = SubscriberOffer()
        self._on_offer, self._on_answered, self._on_silent = on_offer, on_answered, on_silent
        self._agreed: list[str] = []
        self._is_stale = False
        self._offering: asyncio.Handle | None = None
        self._patience: Timer | None = None
        self._closed = self._paused = False

    # --- tracks ---
    def add(self, publication: Publication, settings: rtc.UpdateTrackSettings | None) -> None:
        """The next offer contains this publication; its media flows once that is answered."""
        track = publication.track
        known = self.downs.get(publication.sid)
        if track is None or (known is not None and known.track is track):
            return
        self.remove(publication.sid)  # its media was negotiated anew
        entry = next(entry for entry in codecs.ENTRIES if entry.name == track.codec)
        down = DownTrack(
            track,
            payload_type=entry.payload_type,
            rtx_payload_type=entry.rtx,
            send_rtp=self._outlet.send,
            send_rtcp=self.transport.send_rtcp,
            clock=self._clock,
            cname=publication.owner.sid,
            retransmissions_per_second=self._limits.retransmissions_per_second,
        )
        down.want(publication.layer_index(settings), disabled=settings is not None and settings.disabled)
        self.downs[publication.sid] = down
        self._by_ssrc[down.ssrc] = self._by_ssrc[down.rtx_ssrc] = down
        self._share.add(publication, down)
        stereo = publication.info.stereo and track.kind == "audio"
        owner = publication.owner.sid
        redundant, ssrcs = track.red_payload_type is not None, (down.ssrc, down.rtx_ssrc)
        self._announce(Offered(publication.sid, owner, track.kind, track.codec, *ssrcs, stereo, redundant))
        self.negotiate()

    def remove(self, track_sid: str) -> None:
        """Nothing more of it is sent; the next offer says so."""
        down = self.downs.pop(track_sid, None)
        if down is None:
            return
        down.close()
        self._share.remove(track_sid)
        self._by_ssrc = {ssrc: other for ssrc, other in self._by_ssrc.items() if other is not down}
        self._withdraw(track_sid)
        self.negotiate()

    def _announce(self, track: Offered) -> None:
        self._offer.add(track)

    def _withdraw(self, track_sid: str) -> None:
        self._offer.remove(track_sid)

    # --- negotiation ---
    def negotiate(self) -> None:
        """An offer goes out soon: one for all changes of this moment, and never a second before an answer."""
        self._is_stale = True
        if self._offering is None and not self._closed and not self._paused:
            self._offering = asyncio.get_running_loop().call_soon(self._send_offer)

    def _send_offer(self) -> None:
        self._offering = None
        if self._closed or self._paused or not self._is_stale or self._offer.in_flight is not None:
            return
        self._is_stale = False
        description = self._offer.build(self.describe("actpass"))
        self._patience = self._clock.call_later(self._limits.answer_timeout_s, self._on_silent)
        self._on_offer(rtc.SessionDescription(type="offer", sdp=str(description), id=self._offer.version))

    def answered(self, answer: rtc.SessionDescription) -> None:
        """The client's answer. The Rust SDK says id 0; `ValueError` when the SDP does not hold."""
        if self._offer.in_flight is None or answer.id not in (0, self._offer.version):
            return
        description = sdp.parse(answer.sdp)
        self._calm()
        self.start(description)
        sent, refused = self._offer.answered(description)
        flowing = [sid for sid in sent if sid in self.downs and not self.downs[sid].enabled]
        self._agreed += flowing
        for sid in flowing:
            takes = self.downs[sid].track.red_payload_type is not None and self._offer.takes_redundant(description, sid)
            self.downs[sid].red_payload_type = codecs.RED_PAYLOAD_TYPE if takes else None
        if self.transport.state == "connected":
            self.connected()
        self._on_answered(flowing, [track_sid for track_sid in refused if track_sid in self.downs])
        if self._is_stale:
            self.negotiate()

    def connected(self) -> None:
        """What was answered flows. Not before: a keyframe ahead of the path is lost, and the next one is late."""
        for track_sid in self._agreed:
            if track_sid in self.downs:
                self.downs[track_sid].enable()
        self._agreed.clear()

    def pause(self) -> None:
        """Nobody is there to take offers, until `restart_ice`; the one in flight is given up."""
        self._paused = True
        self._calm()
        self._offer.in_flight = None

    def restart_ice(self) -> None:
        """The next offer has new ICE credentials, and the one in flight is given up."""
        self._paused = False
        self._calm()
        self.renew()
        self._offer.in_flight = None
        self.negotiate()

    def _calm(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    # --- feedback ---
    def _receive_rtcp(self, data: bytes) -> None:
        for packet in rtcp.parse(data, arrivals=False):
            match packet:
                case rtcp.Nack():
                    down = self._by_ssrc.get(packet.media_ssrc)
                    if down is not None and down.track.is_video:
                        down.resend(packet.lost)
                case rtcp.Pli():
                    self._needs_keyframe(packet.media_ssrc)
                case rtcp.Fir():
                    for ssrc, _ in packet.entries:
                        self._needs_keyframe(ssrc)
                case rtcp.ReceiverReport() | rtcp.SenderReport():
                    for block in packet.reports:
                        down = self._by_ssrc.get(block.ssrc)
                        if down is not None and block.ssrc == down.ssrc:
                            self._share.reported(down, down.received(block))
                case rtcp.Remb():
                    self._share.estimate.remb(packet.bitrate_bps)

    def _needs_keyframe(self, ssrc: int) -> None:
        down = self._by_ssrc.get(ssrc)
        if down is not None:
            down.request_keyframe()

    def tend(self) -> None:
        """Shares the path anew, and asks again for keyframes that did not come; called every half second."""
        self._share.decide(8 * self.transport.bytes_sent)
        for down in self.downs.values():
            down.retarget()
            down.ask_again()

    @property
    def loss(self) -> float:
        """The worst share of lost packets that the client last reported."""
        return max((down.reception.loss for down in self.downs.values()), default=0.0)

    @property
    def rtt_ms(self) -> float | None:
        """The round trip as the client's reports tell it."""
        known = [down.reception.rtt_ms for down in self.downs.values() if down.reception.rtt_ms is not None]
        return min(known, default=None)

    async def close(self) -> None:
        """Nothing more is sent."""
        self._release()
        await super().close()

    def _release(self) -> None:
        self._closed = True
        self._calm()
        for down in self.downs.values():
            down.close()
        self.downs.clear()
        self._by_ssrc.clear()
