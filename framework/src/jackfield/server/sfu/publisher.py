"""The connection on which one participant publishes: packets find their layers, feedback goes back."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence

from jackfield.log_limit import limited_logger
from jackfield.rtc import codecs, rtcp, sdp
from jackfield.rtc.sdp import SessionDescription
from jackfield.rtc.twcc import ArrivalLog
from jackfield.server.sfu.answer import Announced, Fill, Taken, build_answer
from jackfield.server.sfu.bandwidth import BlindEstimate
from jackfield.server.sfu.ceiling import Ceiling
from jackfield.server.sfu.connection import Connection, Surroundings
from jackfield.server.sfu.packets import extension
from jackfield.server.sfu.uplink import Layer, UpTrack

logger = limited_logger(__name__)

_BLOCKS_MAX = 31


class PublisherConnection(Connection):
    """Answers offers and routes what comes by SSRC, which it learns from mid and rid, or from the offer."""

    def __init__(self, around: Surroundings, *, name: str) -> None:
        super().__init__(around, name=name)
        self.transport.on_rtp = self._receive
        self.transport.on_rtcp = self._receive_rtcp
        #: Tracks by the client's id of them.
        self.tracks: dict[str, UpTrack] = {}
        self.packets_strange = 0
        #: The worst share of packets lost in one stream during the last second.
        self.loss = 0.0
        self._feedback_ssrc = secrets.randbits(32) or 1
        self._taken: dict[str, Taken] = {}
        self._routes: dict[bytes, Callable[[bytes, int], None]] = {}
        self._arrivals = ArrivalLog()
        self._transport_cc: int | None = None
        self._media_ssrc = 0
        self._estimate: BlindEstimate | None = None
        self._ceiling = Ceiling()

    # --- negotiation ---
    def answer(
        self, offer: SessionDescription, announced: Sequence[Announced], fill: Fill | None = None
    ) -> SessionDescription:
        """Our answer; `tracks` is what it takes from now on."""
        if self.restarts_ice(offer):
            self.renew()
        answer, taken = build_answer(offer, announced, transport=self.describe("passive"), fill=fill)
        self._apply(taken)
        self.start(offer)
        return answer

    def mid_of(self, cid: str) -> str:
        """The m= section that this track comes in; "" when it does not."""
        return self._taken[cid].mid if cid in self._taken else ""

    def _apply(self, taken: Sequence[Taken]) -> None:
        before, self._taken = self._taken, {item.cid: item for item in taken}
        for cid, old in before.items():
            new = self._taken.get(cid)
            if new is None or (new.mid, new.codec.payload_type) != (old.mid, old.codec.payload_type):
                self._drop(self.tracks.pop(cid))
        for item in taken:
            self._transport_cc = item.extensions.get(sdp.TRANSPORT_CC, self._transport_cc)
            if item.cid not in self.tracks:
                self.tracks[item.cid] = self._track(item)
            for ssrc, repair_ssrc in item.sources:
                self._route(self.tracks[item.cid], "", ssrc)
                if repair_ssrc is not None:
                    self._route_repair(self.tracks[item.cid].layers[""], repair_ssrc)
        has_video = any(item.kind == "video" for item in taken)
        if self._transport_cc is None and has_video and self._estimate is None:
            self._estimate = BlindEstimate()

    def _track(self, item: Taken) -> UpTrack:
        return UpTrack(
            kind=item.kind,
            codec=codecs.canonical(item.codec.name) or item.codec.name,
            payload_type=item.codec.payload_type,
            clock_rate=item.codec.clock_rate,
            clock=self._clock,
            send_rtcp=self.transport.send_rtcp,
            feedback_ssrc=self._feedback_ssrc,
            rids=item.rids,
            descriptor_id=item.extensions.get(sdp.DEPENDENCY_DESCRIPTOR),
            level_id=item.extensions.get(sdp.AUDIO_LEVEL),
            red_payload_type=item.red_payload_type,
        )

    def _drop(self, track: UpTrack) -> None:
        layers = list(track.layers.values())
        track.close()
        self._unroute(*layers)

    # --- media ---
    def _receive(self, packet: bytes, arrival_ns: int) -> None:
        try:
            if self._transport_cc is not None:
                number = extension(packet, self._transport_cc)
                if number is not None and len(number) == 2:
                    self._arrivals.record(number[0] << 8 | number[1], arrival_ns // 1000)
            route = self._routes.get(packet[8:12]) or self._learn(packet)
            if route is not None:
                route(packet, arrival_ns)
                return
        except (ValueError, IndexError):
            logger.debug("%s: a malformed RTP packet", self.name)
        self.packets_strange += 1

    def _learn(self, packet: bytes) -> Callable[[bytes, int], None] | None:
        """What a source not seen before carries: from its mid and rid, else from its payload type alone."""
        if len(packet) < 12 or len(self._routes) >= self._limits.sources_per_publisher:
            return None
        item = self._section_of(packet)
        if item is None:
            return None
        track, ssrc = self.tracks[item.cid], int.from_bytes(packet[8:12], "big")
        if packet[1] & 0x7F == item.rtx_payload_type:
            layer = track.layers.get(_text(packet, item.extensions.get(sdp.REPAIRED_RID)) if item.rids else "")
            return self._route_repair(layer, ssrc) if layer is not None else None
        rid = _text(packet, item.extensions.get(sdp.RID)) if item.rids else ""
        return self._route(track, rid, ssrc) if rid in track.rids else None

    def _section_of(self, packet: bytes) -> Taken | None:
        payload_type = packet[1] & 0x7F
        for item in self._taken.values():
            mid = _text(packet, item.extensions.get(sdp.MID))
            if mid:
                return next((other for other in self._taken.values() if other.mid == mid), None)
        fitting = [
            item
            for item in self._taken.values()
            if payload_type in (item.codec.payload_type, item.rtx_payload_type, item.red_payload_type)
        ]
        return fitting[0] if len(fitting) == 1 else None

    def _route(self, track: UpTrack, rid: str, ssrc: int) -> Callable[[bytes, int], None]:
        old = track.layers.get(rid)
        layer = track.layer(rid, ssrc)
        if old is not None and old is not layer:
            self._unroute(old)
        self._media_ssrc = self._media_ssrc or ssrc
        return self._routes.setdefault(ssrc.to_bytes(4, "big"), layer.receive)

    def _route_repair(self, layer: Layer, ssrc: int) -> Callable[[bytes, int], None]:
        return self._routes.setdefault(ssrc.to_bytes(4, "big"), layer.receive_repair)

    def _unroute(self, *layers: Layer) -> None:
        gone = {id(layer) for layer in layers}
        self._routes = {
            key: route for key, route in self._routes.items() if id(getattr(route, "__self__", None)) not in gone
        }

    def _receive_rtcp(self, data: bytes) -> None:
        now_ns = self._clock.now_ns()
        for packet in rtcp.parse(data, arrivals=False):
            if isinstance(packet, rtcp.SenderReport):
                for layer in self.layers():
                    if layer.ssrc == packet.ssrc:
                        layer.sender_report(packet, now_ns)

    def layers(self) -> list[Layer]:
        """Every layer of every track."""
        return [layer for track in self.tracks.values() for layer in track.layers.values()]

    def measure(self) -> None:
        """What each layer takes; called every half second."""
        now_ns = self._clock.now_ns()
        for layer in self.layers():
            layer.measure(now_ns)

    def hold_back(self) -> None:
        """Asks for no more than anybody's path carries; called every half second."""
        if (most_bps := self._ceiling.look(self.tracks.values())) is not None:
            self._allow(most_bps if self._estimate is None else min(most_bps, self._estimate.bitrate_bps))

    # --- feedback ---
    def tell_arrivals(self) -> None:
        """Which packets came, and when; called every 100 ms: each time costs the publisher as much as a picture."""
        for report in self._arrivals.feedback(self._feedback_ssrc, self._media_ssrc):
            self.transport.send_rtcp(rtcp.serialise(report))

    def ask_again(self) -> None:
        """For missing packets; called every 50 ms."""
        now_ns = self._clock.now_ns()
        for track in self.tracks.values():
            if track.is_video:
                for layer in track.layers.values():
                    if layer.window.missing:
                        layer.ask_again(now_ns)

    def report(self) -> None:
        """Receiver reports, and an estimate where the publisher takes no arrivals; called every second."""
        now_ns = self._clock.now_ns()
        blocks = [layer.report_block(now_ns) for layer in self.layers()]
        for index in range(0, len(blocks), _BLOCKS_MAX):
            part = tuple(blocks[index : index + _BLOCKS_MAX])
            self.transport.send_rtcp(rtcp.serialise(rtcp.ReceiverReport(self._feedback_ssrc, part)))
        self.loss = max((block.fraction_lost / 256 for block in blocks), default=0.0)
        if self._estimate is not None:
            estimate_bps = self._estimate.update(self.loss)
            self._allow(estimate_bps if self._ceiling.bps is None else min(estimate_bps, self._ceiling.bps))

    def _allow(self, bitrate_bps: int) -> None:
        ssrcs = tuple(layer.ssrc for layer in self.layers() if layer.track.is_video)
        most = rtcp.Remb(self._feedback_ssrc, bitrate_bps, ssrcs[:255])
        self.transport.send_rtcp(rtcp.serialise(rtcp.ReceiverReport(self._feedback_ssrc), most))

    async def close(self) -> None:
        """Nothing more is received."""
        for track in self.tracks.values():
            self._drop(track)
        self.tracks.clear()
        self._taken = {}  # what still comes while the transport closes belongs to nothing
        await super().close()


def _text(packet: bytes, key: int | None) -> str:
    value = extension(packet, key) if key is not None else None
    return value.decode("ascii", "replace") if value else ""
