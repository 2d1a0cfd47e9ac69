"""What we send, shown to ourselves: our camera, our screen and whatever else we publish as a picture."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from jackfield.plugins import Plugins
from jackfield.roles import Unwatch
from jackfield.rtc import signalling
from jackfield.session.decode import PICTURES, DecodeThread
from jackfield.session.decoders import DecoderSource
from jackfield.session.handover import Outlet
from jackfield.session.opening import aside
from jackfield.session.participant import Participant
from jackfield.session.publication import Publication
from jackfield.values.errors import CallError
from jackfield.values.events import Event, OwnTrackEnded, OwnTrackStarted
from jackfield.values.media import AudioBlock, EncodedFrame, Kind, VideoFrame

logger = logging.getLogger("jackfield.track")

#: Keyframes that are asked for here cost everybody: no more often than this.
ASK_AGAIN_S = 0.33

Encoded = Callable[[EncodedFrame], None]
Decoded = Callable[[VideoFrame | AudioBlock], None]


class OwnTrack:
    """One picture that we publish (`RenderedTrack`). Use it on the event loop.

    It is the same track for as long as it is published: through another device, a device that is away, and a
    connection that is lost. ``sid`` is the name that the server first gave it. Nothing is done for it while nobody
    takes anything. We do not hear ourselves: there is nothing that it could be ``synced`` with.
    """

    def __init__(
        self,
        publication: Publication,
        participant: Participant,
        decoders: DecoderSource,
        failed: Callable[[CallError, str], None],
    ) -> None:
        self.sid, self.name = publication.sid, publication.name
        self.kind: Kind = "video"
        self.source: signalling.Source = publication.source
        self.participant, self.publication = participant, publication
        self.ended = False
        self._decoders, self._failed = decoders, failed
        self._loop = asyncio.get_running_loop()
        self._encoded: list[Encoded] = []
        self._decoded: list[Decoded] = []
        self._rid: str | None = None
        self._outlet: Outlet[VideoFrame | AudioBlock] | None = None
        self._thread: DecodeThread | None = None
        self._stopped: list[DecodeThread] = []
        self._asked_at = -ASK_AGAIN_S
        self._asking: asyncio.TimerHandle | None = None

    @property
    def codec(self) -> str:
        """The codec that is sent."""
        return self.publication.codec

    @property
    def muted(self) -> bool:
        """Whether it is off, and gives nothing: `VideoPaused` and `VideoResumed` tell of the camera."""
        return self.publication.muted

    def take_encoded(self, handler: Encoded, *, synced: bool = False) -> Unwatch:
        """Every encoded frame from the next keyframe on, of the largest size that is sent, until the answer is called.

        Where nobody in the call takes it, it is encoded all the same meanwhile.
        """
        self._encoded.append(handler)
        if not self.ended and len(self._encoded) == 1:
            self._rid = None
            self.publication.show_sent(self._sent)
        self.request_keyframe()

        def unwatch() -> None:
            if handler in self._encoded:
                self._encoded.remove(handler)
                if not self._encoded:
                    self.publication.show_sent(None)

        return unwatch

    def take_decoded(self, handler: Decoded, *, synced: bool = True) -> Unwatch:
        """Every picture from the next on, as its encoder gets it: treated, in full size, the newest where the loop is
        behind; until the answer is called. What its device encodes is decoded meanwhile."""
        self._decoded.append(handler)
        if not self.ended and self._outlet is None:
            self._outlet = Outlet(self._loop, self._give, PICTURES, newest_wins=True)
            self.publication.supply.show(self._outlet.put, self._passed)

        def unwatch() -> None:
            if handler in self._decoded:
                self._decoded.remove(handler)
                if not self._decoded:
                    self._stop()

        return unwatch

    def request_keyframe(self) -> None:
        """A keyframe comes as soon as the encoder, or the device, can give one; no more than three a second."""
        if not self.ended and self._asking is None:
            due_s = max(0.0, self._asked_at + ASK_AGAIN_S - self._loop.time())
            self._asking = self._loop.call_later(due_s, self._ask)

    def _ask(self) -> None:
        self._asking, self._asked_at = None, self._loop.time()
        self.publication.force_keyframe(self.publication.supply.route.shown_rid)

    def _sent(self, frame: EncodedFrame, rid: str) -> None:
        """One layer of what is sent; another one from a keyframe on, when that is the largest."""
        if rid != self._rid:
            if rid != self.publication.supply.route.shown_rid:
                return
            if not frame.keyframe:
                self.request_keyframe()
                return
            self._rid = rid
        for handler in list(self._encoded):
            self._tell(handler, frame)

    def _passed(self, frame: EncodedFrame) -> None:
        """What comes encoded has no picture to be shown: it is decoded."""
        if self._outlet is None:
            return
        if self._thread is None:
            self._thread = self._decoding(self._outlet)
            self._thread.start()
            if not frame.keyframe:
                self.request_keyframe()
        self._thread.put(frame)

    def _decoding(self, outlet: Outlet[VideoFrame | AudioBlock]) -> DecodeThread:
        on_loop = self.publication.supply.route.on_loop
        return DecodeThread(
            f"own {self.source}",
            self.kind,
            self._decoders.open,
            outlet,
            lambda: on_loop(self.request_keyframe),
            lambda error: on_loop(lambda: self._failed(error, f"decoder of our own {self.source}")),
            replace=self._decoders.blame,
            hardware=lambda: self._decoders.is_hardware,
        )

    def _give(self, media: VideoFrame | AudioBlock) -> None:
        for handler in list(self._decoded):
            self._tell(handler, media)

    def _tell(self, handler: Callable[[Any], None], media: Any) -> None:
        try:
            handler(media)
        except Exception:
            logger.exception("a taker of our own %s failed; the others go on", self.source)

    def _stop(self) -> None:
        outlet, self._outlet = self._outlet, None
        self.publication.supply.show(None, None)
        if outlet is not None:
            outlet.close()
        if self._thread is not None:
            self._thread.stop()
            self._stopped = [thread for thread in (*self._stopped, self._thread) if thread.alive]
            self._thread = None

    async def end(self) -> None:
        """Nothing more is given; whatever was decoding has ended."""
        self.ended = True
        if self._asking is not None:
            self._asking.cancel()
        self._encoded.clear()
        self._decoded.clear()
        self.publication.show_sent(None)
        self._stop()
        await asyncio.gather(*(aside(thread.join) for thread in self._stopped))


class OwnTracks:
    """Those of our publications that are pictures. ``participant`` is set once we are one."""

    def __init__(self, plugins: Plugins, emit: Callable[[Event], None], failed: Callable[[CallError, str], None]):
        self.participant: Participant | None = None
        self._plugins, self._emit, self._failed = plugins, emit, failed
        self._tracks: dict[Publication, OwnTrack] = {}

    @property
    def all(self) -> tuple[OwnTrack, ...]:
        """Those that are published now."""
        return tuple(self._tracks.values())

    def begin(self, publication: Publication) -> None:
        """The server has it: once told, it stays when it is announced anew."""
        new = publication.kind == "video" and not publication.ended and publication not in self._tracks
        if new and self.participant is not None:
            decoders = DecoderSource(self._plugins, 2)
            track = self._tracks[publication] = OwnTrack(publication, self.participant, decoders, self._failed)
            self._emit(OwnTrackStarted(track, self.participant))

    async def end(self, publication: Publication) -> None:
        """It is over, if it ever was one."""
        track = self._tracks.pop(publication, None)
        if track is not None:
            self._emit(OwnTrackEnded(track, track.participant))
            await track.end()
