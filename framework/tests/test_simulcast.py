"""One track in several sizes: what is offered, what each packet says of itself, who gets what, and what rests."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from livekit.protocol import models
from livekit.protocol.rtc import SubscribedCodec, SubscribedQuality, SubscribedQualityUpdate

from jackfield.rtc import negotiation, rtcp, sdp, signalling
from jackfield.rtc.congestion import GoogleCongestionControl
from jackfield.rtc.layers import Layer, allot, ladder
from jackfield.rtc.pacer import Pacer
from jackfield.rtc.reports import Reports
from jackfield.rtc.router import Router
from jackfield.rtc.rtp import RtpPacket
from jackfield.rtc.sender import RtpSender
from jackfield.server.sfu.answer import Announced, build_answer
from jackfield.testing.timers import ManualTimers
from jackfield.values.media import EncodedFrame

KEY = b"\x10\x02\x00\x9d\x01\x2a\x40\x01\xb4\x00"
LAYERS = ladder(1280, 720, 1_700_000)
TRANSPORT = negotiation.LocalTransport("ufrag", "p" * 24, (sdp.Fingerprint("sha-256", "AA"),))


class End:
    """A simulcast sender with an answer of our own server's, what it sent, and what its encoders were told."""

    def __init__(self, layers: tuple[Layer, ...] = LAYERS) -> None:
        self.clock, self.packets = ManualTimers(), list[RtpPacket]()
        self.bitrates: dict[str, int] = {}
        self.keyframes: list[str] = []
        estimator = GoogleCongestionControl(start_bps=30_000_000)
        self.sender = RtpSender(
            "video", cid="c", stream_id="s", codec="VP8", clock=self.clock, sink=self,
            pacer=Pacer(self.clock, estimator), layers=layers,
        )  # fmt: skip
        self.sender.on_bitrate = self.bitrates.__setitem__
        self.sender.on_keyframe_request = self.keyframes.append
        self.reports = Reports(self.clock, estimator, [self.sender], Router(), lambda data: None)
        self.section = negotiation.offer_section("video", "0", self.sender, "VP8")

    def answer(self, *, simulcast: bool = True) -> None:
        """The server's, with its layers or without."""
        offer = negotiation.describe([self.section], TRANSPORT, "actpass", origin_id=1, version=1)
        answer, taken = build_answer(sdp.parse(str(offer)), [Announced("c", "video", "vp8")], transport=_same)
        section = sdp.parse(str(answer)).media[0]
        assert taken[0].rids == tuple(layer.rid for layer in self.sender.layers)
        if not simulcast:
            section.rids, section.simulcast = [], None
        self.sender.settle(negotiation.send_parameters(self.section, section, "VP8"))

    def send_packets(
        self, packets: Sequence[RtpPacket], transport_cc_extension: int | None, probe: int | None = None
    ) -> int:
        self.packets += packets
        return len(packets)

    def send(self, *rids: str, size: int = 500) -> list[RtpPacket]:
        """The packets of a keyframe on each of these layers."""
        before = len(self.packets)
        for rid in rids:
            self.sender.send(EncodedFrame(KEY + bytes(size), "VP8", True, self.clock.now_ns()), rid=rid)
        self.clock.advance(1)
        return self.packets[before:]


def _same(section: sdp.MediaSection) -> sdp.MediaSection:
    section.ice_ufrag, section.ice_pwd, section.setup = "other", "q" * 24, "passive"
    section.fingerprints = [sdp.Fingerprint("sha-256", "BB")]
    return section


@pytest.mark.parametrize(
    ("size", "rids"), [((1280, 720), "qhf"), ((720, 1280), "qhf"), ((640, 480), "qh"), ((320, 180), "")]
)
def test_large_pictures_have_three_layers(size: tuple[int, int], rids: str) -> None:
    """Smaller ones two, and the smallest one without a name; each is twice as wide as the one before."""
    layers = ladder(*size, 1_700_000)
    assert "".join(layer.rid for layer in layers) == rids
    assert layers[-1].scale == 1.0
    assert layers[-1].bitrate_bps == 1_700_000
    assert [layer.scale for layer in layers] == [0.5 ** (len(layers) - 1 - index) for index in range(len(layers))]


def test_the_smallest_layer_is_paid_first() -> None:
    """A layer begins when there is enough for it, and ends later: no to and fro."""
    q, h, f = (layer.bitrate_bps or 0 for layer in LAYERS)
    every = {"q", "h", "f"}
    assert allot(10_000_000, LAYERS, every, set()) == [q, h, f]
    assert allot(q + h + f // 2, LAYERS, every, set()) == [q, h, 0]
    assert allot(q + h + f // 2, LAYERS, every, {"f"}) == [q, h, f // 2]
    assert allot(q + h + f // 3, LAYERS, every, {"f"}) == [q, h, 0]
    assert allot(50_000, LAYERS, every, every) == [50_000, 0, 0]
    assert allot(10_000_000, LAYERS, {"h"}, set()) == [0, h, 0]
    assert allot(100_000, LAYERS, {"f"}, set()) == [0, 0, 100_000]


def test_the_offer_names_layers_and_no_sources() -> None:
    """As browsers do (RFC 8853): rids to send, and the extensions by which each packet says whose it is."""
    section = End().section
    assert [(rid.id, rid.direction) for rid in section.rids] == [("q", "send"), ("h", "send"), ("f", "send")]
    assert section.simulcast == sdp.Simulcast(send=("q", "h", "f"))
    assert {sdp.RID, sdp.REPAIRED_RID, sdp.MID} <= set(section.header_extensions.values())
    assert section.ssrcs == []


def test_every_packet_says_its_layer() -> None:
    """And every repair the layer that it repairs, on a source of its own (RFC 8852)."""
    end = End()
    end.answer()
    parameters = end.sender.streams[0].parameters
    assert parameters is not None
    rid, repaired = parameters.rid_extension, parameters.repaired_rid_extension
    assert rid is not None
    assert repaired is not None
    packets = end.send("q", "h", "f")
    assert [packet.extensions[rid] for packet in packets] == [b"q", b"h", b"f"]
    assert len({packet.ssrc for packet in packets}) == 3
    end.reports.receive(rtcp.serialise(rtcp.Nack(1, packets[1].ssrc, (packets[1].sequence,))))
    repair = end.packets[-1]
    assert repair.extensions[repaired] == b"h"
    assert rid not in repair.extensions
    assert repair.ssrc == end.sender.streams[1].rtx_ssrc


def test_an_answer_without_layers_takes_the_largest() -> None:
    """Alone, and no packet names a layer."""
    end = End()
    end.answer(simulcast=False)
    assert end.bitrates == {"q": 0, "h": 0}
    assert [packet.ssrc for packet in end.send("q", "h", "f")] == [end.sender.streams[2].ssrc]


def test_a_request_for_a_keyframe_reaches_its_layer_alone() -> None:
    """The other encoders go on."""
    end = End()
    end.answer()
    end.reports.receive(rtcp.serialise(rtcp.Pli(1, end.sender.streams[1].ssrc)))
    assert end.keyframes == ["h"]


def test_layers_that_nobody_takes_rest() -> None:
    """Nothing of them is sent; one that is taken anew begins with a keyframe; with none taken nothing is sent."""
    end = End()
    end.answer()
    end.sender.allow(10_000_000)
    q, h, f = (layer.bitrate_bps for layer in LAYERS)
    assert end.bitrates == {"q": q, "h": h, "f": f}
    end.sender.take(["q"])
    assert end.bitrates == {"q": q, "h": 0, "f": 0}
    assert end.sender.max_bitrate_bps == q
    assert len(end.send("q", "h", "f")) == 1
    assert end.keyframes == []
    end.sender.take(["q", "f"])
    assert end.bitrates == {"q": q, "h": 0, "f": f}
    assert end.keyframes == ["f"]
    end.sender.take([])
    assert set(end.bitrates.values()) == {0}
    assert end.send("q", "h", "f") == []


def test_a_track_without_layers_rests_too() -> None:
    """Before anything is known of the path as well."""
    end = End((Layer(bitrate_bps=500_000),))
    end.sender.settle(negotiation.send_parameters(end.section, end.section, "VP8"))
    assert not end.bitrates
    parameters = negotiation.SendParameters("0", 96, 97)
    end.sender.settle(parameters)
    end.sender.take([])
    assert end.bitrates == {"": 0}
    end.sender.take([""])
    assert end.bitrates == {"": 500_000}
    assert end.keyframes == [""]


def test_counters_are_summed_and_kept_apart() -> None:
    """All that was sent, and each layer's own."""
    end = End()
    end.answer()
    end.send("q", "h", "f")
    stats = end.sender.stats()
    assert stats["packets_sent"] == 3
    assert [(layer["rid"], layer["packets_sent"]) for layer in stats["layers"]] == [("q", 1), ("h", 1), ("f", 1)]


def test_the_servers_word_names_layers() -> None:
    """By quality; the own codec's word counts more; a track without layers is taken in any."""
    low, high = models.VideoQuality.LOW, models.VideoQuality.HIGH
    qualities = [SubscribedQuality(quality=low, enabled=True), SubscribedQuality(quality=high, enabled=False)]
    update = SubscribedQualityUpdate(track_sid="TR", subscribed_qualities=qualities)
    assert signalling.taken_layers(update, "VP8", ("q", "h", "f")) == ["q"]
    assert signalling.taken_layers(update, "VP8", ("",)) == [""]
    own = SubscribedCodec(codec="vp8", qualities=[SubscribedQuality(quality=high, enabled=True)])
    update.subscribed_codecs.append(own)
    assert signalling.taken_layers(update, "VP8", ("q", "h", "f")) == ["f"]
    own = SubscribedQualityUpdate(track_sid="TR", subscribed_qualities=[SubscribedQuality(quality=low)])
    assert signalling.taken_layers(own, "VP8", ("",)) == []


def test_the_request_tells_of_every_layer() -> None:
    """Its quality, size and bitrate, under the codec too."""
    request = signalling.track_request("c", "", "video", "camera", "VP8", (1280, 720), 1_700_000, LAYERS)
    told = [(layer.rid, layer.quality, layer.width, layer.height) for layer in request.layers]
    assert told == [("q", 0, 320, 180), ("h", 1, 640, 360), ("f", 2, 1280, 720)]
    assert list(request.simulcast_codecs[0].layers) == list(request.layers)
