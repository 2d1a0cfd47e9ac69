"""Raw media of one publication on its way through an encoder."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from jackfield.roles import Encoder
from jackfield.session.encode import EncodeCounts, Encoded, EncodeThread
from jackfield.session.encoders import EncoderSource
from jackfield.session.handover import Handover, Outlet
from jackfield.session.opening import aside
from jackfield.session.processing import Treatment
from jackfield.session.shaping import Shaper
from jackfield.values.errors import CallError
from jackfield.values.formats import AudioEncoding
from jackfield.values.media import AudioBlock, VideoFrame

#: Raw media that waits for the encoder: the newest picture, or 200 ms of sound.
PICTURES, BLOCKS = 1, 20
#: Encoded frames on their way to the event loop; an encoder that is ahead of it waits, and drops raw pictures.
FRAMES_AHEAD = 4


class EncodePath:
    """From ``raw`` through an encoder to ``send``, which is called on the event loop; begun and ended once.

    ``failed`` is told, on any thread, when no encoder can be had any more; ``replaced`` when another has taken over:
    who encoded before, who does now, and why. ``counts`` goes on from the path before.
    """

    def __init__(
        self,
        name: str,
        encoders: EncoderSource,
        encoder: Encoder | None,
        send: Callable[[Encoded], None],
        failed: Callable[[CallError], None],
        replaced: Callable[[str, str, str], None],
        counts: EncodeCounts,
        treatment: Treatment | None = None,
        shaper: Shaper | None = None,
    ) -> None:
        self.is_sound = isinstance(encoders.encoding, AudioEncoding)
        self.raw: Handover[VideoFrame | AudioBlock] = Handover(BLOCKS if self.is_sound else PICTURES)
        self._name, self._encoders, self._encoder = name, encoders, encoder
        self._outlet: Outlet[Encoded] = Outlet(asyncio.get_running_loop(), send, FRAMES_AHEAD, newest_wins=False)
        self._failed, self._counts, self._treatment, self._shaper = failed, counts, treatment, shaper
        encoders.changed = replaced
        self._thread: EncodeThread | None = None

    @property
    def encoder(self) -> str:
        """Who encodes."""
        return self._encoders.choice.chosen if self._encoders.choice else ""

    def start(self, bitrate_bps: int | None) -> None:
        """Media flows from now on; sound that waited is too old."""
        if self.is_sound:
            self.raw.clear()
        encoding = self._encoders.encoding
        self._thread = EncodeThread(
            self._name,
            self.raw,
            self._outlet,
            self._encoders.open,
            self._failed,
            encoder=self._encoder,
            sound=encoding if isinstance(encoding, AudioEncoding) else None,
            replace=self._encoders.blame,
            hardware=lambda: self._encoders.is_hardware,
            counts=self._counts,
            treatment=self._treatment,
            shaper=self._shaper,
        )
        self._encoder = None
        if bitrate_bps is not None:
            self.set_bitrate_bps(bitrate_bps)
        self._thread.start()

    def force_keyframe(self) -> None:
        """The next frame is a keyframe. Any thread."""
        if self._thread is not None:
            self._thread.force_keyframe()

    def set_bitrate_bps(self, bitrate_bps: int) -> None:
        """Aims at this bitrate, with pictures that it is enough for. Any thread."""
        if self._shaper is not None:
            self._shaper.adaptation.steer(bitrate_bps)
        if self._thread is not None:
            self._thread.set_bitrate_bps(bitrate_bps)

    def forget_picture(self) -> None:
        """Nothing of what was taken is sent again: the source was paused."""
        self.raw.clear()
        if self._thread is not None:
            self._thread.forget_picture()

    def silence(self) -> None:
        """Nothing more comes out. Any thread; `stop` is still due."""
        self.raw.close()
        self._outlet.close()

    async def stop(self) -> None:
        """The thread has ended and the encoder is given back."""
        self.silence()
        if self._thread is not None:
            await aside(self._thread.stop)
        elif self._encoder is not None:
            await aside(self._encoder.close)
            self._encoder = None
