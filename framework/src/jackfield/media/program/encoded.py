"""Readers of what is encoded: H.264 passed on as it is or decoded, MJPEG decoded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from attrs import evolve

from jackfield.log_limit import limited_logger
from jackfield.media import h264
from jackfield.media.h264_sps import Sps
from jackfield.media.program.reader import Instants, Unreadable
from jackfield.values.formats import PIXELS_MAX, VideoFormat
from jackfield.values.media import EncodedFrame, Media, VideoFrame

logger = limited_logger("jackfield.program")

#: 200 Mbit/s: no camera comes near it.
_BYTES_PER_S = 25e6
_UNITS_PER_S = 240.0
_LONGEST_JPEG = 16 << 20
#: So many pictures in a row that cannot be decoded are no accident.
_DAMAGED = 50
#: So many keyframes of whose size nothing is known are none that come too early.
_NAMELESS = 3


@contextmanager
def decoding() -> Iterator[None]:
    """What PyAV raises for damaged media leaves as `ValueError`."""
    import av

    try:
        yield
    except av.FFmpegError as error:
        raise ValueError(str(error)) from error


class PictureDecoder:
    """Decodes one stream; a damaged picture is left out, and a run of nothing but those is `Unreadable`."""

    def __init__(self, codec: str, extradata: bytes = b"") -> None:
        import av

        self._packet = av.Packet
        self._context: Any = av.CodecContext.create(codec, "r")
        self._context.thread_type = "SLICE"
        self._context.options = {"max_pixels": str(PIXELS_MAX)}
        self._codec, self._damaged = codec, 0
        if extradata:
            self._context.extradata = extradata

    def decode(self, data: bytes, time_ns: int) -> Iterator[VideoFrame]:
        """The picture of these bytes."""
        try:
            with decoding():
                pictures = self._context.decode(self._packet(data))
        except ValueError as error:
            self._damaged += 1
            if self._damaged >= _DAMAGED:
                found = f"{_DAMAGED} pictures in a row could not be decoded as {self._codec}: {error}"
                raise Unreadable(found) from error
            return
        if pictures:
            self._damaged = 0
        for picture in pictures:
            yield VideoFrame(picture, time_ns)


class H264Stream:
    """Access units on their way: each IDR picture with its parameter sets, decoded where ``format.codec`` is not set.

    Begins with the first IDR picture; `Unreadable` where several have no size. A stream whose profile browsers do not
    decode is decoded here in any case.
    """

    def __init__(self, name: str, format: VideoFormat, sets: bytes = b"") -> None:
        self.format = format
        self._name = name
        self._sets = h264.ParameterSets(sets)
        self._instants = Instants()
        self._decoder = None if format.codec else PictureDecoder("h264")
        self._begun, self._nameless = False, 0

    def take(self, unit: bytes, now_ns: int) -> Iterator[Media]:
        """What becomes of one access unit."""
        unit = self._sets.whole(unit)
        keyframe = h264.is_keyframe(unit)
        if keyframe and (sps := h264.sps_of(unit)) is not None:
            self._begin(sps)
        if not self._begun:
            self._wait(keyframe)
            return
        time_ns = self._instants.at(now_ns)
        if self._decoder is None:
            yield EncodedFrame(unit, "H264", keyframe, time_ns, width=self.format.width, height=self.format.height)
            return
        for frame in self._decoder.decode(unit, time_ns):
            self.format = evolve(
                self.format, width=frame.width, height=frame.height, pixel_format=frame.picture.format.name
            )
            yield frame

    def _wait(self, keyframe: bool) -> None:
        """Nothing can be made of what comes before the first picture whose size is known."""
        self._nameless += keyframe
        if self._nameless >= _NAMELESS:
            found = "no SPS" if "SPS" in self._sets.lacking.split() else "an SPS that cannot be read"
            fix = "have it put its parameter sets before each keyframe"
            raise Unreadable(f"its H.264 has {found} with {_NAMELESS} keyframes, and nobody can decode those: {fix}")

    def _begin(self, sps: Sps) -> None:
        size = sps.width, sps.height
        if not self._begun and self._decoder is None and not sps.is_for_browsers:
            found = f"H.264 of profile {sps.profile}, which browsers do not decode: it is decoded and encoded anew here"
            logger.warning("%s gives %s; let it encode Constrained Baseline, Main or High", self._name, found)
            self.format, self._decoder = evolve(self.format, codec=None), PictureDecoder("h264")
        if self._begun and size != (self.format.width, self.format.height):
            logger.warning("%s gives pictures of %sx%s from now on", self._name, *size)
        self._begun = True
        self.format = evolve(self.format, width=sps.width, height=sps.height)


class H264Units:
    """An Annex B byte stream, cut into access units.

    A unit counts as whole after a pause of a quarter of the frame interval, and not only when the next begins. Where
    that turns out to have been too early, the pause is doubled.
    """

    def __init__(self, name: str, format: VideoFormat, sets: bytes = b"") -> None:
        self._stream = H264Stream(name, format, sets)
        self._units = h264.AccessUnits()
        self._longest_s = 2.0 / format.fps
        self.quiet_s: float | None = 0.25 / format.fps
        self.bytes_per_s, self.items_per_s = _BYTES_PER_S, _UNITS_PER_S if format.codec else 2.0 * format.fps
        self._began_ns: int | None = None
        self._flushed = False

    @property
    def format(self) -> VideoFormat:
        """What comes."""
        return self._stream.format

    def feed(self, data: bytes, now_ns: int) -> Sequence[Media]:
        """The units that are known to be whole; an instant is when the first bytes of its unit came."""
        if self._flushed and _goes_on(data):
            self._be_patient()
        self._flushed = False
        began_ns = now_ns if self._began_ns is None else self._began_ns
        found: list[Media] = []
        for unit in self._units.push(data):
            found += self._stream.take(unit, began_ns)
            began_ns = now_ns
        self._began_ns = began_ns
        return found

    def quiet(self, now_ns: int) -> Sequence[Media]:
        """The unit that is there."""
        unit = self._units.flush()
        if not unit:
            return ()
        began_ns, self._began_ns, self._flushed = self._began_ns, None, True
        return list(self._stream.take(unit, now_ns if began_ns is None else began_ns))

    def _be_patient(self) -> None:
        if self.quiet_s is not None:
            doubled = 2 * self.quiet_s
            self.quiet_s = doubled if doubled <= self._longest_s else None


def _goes_on(data: bytes) -> bool:
    """Whether these bytes belong to the picture before: they begin in the middle of a unit, or of a picture."""
    start = data.find(b"\0\0\1", 0, 16)
    if start < 0 or data[:start].strip(b"\0"):
        return True
    header = data[start + 3 : start + 5]
    return len(header) == 2 and header[0] & 0x1F in (h264.SLICE, h264.IDR) and not header[1] & 0x80


class MjpegPictures:
    """JPEG pictures one after the other, decoded."""

    quiet_s: float | None = None

    def __init__(self, format: VideoFormat) -> None:
        self.format = format
        self.bytes_per_s, self.items_per_s = 100e6, 2.0 * format.fps
        self._cutter = JpegCutter()
        self._decoder = PictureDecoder("mjpeg")
        self._instants = Instants()

    def feed(self, data: bytes, now_ns: int) -> Sequence[VideoFrame]:
        """The pictures that are whole; of several that came at once, the newest alone is decoded."""
        found: list[VideoFrame] = []
        for jpeg in self._cutter.push(data)[-1:]:
            found += self._decoder.decode(jpeg, self._instants.at(now_ns))
        for frame in found:
            self.format = evolve(
                self.format, width=frame.width, height=frame.height, pixel_format=frame.picture.format.name
            )
        return found

    def quiet(self, now_ns: int) -> Sequence[VideoFrame]:
        """Nothing: a picture says itself where it ends."""
        return ()


class JpegCutter:
    """Cuts a stream of JPEG pictures (ITU-T T.81, annex B) at their ends. Never raises; holds 16 MiB at most."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._at = 0
        self._in_scan = False

    def push(self, data: bytes) -> list[bytes]:
        """The pictures that these bytes complete."""
        self._buffer += data
        found = []
        while (end := self._end()) is not None:
            found.append(bytes(self._buffer[:end]))
            self._forget(end)
        if len(self._buffer) > _LONGEST_JPEG:
            self._forget(len(self._buffer))
        return found

    def _forget(self, count: int) -> None:
        del self._buffer[:count]
        self._at, self._in_scan = 0, False

    def _end(self) -> int | None:
        """Where the picture ends; None while that has not come."""
        while self._at or self._start():
            if self._in_scan:
                mark = self._buffer.find(b"\xff", self._at)
                if mark < 0 or mark + 1 >= len(self._buffer):
                    self._at = mark if mark >= 0 else max(self._at, len(self._buffer))
                    return None
                if self._buffer[mark + 1] == 0xD9:
                    return mark + 2
                self._marker(mark)
            elif self._at + 4 > len(self._buffer):
                return None
            elif not self._segment():
                self._forget(2)  # no JPEG after all: it is looked for further on
        return None

    def _start(self) -> bool:
        """Whether a picture begins, from the first byte on."""
        start = self._buffer.find(b"\xff\xd8")
        del self._buffer[: start if start >= 0 else max(0, len(self._buffer) - 1)]
        self._at = 2 if start >= 0 else 0
        return start >= 0

    def _marker(self, mark: int) -> None:
        """In the scan: a stuffed byte, a fill byte and a restart belong to it, whatever else ends it."""
        kind = self._buffer[mark + 1]
        self._in_scan = kind in (0, 0xFF) or 0xD0 <= kind <= 0xD7
        self._at = mark + (0 if not self._in_scan else 1 if kind == 0xFF else 2)

    def _segment(self) -> bool:
        """Reads over one marker segment; False where there is none."""
        at, buffer = self._at, self._buffer
        kind = buffer[at + 1]
        if buffer[at] != 0xFF or kind in (0, 0xD8, 0xD9):
            return False
        if kind == 0xFF:
            self._at += 1
            return True
        length = int.from_bytes(buffer[at + 2 : at + 4], "big")
        self._at += 2 + length
        self._in_scan = kind == 0xDA
        return length >= 2
