"""One published track: what clients are told of it, and its media once the publisher's offer has brought it."""

from __future__ import annotations

import secrets
import string
from typing import TYPE_CHECKING, Literal

from livekit.protocol import models, rtc

from jackfield.server.sfu.dynacast import Demand
from jackfield.server.sfu.speakers import Loudness
from jackfield.server.sfu.uplink import UpTrack

if TYPE_CHECKING:
    from jackfield.server.sfu.participant import Participant

_ALPHABET = string.ascii_letters + string.digits
_QUALITIES = (models.VideoQuality.LOW, models.VideoQuality.MEDIUM, models.VideoQuality.HIGH)


def new_sid(prefix: str) -> str:
    """A fresh id such as ``PA_x8…``: participants PA, tracks TR, rooms RM."""
    return f"{prefix}_" + "".join(secrets.choice(_ALPHABET) for _ in range(12))


class Publication:
    """``cid`` is the client's id of it; ``info`` what everyone is told. ``track`` is None until media is negotiated."""

    def __init__(self, owner: Participant, request: rtc.AddTrackRequest) -> None:
        self.owner = owner
        self.cid = request.cid
        self.preferred_codec = request.simulcast_codecs[0].codec if request.simulcast_codecs else ""
        self.info = _info(request)
        self.track: UpTrack | None = None
        self.loudness = Loudness()
        self.demand = Demand(self)

    @property
    def sid(self) -> str:
        """Its id in this room."""
        return self.info.sid

    @property
    def kind(self) -> Literal["audio", "video"]:
        """What it carries."""
        return "audio" if self.info.type == models.TrackType.AUDIO else "video"

    def bind(self, track: UpTrack, mid: str) -> None:
        """Its media comes from ``track`` from now on."""
        self.track = track
        self.info.mid = mid
        self.info.mime_type = f"{self.kind}/{track.codec}"
        self.info.simulcast = len(track.rids) > 1
        track.on_level = self.loudness.observe
        track.on_demand = lambda: self.demand.look(track.clock.now_ns())
        track.mute(self.info.muted)
        self._name_layers(track)

    def _name_layers(self, track: UpTrack) -> None:
        """Gives each announced layer the rid it comes under: the smallest picture the lowest rid."""
        ordered = sorted(self.info.layers, key=lambda layer: int(layer.quality))
        if track.rids != ("",):
            for layer, rid in zip(ordered, track.rids, strict=False):
                layer.rid = rid
        del self.info.codecs[:]
        self.info.codecs.add(mime_type=self.info.mime_type, mid=self.info.mid, cid=self.cid, layers=ordered)

    def mute(self, muted: bool) -> bool:
        """Muted or not; whether that changed anything."""
        if self.info.muted == muted:
            return False
        self.info.muted = muted
        if self.track is not None:
            self.track.mute(muted)
        return True

    def layer_index(self, settings: rtc.UpdateTrackSettings | None) -> int:
        """The best layer that a subscriber with these settings has any use for."""
        best = len(self.track.rids) - 1 if self.track is not None else 0
        if settings is None:
            return best
        if settings.width or settings.height:
            return min(best, self._index_for_size(settings.width, settings.height))
        return min(best, _QUALITIES.index(settings.quality) if settings.quality in _QUALITIES else best)

    def _index_for_size(self, width: int, height: int) -> int:
        """The smallest layer that fills the given pixels, whichever way the picture is turned."""
        ordered = sorted(self.info.layers, key=lambda layer: int(layer.quality))
        wanted = max(width, height)
        for index, layer in enumerate(ordered):
            if max(layer.width, layer.height) >= wanted:
                return index
        return max(len(ordered) - 1, 0) or len(_QUALITIES) - 1


def _info(request: rtc.AddTrackRequest) -> models.TrackInfo:
    info = models.TrackInfo(
        sid=new_sid("TR"),
        type=request.type,
        name=request.name,
        muted=request.muted,
        width=request.width,
        height=request.height,
        disable_dtx=request.disable_dtx,
        source=request.source,
        stereo=request.stereo,
        disable_red=request.disable_red,
        encryption=request.encryption,
        stream=request.stream,
        audio_features=request.audio_features,
        backup_codec_policy=request.backup_codec_policy,
        packet_trailer_features=request.packet_trailer_features,
    )
    layers = request.simulcast_codecs[0].layers if request.simulcast_codecs else request.layers
    info.layers.extend(layers or request.layers)
    return info
