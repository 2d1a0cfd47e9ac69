"""One source's pictures through as many encoders as its track has layers; sound, and most pictures, through one."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from attrs import frozen

from jackfield.session.encode_path import EncodePath
from jackfield.session.handover import Handover
from jackfield.session.shaping import Shaper
from jackfield.values.media import AudioBlock, VideoFrame


@frozen
class EncodedLayer:
    """One of them: its rid, the way through its encoder, and what stands before it (None for sound)."""

    rid: str
    path: EncodePath
    shaper: Shaper | None = None


class Layered:
    """All of them as one way, begun and ended once. The largest comes last, and takes the source's pictures."""

    def __init__(self, layers: Sequence[EncodedLayer]) -> None:
        self._layers = {layer.rid: layer for layer in layers}
        self._largest = layers[-1].path

    @property
    def raw(self) -> Handover[VideoFrame | AudioBlock]:
        """What comes from the source waits here."""
        return self._largest.raw

    @property
    def encoder(self) -> str:
        """Who encodes the largest."""
        return self._largest.encoder

    def start(self, bitrates: Mapping[str, int]) -> None:
        """Media flows from now on. ``bitrates`` are those of the layers, as for `steer`."""
        for rid, layer in self._layers.items():
            bitrate_bps = bitrates.get(rid)
            if layer.shaper is not None:
                layer.shaper.paused = bitrate_bps == 0
            layer.path.start(bitrate_bps or None)

    def steer(self, rid: str, bitrate_bps: int) -> None:
        """This layer aims at this bitrate; at 0 it is not encoded."""
        layer = self._layers.get(rid)
        if layer is None:
            return
        if layer.shaper is not None:
            layer.shaper.paused = not bitrate_bps
        if bitrate_bps:
            layer.path.set_bitrate_bps(bitrate_bps)
        else:
            layer.path.forget_picture()

    def force_keyframe(self, rid: str = "") -> None:
        """The next frame of this layer is a keyframe; without a name, of each. Any thread."""
        for layer in self._layers.values():
            if not rid or layer.rid == rid:
                layer.path.force_keyframe()

    def forget_picture(self) -> None:
        """Nothing of what was taken is sent again: the source was paused."""
        for layer in self._layers.values():
            layer.path.forget_picture()

    def silence(self) -> None:
        """Nothing more comes out. Any thread; `stop` is still due."""
        for layer in self._layers.values():
            layer.path.silence()

    async def stop(self) -> None:
        """Every thread has ended and every encoder is given back."""
        await asyncio.gather(*(layer.path.stop() for layer in self._layers.values()))
