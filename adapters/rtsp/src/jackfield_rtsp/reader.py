"""What makes media of a camera's packets."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, cast

import av
import numpy as np
from attrs import evolve

from jackfield.media.program.encoded import H264Units, PictureDecoder, decoding
from jackfield.media.program.reader import Instants, Refused, Unreadable
from jackfield.values.errors import DeviceDenied
from jackfield.values.formats import AudioFormat, MediaFormat, VideoFormat
from jackfield.values.media import AudioBlock, Media, VideoFrame
from jackfield_rtsp.options import Camera
from jackfield_rtsp.records import ERROR, HEADER, KINDS, Garbled, Records

_FPS = 25.0
#: Codecs whose packets are whole pictures; those of the others have to be put together.
_WHOLE = frozenset({"mjpeg", "vp8", "vp9", "av1"})


class CameraReader:
    """Reads what the client program prints. ``what`` and ``table`` name the camera in messages."""

    bytes_per_s, items_per_s = 25e6, 400.0

    def __init__(self, what: str, table: str, camera: Camera, wish: MediaFormat) -> None:
        self._what, self._table, self._camera, self._wish = what, table, camera, wish
        self._records = Records()
        self._media: H264Units | _Pictures | _Sound | None = None

    @property
    def format(self) -> MediaFormat:
        """What comes."""
        return self._wish if self._media is None else self._media.format

    @property
    def quiet_s(self) -> float | None:
        """H.264 alone does not say where a picture ends."""
        return None if self._media is None else self._media.quiet_s

    def feed(self, data: bytes, now_ns: int) -> Sequence[Media]:
        """The media that is whole; `Refused` where the camera does not let us in, `Unreadable` for every other end."""
        try:
            records = self._records.push(data)
        except Garbled as error:
            raise Unreadable(f"its client failed: {error}") from error
        found: list[Media] = []
        for kind, content in records:
            if kind == HEADER:
                self._media = self._begun(json.loads(content))
            elif kind == ERROR:
                self._failed(json.loads(content))
            elif self._media is not None:
                found += self._media.feed(content, now_ns)
        return found

    def quiet(self, now_ns: int) -> Sequence[Media]:
        """The picture that is there."""
        return () if self._media is None else self._media.quiet(now_ns)

    def _begun(self, said: dict[str, Any]) -> H264Units | _Pictures | _Sound:
        codec, extradata = str(said["codec"]), bytes.fromhex(said["extradata"])
        if isinstance(self._wish, AudioFormat):
            return _Sound(codec, extradata, int(said["rate"]), int(said["channels"]), self._wish)
        fps = self._camera.fps or (said["fps"] if 1 <= said["fps"] <= 240 else 0.0) or self._wish.fps or _FPS
        format = evolve(self._wish, width=said["width"], height=said["height"], fps=fps)
        if codec == "h264":
            return H264Units(self._what, format, extradata)
        return _Pictures(codec, extradata, evolve(format, codec=None))

    def _failed(self, said: dict[str, str]) -> None:
        camera = self._camera
        found, fix = KINDS.get(said["kind"], KINDS["other"])
        words = f" ({said['said']})" if said["said"] else ""
        place = f"{camera.host}:{camera.port}"
        found = found.format(said=words, place=place, host=camera.host, timeout_s=camera.timeout_s)
        if said["kind"] == "denied":
            fix = self._let_in(fix)
            raise Refused(DeviceDenied(f"{self._what} cannot be used: {found}; {fix}"))
        raise Unreadable(f"{found}; {fix}")

    def _let_in(self, fix: str) -> str:
        if not self._camera.logs_in:
            return f"set user and password in [{self._table}]"
        if self._camera.has_password:
            return f"{fix} in [{self._table}]"
        variable = f"JACKFIELD_{self._table.replace('.', '_').replace('-', '_').upper()}_PASSWORD"
        return f"no password is set: export {variable}, or set password in [{self._table}]"


class _Pictures:
    """Pictures of any other codec, decoded."""

    quiet_s: float | None = None

    def __init__(self, codec: str, extradata: bytes, format: VideoFormat) -> None:
        self.format = format
        self._decoder = PictureDecoder(codec, extradata)
        self._parser: Any = None if codec in _WHOLE else av.CodecContext.create(codec, "r")
        self._instants = Instants()

    def feed(self, data: bytes, now_ns: int) -> Iterator[VideoFrame]:
        """The pictures that this packet completes."""
        for whole in [data] if self._parser is None else [bytes(each) for each in self._parser.parse(data)]:
            for frame in self._decoder.decode(whole, self._instants.at(now_ns)):
                self.format = evolve(
                    self.format, width=frame.width, height=frame.height, pixel_format=frame.picture.format.name
                )
                yield frame

    def quiet(self, now_ns: int) -> Sequence[VideoFrame]:
        """Nothing."""
        return ()


class _Sound:
    """Sound, decoded and brought to the rate that was asked for, in its blocks."""

    quiet_s: float | None = None

    def __init__(self, codec: str, extradata: bytes, rate: int, channels: int, wish: AudioFormat) -> None:
        self.format = evolve(wish, channels=min(2, max(1, wish.channels)))
        self._context: Any = cast("Any", av.CodecContext.create(codec, "r"))
        if extradata:
            self._context.extradata = extradata
        self._context.sample_rate = rate or 8000
        self._context.layout = "stereo" if channels == 2 else "mono"
        self._size = wish.rate * wish.ptime_ms // 1000
        layout = "mono" if self.format.channels == 1 else "stereo"
        self._resampler = av.AudioResampler("s16", layout, wish.rate, frame_size=self._size)
        self._instants = Instants()

    def feed(self, data: bytes, now_ns: int) -> Sequence[AudioBlock]:
        """The blocks that this packet completes; one that is damaged is left out."""
        blocks: list[Any] = []
        try:
            with decoding():
                for frame in self._context.decode(av.Packet(data)):
                    frame.pts = None
                    blocks += self._resampler.resample(frame)
        except ValueError:
            return ()
        found = []
        for number, block in enumerate(blocks):
            samples = np.asarray(block.to_ndarray(), np.int16).reshape(-1, self.format.channels)
            began_ns = now_ns - (len(blocks) - number) * self.format.ptime_ms * 1_000_000
            found.append(AudioBlock(samples, self.format.rate, self._instants.at(began_ns)))
        return found

    def quiet(self, now_ns: int) -> Sequence[AudioBlock]:
        """Nothing."""
        return ()
