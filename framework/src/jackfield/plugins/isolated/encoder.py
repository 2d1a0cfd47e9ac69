"""A video encoder that runs in a process of its own, as a call sees it: like any other, but for how it can fail."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attrs import asdict

from jackfield.plugins.isolated import memory, wire
from jackfield.plugins.isolated.child import Child
from jackfield.plugins.selection import Offer
from jackfield.values.errors import EncoderError
from jackfield.values.formats import VideoEncoding
from jackfield.values.media import AudioBlock, EncodedFrame, VideoFrame

#: The module that is its process.
MODULE = "jackfield.plugins.isolated.process"
#: A picture takes milliseconds, and the first after opening may take longer: past this the process is ended. A call
#: has long taken another encoder by then; this lets its thread go.
ANSWER_S, FIRST_S = 1.0, 4.0


class IsolatedEncoder:
    """The encoder of ``offer``, opened in a child process that loads its plugin alone, configured by ``config``.

    A picture's planes are copied into memory that both see, and out of it there. Everything is `EncoderError`: what the
    encoder raises, and a process that crashes (with the signal's name), ends, or does not answer; nothing comes of it
    after that but the same error. `force_keyframe` and `set_bitrate_bps` are there where the encoder has them, and take
    effect with the next picture.
    """

    def __init__(self, offer: Offer, encoding: VideoEncoding, *, config: Path | None = None, limit_s: float) -> None:
        self._keyframe, self._bitrate_bps, self._limit_s = False, 0, FIRST_S
        self._sent_bps = 0
        #: It may be making a session of its hardware anew, which takes longer than a picture.
        self.is_opening = False
        self._size = encoding.width, encoding.height
        self._memory = memory.PictureMemory()
        asked = {"encoding": asdict(encoding), "key": self._memory.key, "limit_s": limit_s}
        try:
            arguments = (offer.plugin, offer.thing.codec, offer.thing.name)
            self._child = Child(MODULE, arguments, config, self._memory.descriptors)
            try:
                can = self._child.ask(wire.Message(asked), limit_s).table["can"]
            except BaseException:
                self._child.end()
                raise
        except BaseException:
            self._memory.close()
            raise
        self._is_open = True
        self.opens_anew = "anew" in can
        # What it can do is known now; an ability that the encoder lacks is not there (`isinstance` asks for it).
        if "keyframes" in can:
            self.force_keyframe = self._force_keyframe
        if "bitrate" in can:
            self.set_bitrate_bps = self._set_bitrate_bps

    @property
    def pid(self) -> int:
        """The process that encodes."""
        return self._child.pid

    def resize(self, width: int, height: int) -> None:
        """The next picture is of this size, and the first of an encoder that is opened anew in the same process."""
        self._size, self._limit_s = (width, height), FIRST_S

    def encode(self, media: VideoFrame | AudioBlock) -> Sequence[EncodedFrame]:
        """What the encoder makes of the picture."""
        if not isinstance(media, VideoFrame):
            raise EncoderError("an encoder in a process of its own encodes pictures, and was given sound")
        if not self._is_open:
            raise EncoderError("its process has ended")
        keyframe = self._keyframe
        if keyframe:  # else another thread may be about to ask for one
            self._keyframe = False
        if self.opens_anew and self._bitrate_bps not in (0, self._sent_bps):
            self.is_opening, self._limit_s = True, FIRST_S
        self._sent_bps = self._bitrate_bps
        question: dict[str, Any] = {
            "picture": _put(self._memory, media),
            "time_ns": media.time_ns,
            "rotation": media.rotation,
            "keyframe": keyframe,
            "bitrate_bps": self._bitrate_bps,
            "size": self._size,
            "limit_s": self._limit_s,
        }
        frames = self._child.ask(wire.Message(question), self._limit_s).frames
        if frames:
            self._limit_s, self.is_opening = ANSWER_S, False
        return frames

    def close(self) -> None:
        """The process and the memory are gone, within a second."""
        if self._is_open:
            self._is_open = False
            self._child.end()
            self._memory.close()

    def _force_keyframe(self) -> None:
        self._keyframe = True

    def _set_bitrate_bps(self, bitrate_bps: int) -> None:
        self._bitrate_bps = bitrate_bps


def _put(where: memory.PictureMemory, media: VideoFrame) -> dict[str, Any]:
    try:
        return memory.put(where, media.picture)
    except (ValueError, TypeError, OSError, BufferError) as exc:
        name = media.picture.format.name
        raise EncoderError(f"a picture of {name} cannot be handed to another process: {exc}") from exc
