"""Programs as cameras and microphones: what is pushed here is published."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from numbers import Integral
from typing import TYPE_CHECKING, Any

from jackfield.roles import CaptureSink
from jackfield.rtc import payload
from jackfield.rtc.codecs import canonical
from jackfield.values.formats import AudioFormat, MediaFormat, VideoFormat, is_number, is_whole
from jackfield.values.media import AudioBlock, CodecName, EncodedFrame, Media, VideoFrame

if TYPE_CHECKING:
    import av
    import numpy as np
    from numpy.typing import NDArray

logger = logging.getLogger("jackfield.publish")

#: What a program may encode itself: all the pictures that this client sends.
CODECS = tuple(codec for codec in payload.CODECS if codec != "opus")


class _Source:
    """Delivers what is pushed to every publication of it. Any thread; nothing waits, and nobody listening is fine."""

    def __init__(self) -> None:
        self._sinks: tuple[CaptureSink, ...] = ()
        self._lock = threading.Lock()

    def _deliver(self, media: Media) -> None:
        for sink in self._sinks:
            sink.deliver(media)

    def _add(self, sink: CaptureSink) -> None:
        with self._lock:
            self._sinks = (*self._sinks, sink)

    def _remove(self, sink: CaptureSink) -> None:
        with self._lock:
            self._sinks = tuple(each for each in self._sinks if each is not sink)


class VideoSource(_Source):
    """Pictures that a program makes.

    ``width``, ``height`` and ``fps`` say what to expect; the encoder follows the pictures that come. With ``codec``
    (H264, H265, VP8, VP9 or AV1), `push` takes `EncodedFrame` of it and nothing is encoded; ``on_keyframe_request`` and
    ``on_bitrate`` (bit/s) are then called, and must not wait, when the far end wants a keyframe or the path carries
    another rate.
    """

    def __init__(
        self,
        width: int = 1280,
        height: int = 720,
        fps: float = 30.0,
        *,
        codec: CodecName | None = None,
        on_keyframe_request: Callable[[], None] | None = None,
        on_bitrate: Callable[[int], None] | None = None,
    ) -> None:
        super().__init__()
        width, height = _whole("width", width, 2, 16_384), _whole("height", height, 2, 16_384)
        if not is_number(fps) or not 0.01 <= fps <= 1000:
            raise ValueError(f"fps is a number from 0.01 to 1000, not {fps!r}")
        self.format = VideoFormat(width, height, float(fps), codec=_codec(codec))
        self.on_keyframe_request, self.on_bitrate = on_keyframe_request, on_bitrate

    def push(
        self,
        frame: VideoFrame | EncodedFrame | av.VideoFrame | NDArray[np.uint8],
        *,
        format: str = "rgb24",
        time_ns: int | None = None,
    ) -> None:
        """Publishes one picture; any thread, never waits. An array is read as ``format`` (`VideoFrame.from_ndarray`).

        The frame is shared from now on: push another next time, do not draw into this one. ``TypeError`` or
        ``ValueError`` for what is no picture, or is not in the source's codec; nothing of it is published.
        """
        media = _as_video(frame, format, time_ns)
        _check_media(media, self.format.codec)
        self._deliver(media)


class AudioSource(_Source):
    """Sound that a program makes, at ``rate`` Hz. It is sent as it is; with ``process`` it is treated like that of a
    microphone, for echo, noise and gain as the settings say, and listened to while it is muted."""

    def __init__(self, rate: int = 48_000, channels: int = 1, *, process: bool = False) -> None:
        super().__init__()
        self.process = process
        self.format = AudioFormat(_whole("rate", rate, 8000, 384_000), _whole("channels", channels, 1, 64))

    def push(
        self, block: AudioBlock | av.AudioFrame | NDArray[np.int16] | NDArray[np.float32], *, time_ns: int | None = None
    ) -> None:
        """Publishes samples of any number; any thread, never waits. An array is int16, or float from -1 to 1, of shape
        (samples,) or (samples, channels), at the source's rate."""
        self._deliver(_as_audio(block, self.format.rate, time_ns))


class SourceCapture:
    """A source as publications take it: a `Capture` that also passes requests on to the program."""

    def __init__(self, source: VideoSource | AudioSource) -> None:
        self.format: MediaFormat = source.format
        self._source = source
        self._sink: CaptureSink | None = None
        self._told: set[str] = set()

    def start(self, sink: CaptureSink) -> None:
        """What is pushed from now on goes to the sink."""
        self._sink = sink
        self._source._add(sink)

    def stop(self) -> None:
        """What is pushed goes nowhere."""
        if self._sink is not None:
            self._source._remove(self._sink)

    def force_keyframe(self) -> None:
        """Tells the program."""
        if isinstance(self._source, VideoSource) and (tell := self._source.on_keyframe_request):
            self._guarded("on_keyframe_request", tell)

    def set_bitrate_bps(self, bitrate_bps: int) -> None:
        """Tells the program."""
        if isinstance(self._source, VideoSource) and (tell := self._source.on_bitrate):
            self._guarded("on_bitrate", lambda: tell(bitrate_bps))

    def _guarded(self, name: str, tell: Callable[[], None]) -> None:
        """The call goes on whatever the program raises: the first of each callback is logged."""
        try:
            tell()
        except Exception as exc:
            if name not in self._told:
                self._told.add(name)
                logger.warning("%s of a VideoSource raised %s: %s", name, type(exc).__name__, exc)


def _whole(name: str, value: Any, least: int, most: int) -> int:
    if not is_whole(value, least, most):
        raise ValueError(f"{name} is a whole number from {least} to {most}, not {value!r}")
    return int(value)


def _codec(codec: Any) -> CodecName | None:
    """Our spelling of it; ``ValueError`` for one that this client does not send."""
    if codec is None:
        return None
    name = canonical(codec) if isinstance(codec, str) else None
    if name not in CODECS:
        raise ValueError(f"codec is {' or '.join(CODECS)}, or None to have pictures encoded; not {codec!r}")
    return name


def _check_media(media: VideoFrame | EncodedFrame, codec: CodecName | None) -> None:
    if isinstance(media, VideoFrame):
        if codec is not None:
            raise TypeError(f"a VideoSource with codec={codec!r} takes EncodedFrame; this is a picture not encoded")
    else:
        _check_encoded(media, codec)
    instant: object = media.time_ns
    if not isinstance(instant, Integral):
        raise TypeError(f"time_ns is a whole number of nanoseconds, not {instant!r}")


def _check_encoded(frame: EncodedFrame, codec: CodecName | None) -> None:
    if codec is None:
        raise TypeError("a VideoSource takes EncodedFrame where it is made with codec=, and this one is not")
    if frame.codec != codec:
        raise ValueError(f"a VideoSource with codec={codec!r} takes no EncodedFrame of {frame.codec!r}")
    if not isinstance(frame.data, bytes):
        raise TypeError(f"data of an EncodedFrame is bytes, not {type(frame.data).__name__}")
    if not frame.data:
        raise ValueError("an EncodedFrame with no data is no picture")


def _as_video(frame: Any, format: str, time_ns: int | None) -> VideoFrame | EncodedFrame:
    if isinstance(frame, VideoFrame | EncodedFrame):
        return frame
    if hasattr(frame, "__array_interface__"):
        return VideoFrame.from_ndarray(frame, format=format, time_ns=time_ns)
    if type(frame).__name__ == "VideoFrame" and hasattr(frame, "reformat"):
        return VideoFrame(frame, time.monotonic_ns() if time_ns is None else time_ns)
    raise TypeError(f"a VideoSource takes numpy arrays, av or jackfield VideoFrame, EncodedFrame; not {type(frame)}")


def _as_audio(block: Any, rate: int, time_ns: int | None) -> AudioBlock:
    import numpy as np

    if isinstance(block, AudioBlock):
        return block
    if type(block).__name__ == "AudioFrame" and hasattr(block, "layout"):
        channels, rate = len(block.layout.channels), block.sample_rate
        array = block.to_ndarray()
        block = array.T if block.format.is_planar else array.reshape(-1, channels)
    if not isinstance(block, np.ndarray):
        raise TypeError(f"an AudioSource takes numpy arrays, av.AudioFrame or AudioBlock; not {type(block)}")
    if block.dtype.kind == "f":
        block = (np.clip(block, -1.0, 1.0) * 32767.0).astype(np.int16)
    if block.dtype != np.int16 or block.ndim > 2:
        raise TypeError(
            f"samples are int16 or float, (samples,) or (samples, channels); not {block.dtype} {block.shape}"
        )
    samples = block.reshape(-1, 1) if block.ndim == 1 else block
    return AudioBlock(samples, rate, time.monotonic_ns() if time_ns is None else time_ns)
