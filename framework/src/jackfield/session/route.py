"""The way of one publication's media from its source to the sender: through an encoder, or as it came."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from attrs import evolve

from jackfield.plugins import Plugins
from jackfield.roles import Encoder
from jackfield.rtc.layers import STEP, TWO_FROM, Layer, ladder
from jackfield.session.adaptation import Adaptation, Keeps
from jackfield.session.encode import EncodeCounts, Encoded
from jackfield.session.encode_path import EncodePath
from jackfield.session.encoders import EncoderSource, first_of
from jackfield.session.intake import Intake
from jackfield.session.layered import EncodedLayer, Layered
from jackfield.session.opening import opened
from jackfield.session.passthrough import Passthrough
from jackfield.session.processing import Treatment
from jackfield.session.shaping import Below, Shaper
from jackfield.session.soundness import Trouble
from jackfield.values.errors import CallError
from jackfield.values.findings import Finding
from jackfield.values.formats import AudioEncoding, Encoding, MediaFormat, VideoEncoding, VideoFormat
from jackfield.values.media import AudioBlock, EncodedFrame, VideoFrame
from jackfield.values.settings import SessionSettings

logger = logging.getLogger("jackfield.publish")

#: What is sent in several sizes; AV1 and VP9 have layers of their own, which ours does not make.
SIMULCAST_CODECS = ("VP8", "H264")


class Route:
    """From ``intake`` to ``send``, which is called on the event loop with the layer's rid. ``codec`` is the track's,
    ``layers`` are its sizes: several where it is encoded here, the settings say so and it is large enough.

    What comes encoded is sent as it is; what comes raw waits for `take_encoder`. ``ask`` gets a keyframe from the
    source, ``turned_raw`` is told where one that encoded gives raw pictures.
    """

    def __init__(
        self,
        what: str,
        kind: Literal["audio", "video"],
        settings: SessionSettings,
        plugins: Plugins,
        send: Callable[[Encoded, str], None],
        ask: Callable[[], None],
        turned_raw: Callable[[], None],
        *,
        keeps: Keeps = "motion",
    ) -> None:
        self.codec = ""
        self.on_failed: Callable[[CallError], None] = lambda error: None
        self.on_unfit: Callable[[Finding], None] = lambda finding: None
        self.on_encoder_changed: Callable[[str, str, str], None] = lambda before, now, reason: None
        self._what, self._kind, self._settings, self._plugins, self._send = what, kind, settings, plugins, send
        self._loop = asyncio.get_running_loop()
        self._counts = EncodeCounts()
        #: Of the smaller layers.
        self._layer_counts: dict[str, EncodeCounts] = {}
        self._path: Layered | None = None
        #: Paths whose threads are ending.
        self._leaving: set[asyncio.Future[None]] = set()
        #: Those of simulcast, once the first encoder was taken, the smallest first.
        self.layers: Sequence[Layer] = (Layer(),)
        self._passthrough = Passthrough(what, self._pass, ask, lambda finding: self.on_unfit(finding))
        #: Gets what comes encoded as well, on the event loop; None while nobody looks.
        self.on_passed: Callable[[EncodedFrame], None] | None = None
        self._is_shown = False
        self.intake = Intake(kind, self._passthrough.take, lambda: self.on_loop(turned_raw))
        self._bitrates: dict[str, int] = {}
        #: Layers whose encoder is gone for good: nothing wakes them, and nothing is paid for them.
        self._gone: set[str] = set()
        self._keeps: Keeps = keeps
        self._settles_layers = True
        self._adaptation: Adaptation | None = None

    @property
    def encodes(self) -> bool:
        """Whether an encoder is at hand."""
        return self._path is not None

    @property
    def encoder(self) -> str:
        """Who encodes it; "" where nobody does."""
        return self._path.encoder if self._path else ""

    @property
    def sent_size(self) -> tuple[int, int] | None:
        """Width and height of what was encoded last."""
        return (self._counts.width, self._counts.height) if self._counts.width else None

    def size(self, format: MediaFormat) -> tuple[int, int]:
        """Width and height of what comes, of a source of this format; zeros for sound."""
        if not isinstance(format, VideoFormat):
            return 0, 0
        return self.intake.size or (format.width, format.height)

    async def take_encoder(
        self, codecs: Sequence[str], format: MediaFormat, treatment: Treatment, *, hurry: bool
    ) -> None:
        """What comes raw is encoded to the first of ``codecs`` for which an encoder opens; in a ``hurry``, only what
        is known to work is taken."""
        encodings, prefer, size = (
            [self._encoding(codec, format) for codec in codecs],
            self._settings.encoders,
            self.size(format),
        )
        encoders, encoder = await opened(
            lambda: first_of(self._plugins, encodings, prefer, size, viewers_wait=hurry), lambda found: found[1].close()
        )
        self.codec = encoders.encoding.codec
        self._settle_layers(size)
        self._path = self._laid_out(encoders, encoder, treatment)
        self.intake.raw = self._path.raw
        if self._passthrough.is_open:
            self._path.start(self._aims())

    def _settle_layers(self, size: tuple[int, int]) -> None:
        """How many sizes there are stays as it is from now on: the track is offered with them."""
        first, self._settles_layers = self._settles_layers, False
        if not (first and self._settings.simulcast and self._keeps == "motion"):
            return
        if self.codec in SIMULCAST_CODECS:
            self.layers = ladder(*size, self._settings.video_wish.bitrate_bps)
        if len(self.layers) == 1:
            takes = (
                f"it is sent as {self.codec}, and {' or '.join(sorted(SIMULCAST_CODECS))} could be: see video_codecs"
            )
            small = f"its longer side has {max(size)} pixels, and {TWO_FROM} are the least"
            why = small if self.codec in SIMULCAST_CODECS else takes
            logger.warning("simulcast: %s is sent in one size: %s", self._what, why)

    def _encoding(self, codec: str, format: MediaFormat) -> Encoding:
        if self._kind == "audio":
            return AudioEncoding(dtx=self._settings.low_bandwidth)
        wish = self._settings.video_wish
        width, height = self.size(format)
        fps = format.fps if isinstance(format, VideoFormat) else wish.fps
        return VideoEncoding(codec, width, height, fps or wish.fps, wish.bitrate_bps)

    def _laid_out(self, encoders: EncoderSource, encoder: Encoder, treatment: Treatment) -> Layered:
        """An encoder for each layer; the smaller ones open with their first picture."""
        made: list[EncodedLayer] = []
        below: Below | None = None
        for layer in self.layers:
            largest = layer is self.layers[-1]
            source = encoders if largest else self._smaller(encoders.encoding, layer)
            shaper = self._shaper(source.encoding, below, largest=largest)
            path = EncodePath(
                f"{self._what} {layer.rid}".rstrip(),
                source,
                encoder if largest else None,
                lambda encoded, rid=layer.rid: self._send(encoded, rid),  # type: ignore[misc]
                lambda error, rid=layer.rid: self.on_loop(lambda: self._failed(error, rid)),  # type: ignore[misc]
                lambda *change: self.on_loop(lambda: self.on_encoder_changed(*change)),
                self._counts if largest else self._layer_counts.setdefault(layer.rid, EncodeCounts()),
                treatment if largest else None,
                shaper,
            )
            below = Below(shaper, path.raw.put) if shaper is not None else None
            made.append(EncodedLayer(layer.rid, path, shaper))
        return Layered(made)

    def _smaller(self, encoding: Encoding, layer: Layer) -> EncoderSource:
        assert isinstance(encoding, VideoEncoding)
        size = (round(encoding.width * layer.scale), round(encoding.height * layer.scale))
        smaller = evolve(encoding, width=size[0], height=size[1], bitrate_bps=layer.bitrate_bps or encoding.bitrate_bps)
        return EncoderSource(self._plugins, smaller, self._settings.encoders)

    def _shaper(self, encoding: Encoding, below: Below | None, *, largest: bool) -> Shaper | None:
        if not isinstance(encoding, VideoEncoding):
            return None
        adaptation = Adaptation(encoding.bitrate_bps, encoding.fps, keeps=self._keeps)
        if largest:
            self._adaptation = adaptation
        return Shaper(adaptation, scale=1.0 if largest else STEP, below=below)

    def _failed(self, error: CallError, rid: str) -> None:
        """An encoder is gone for good: the track with it, or a smaller layer alone."""
        if rid == self.layers[-1].rid or self._path is None:
            self.on_failed(error)
        else:
            logger.warning("layer %s of %s is not sent any more: %s", rid, self._what, error)
            before = self._aims()
            self._gone.add(rid)
            self._aim(before)

    def _pass(self, encoded: Encoded) -> None:
        if self.on_passed is not None:
            self.on_passed(encoded[0])
        self._send(encoded, self.layers[-1].rid)

    def open(self) -> None:
        """Media goes out from now on."""
        self._passthrough.is_open = True
        if self._path is not None:
            self._path.start(self._aims())

    async def leave_encoder(self) -> None:
        """The encoder is given back, and whatever a call before that was cancelled had begun to give back."""
        path, self._path, self.intake.raw = self._path, None, None
        self._gone.clear()
        if path is not None:
            self._leaving.add(asyncio.ensure_future(path.stop()))
        if self._leaving:
            done, self._leaving = (await asyncio.wait(self._leaving))[0], set()
            for each in done:
                each.result()

    def put(self, media: VideoFrame | AudioBlock) -> None:
        """Encoded in the source's place."""
        if self._path is not None:
            self._path.raw.put(media)

    def silence_encoder(self) -> None:
        """Nothing more comes from the encoder. Any thread; `leave_encoder` is still due."""
        if self._path is not None:
            self._path.silence()

    def forget_picture(self) -> None:
        """Nothing of what was taken is sent again: the source was paused."""
        if self._path is not None:
            self._path.forget_picture()

    def comes_from(self, undecodable: Callable[[Trouble], None], *, may_wait: bool) -> None:
        """A capture begins, whose ``undecodable`` is told on the event loop when nobody can decode what it encodes;
        its thread waits for that only where it ``may_wait``."""
        self._passthrough.comes_from(undecodable, may_wait=may_wait)

    def renew(self) -> None:
        """Another source's frames come from now on."""
        self._passthrough.renew()

    def begins(self, frame: EncodedFrame) -> bool:
        """Whether others can see pictures of the source again from this frame on; on the capture's thread."""
        return self._passthrough.begins(frame)

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong with what comes encoded: at most a keyframe is waited for."""
        return self._passthrough.is_sound

    def doubt(self) -> None:
        """Somebody cannot go on without a keyframe."""
        self._passthrough.doubt()

    def force_keyframe(self, rid: str = "") -> None:
        """The next frame of this layer's encoder is a keyframe; without a name, of each."""
        if self._path is not None:
            self._path.force_keyframe(rid)

    def steer(self, rid: str, bitrate_bps: int) -> None:
        """This layer's encoder, and each that comes after it, aims at this bitrate; at 0 it rests."""
        before = self._aims()
        self._bitrates[rid] = bitrate_bps
        self._aim(before | {rid: -1})

    def show(self, shown: bool) -> None:
        """Whether something is encoded, for ourselves, while all layers rest."""
        before, self._is_shown = self._aims(), shown
        self._aim(before)

    @property
    def shown_rid(self) -> str:
        """The largest layer that does not rest."""
        aims = self._aims()
        return next((layer.rid for layer in reversed(self.layers) if aims.get(layer.rid) != 0), self.layers[-1].rid)

    def _aims(self) -> dict[str, int]:
        """What each layer's encoder aims at, where that is known."""
        aims, largest = dict(self._bitrates), self.layers[-1]
        if self._is_shown and all(aims.get(layer.rid) == 0 for layer in self.layers):
            aims[largest.rid] = largest.bitrate_bps or self._settings.video_wish.bitrate_bps
        return aims | dict.fromkeys(self._gone, 0)

    def _aim(self, before: Mapping[str, int]) -> None:
        for rid, bitrate_bps in self._aims().items():
            if self._path is not None and bitrate_bps != before.get(rid):
                self._path.steer(rid, bitrate_bps)

    def wake(self) -> None:
        """No layer rests: whoever joined anew has yet to say what nobody takes."""
        for layer in self.layers:
            if self._bitrates.get(layer.rid) == 0:
                self.steer(layer.rid, layer.bitrate_bps or self._settings.video_wish.bitrate_bps)

    def on_loop(self, call: Callable[[], None]) -> None:
        """Calls on the event loop, from any thread."""
        try:
            self._loop.call_soon_threadsafe(call)
        except RuntimeError:
            logger.debug("the loop is closed")

    def stats(self) -> dict[str, Any]:
        """What was encoded, and dropped, by W3C name."""
        counts = self._counts
        width, height = self._passthrough.size
        if self._path is None and not counts.frames:
            size = {"frameWidth": width, "frameHeight": height} if width else {}
            return {"framesDropped": self._passthrough.dropped, **size}
        return {
            **_counted(counts),
            "framesDropped": counts.dropped + self._passthrough.dropped,
            **(self._adaptation.stats() if self._adaptation is not None else {}),
        }

    def layer_stats(self, rid: str) -> dict[str, Any]:
        """What was encoded for one layer, and dropped, by W3C name."""
        return _counted(self._counts if rid == self.layers[-1].rid else self._layer_counts.get(rid, EncodeCounts()))

    def close(self) -> None:
        """Nothing more comes out; the encoder was left before."""
        self._passthrough.close()


def _counted(counts: EncodeCounts) -> dict[str, Any]:
    return {
        "framesEncoded": counts.frames,
        "keyFramesEncoded": counts.keyframes,
        "framesDropped": counts.dropped,
        "totalEncodeTime": counts.seconds,
        "frameWidth": counts.width,
        "frameHeight": counts.height,
    }
