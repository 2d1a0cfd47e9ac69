"""A remote track: encoded frames to whoever takes them as they are, pictures and sound to whoever wants those."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol

from livekit.protocol.models import Encryption

from jackfield.media.clock import LoopClock
from jackfield.media.freezes import Freezes
from jackfield.roles import Unwatch
from jackfield.rtc import signalling
from jackfield.rtc.codecs import canonical
from jackfield.session.decode import BLOCKS, PICTURES, DecodeThread
from jackfield.session.decoders import DecoderSource
from jackfield.session.encryption import CallEncryption
from jackfield.session.handover import Outlet
from jackfield.session.presentation import Presentation
from jackfield.session.statistics import w3c
from jackfield.values.errors import CallError
from jackfield.values.media import AudioBlock, EncodedFrame, VideoFrame

if TYPE_CHECKING:
    from livekit.protocol.models import TrackInfo

    from jackfield.session.participant import Participant

logger = logging.getLogger("jackfield.track")

#: Sound is decoded in stereo, which readers and loudspeakers mix as they need.
CHANNELS = 2

Encoded = Callable[[EncodedFrame], None]
Decoded = Callable[[VideoFrame | AudioBlock], None]


class Receiver(Protocol):
    """What a track needs of the receiver below it."""

    codec: str
    on_frame: Callable[[EncodedFrame], None]

    def request_keyframe(self) -> None: ...
    def hold_sound(self, wanted_ns: int) -> int: ...
    def stats(self) -> dict[str, Any]: ...


class RemoteTrack:
    """One subscribed track (`RenderedTrack`). Use it on the event loop."""

    def __init__(
        self,
        info: TrackInfo,
        participant: Participant,
        receiver: Receiver,
        decoders: Callable[[int], DecoderSource],
        failed: Callable[[CallError, str], None],
        encryption: CallEncryption | None = None,
    ) -> None:
        self.sid, self.name, self.info = info.sid, info.name, info
        self.kind: signalling.Kind = signalling.kind_name(info.type) or "video"
        self.source = _source(info, self.kind)
        self.participant = participant
        self.ended = False
        self._codec = ""
        self.receiver, self._failed = receiver, failed
        self._decoders = decoders(CHANNELS)
        self._loop = asyncio.get_running_loop()
        self._encoded, self._encoded_synced = list[Encoded](), list[Encoded]()
        self._decoded, self._decoded_synced = list[Decoded](), list[Decoded]()
        self._thread: DecodeThread | None = None
        self._freezes = Freezes()
        self.presentation = Presentation(
            self,
            LoopClock(),
            lambda frame: self._tell(self._encoded_synced, frame),
            lambda media: self._tell(self._decoded_synced, media),
        )
        self._stopped: list[DecodeThread] = []
        what = f"{participant.uid}'s {self.source if self.source != 'unknown' else self.name}"
        self._opener = encryption.opener(what, self.request_keyframe) if encryption is not None else None
        receiver.on_frame = self._arrived

    @property
    def codec(self) -> str:
        """The codec that arrives; before the first frame, the one that the server names."""
        if self._codec:
            return self._codec
        info = self.participant.track_infos.get(self.sid, self.info)
        return canonical(info.mime_type) or self.receiver.codec

    @property
    def encrypted(self) -> bool:
        """Whether its sender says that it is encrypted end to end."""
        info = self.participant.track_infos.get(self.sid, self.info)
        return info.encryption != Encryption.Type.NONE

    @property
    def is_decoded(self) -> bool:
        """Whether somebody takes its pictures or its sound."""
        return self._thread is not None

    @property
    def is_presented(self) -> bool:
        """Whether somebody takes it in sync with what was captured together with it."""
        return bool(self._decoded_synced or self._encoded_synced)

    @property
    def muted(self) -> bool:
        """Whether the sender has it off."""
        info = self.participant.track_infos.get(self.sid)
        return bool(info and info.muted)

    def take_encoded(self, handler: Encoded, *, synced: bool = False) -> Unwatch:
        """Every encoded frame from the next on, until the answer is called. Ask for a keyframe where one is needed.

        As it arrives; or ``synced``, for who shows it beside what is heard.
        """
        handlers = self._encoded_synced if synced else self._encoded
        handlers.append(handler)

        def unwatch() -> None:
            if handler in handlers:
                handlers.remove(handler)
                self._less_synced()

        return unwatch

    def take_decoded(self, handler: Decoded, *, synced: bool = True) -> Unwatch:
        """Every picture or block from the next on, until the answer is called; decoding runs only meanwhile, once for
        all who take.

        ``synced``: when the person's sound, or picture, is as far, where somebody takes that in sync too; else at once.
        """
        handlers = self._decoded_synced if synced else self._decoded
        handlers.append(handler)
        if self._thread is None and not self.ended:
            self._start()

        def unwatch() -> None:
            if handler in handlers:
                handlers.remove(handler)
                self._less_synced()
            if not self._decoded and not self._decoded_synced:
                self._stop()

        return unwatch

    def _less_synced(self) -> None:
        if not self._decoded_synced:
            self.presentation.clear(decoded_only=bool(self._encoded_synced))

    def go_on(self, receiver: Receiver) -> None:
        """What comes is this receiver's from now on: we have joined anew. Whoever reads goes on reading."""
        if receiver is not self.receiver:
            self.receiver.on_frame = lambda frame: None
            self.receiver, receiver.on_frame = receiver, self._arrived
            if self._thread is not None or self._encoded or self._encoded_synced:
                self.request_keyframe()

    def request_keyframe(self) -> None:
        """A keyframe comes as soon as the sender can give one."""
        if self.kind == "video" and not self.ended:
            self.receiver.request_keyframe()

    def stats(self) -> dict[str, Any]:
        """The receiver's counters and the decoder's, by W3C name."""
        found = {"kind": self.kind, "codec": self.codec, "source": self.source, "muted": self.muted}
        found |= w3c(self.receiver.stats())
        if self._thread is not None:
            counts = self._thread.counts
            found |= {
                "framesDecoded": counts.frames,
                "decoderImplementation": self._decoders.name,
                "totalDecodeTime": counts.seconds,
                "frameWidth": counts.width or found.get("frameWidth", 0),
                "frameHeight": counts.height or found.get("frameHeight", 0),
                "decodeErrors": counts.errors,
                "framesSkipped": counts.skipped,
            }
            if self.kind == "audio":
                found |= {
                    "totalSamplesReceived": counts.samples,
                    "concealedSamples": counts.concealed_samples,
                    "concealmentEvents": counts.concealments,
                }
        if self.kind == "video":
            found |= self._freezes_stats()
        return found

    def _freezes_stats(self) -> dict[str, Any]:
        freezes = self._freezes
        return {
            "freezeCount": freezes.count,
            "totalFreezesDuration": freezes.total_ns / 1e9,
            "pauseCount": freezes.pauses,
            "totalPausesDuration": freezes.paused_ns / 1e9,
            "totalInterFrameDelay": freezes.between_ns / 1e9,
            "totalSquaredInterFrameDelay": freezes.squared_s2,
            "firCount": 0,
        }

    def turned_off(self) -> None:
        """Its sender has it off: the next picture ends no freeze."""
        self._freezes.forget()

    def end(self) -> list[DecodeThread]:
        """No more comes; answers with the threads that are ending, to be joined off the loop."""
        self.ended = True
        self.receiver.on_frame = lambda frame: None
        if self._opener is not None:
            self._opener.close()
        self._stop()
        self.presentation.clear()
        for handlers in (self._encoded, self._encoded_synced, self._decoded, self._decoded_synced):
            handlers.clear()
        return self._stopped

    def _start(self) -> None:
        outlet: Outlet[VideoFrame | AudioBlock] = Outlet(
            self._loop, self._give, PICTURES if self.kind == "video" else BLOCKS, newest_wins=True
        )
        self._thread = DecodeThread(
            f"{self.participant.uid} {self.source}",
            self.kind,
            self._decoders.open,
            outlet,
            lambda: self._on_loop(self.request_keyframe),
            lambda error: self._on_loop(lambda: self._failed(error, f"decoder of {self.sid}")),
            replace=self._decoders.blame,
            hardware=lambda: self._decoders.is_hardware,
        )
        self._thread.start()
        self.request_keyframe()

    def _on_loop(self, call: Callable[[], None]) -> None:
        try:
            self._loop.call_soon_threadsafe(call)
        except RuntimeError:
            logger.debug("the loop is closed")

    def _stop(self) -> None:
        if self._thread is not None:
            self._thread.stop()
            self._stopped = [thread for thread in (*self._stopped, self._thread) if thread.alive]
            self._thread = None

    def _arrived(self, frame: EncodedFrame) -> None:
        self._codec = frame.codec
        opened = self._opener.open(frame) if self._opener is not None and self.encrypted else frame
        if opened is not None:
            self._take(opened)

    def _take(self, frame: EncodedFrame) -> None:
        self._tell(self._encoded, frame)
        if self.is_presented:
            self.presentation.came(frame, passed_on=bool(self._encoded_synced))
        if self._thread is not None:
            self._thread.put(frame)
        elif self.kind == "video":
            self._freezes.shown(time.monotonic_ns())

    def _give(self, media: VideoFrame | AudioBlock) -> None:
        if self.kind == "video":
            self._freezes.shown(time.monotonic_ns())
        self._tell(self._decoded, media)
        if self._decoded_synced:
            self.presentation.show(media)

    def _tell(self, handlers: Iterable[Callable[[Any], None]], media: Any) -> None:
        for handler in list(handlers):
            try:
                handler(media)
            except Exception:
                logger.exception("a taker of %s failed; the others go on", self.sid)


def _source(info: TrackInfo, kind: str) -> signalling.Source:
    source = signalling.source_name(info.source)
    return source if source != "unknown" or info.name else ("camera" if kind == "video" else "microphone")
