"""Media that flows: pictures, blocks of sound, and encoded frames (access units).

Instants are ``time.monotonic_ns()`` of the machine that made the value.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Literal, cast

from attrs import field, frozen

if TYPE_CHECKING:
    import av
    import numpy as np
    from av.video.reformatter import VideoReformatter
    from numpy.typing import NDArray

Kind = Literal["audio", "video"]
VideoCodec = Literal["VP8", "H264", "VP9", "AV1", "H265"]
AudioCodec = Literal["opus"]
#: RTP encoding names as the SDP spells them (``VP8``, ``H264``, ``VP9``, ``AV1``, ``H265``, ``opus``).
CodecName = str

VIDEO_CLOCK_RATE = 90_000
AUDIO_CLOCK_RATE = 48_000


@frozen(eq=False)
class VideoFrame:
    """One picture, and the instant it was captured.

    ``picture`` owns its memory (it never points into a driver's buffer) and is shared, so it is read and not
    written. ``rotation`` is clockwise, in degrees.
    """

    picture: av.VideoFrame
    time_ns: int = field(factory=time.monotonic_ns)
    rotation: Literal[0, 90, 180, 270] = 0

    @property
    def width(self) -> int:
        """Width in pixels, before rotation."""
        return self.picture.width

    @property
    def height(self) -> int:
        """Height in pixels, before rotation."""
        return self.picture.height

    @classmethod
    def from_ndarray(cls, array: NDArray[np.uint8], *, format: str = "rgb24", time_ns: int | None = None) -> VideoFrame:
        """A frame from pixels: shape (height, width, 3) for rgb24 and bgr24, (height * 3 / 2, width) for yuv420p."""
        import av

        picture = av.VideoFrame.from_ndarray(array, format=format)
        return cls(picture, time.monotonic_ns() if time_ns is None else time_ns)

    def to_ndarray(self, *, format: str = "rgb24") -> NDArray[np.uint8]:
        """The pixels as an array of the caller's own, in the shape `from_ndarray` takes."""
        return cast("NDArray[np.uint8]", self.reformatted(format).picture.to_ndarray())

    def reformatted(
        self, format: str, width: int = 0, height: int = 0, *, by: VideoReformatter | None = None
    ) -> VideoFrame:
        """The same instant in another pixel format, and size where given, by swscale: no way through numpy. Any thread.

        ``picture.reformat`` is not for pictures that several threads have: it keeps its tables in the picture, and two
        that use them at once crash the process. ``by`` keeps them from one picture to the next; it belongs to one
        thread at a time. A picture that is so already is answered as it is.
        """
        from av.video.reformatter import VideoReformatter

        if by is None:
            by = VideoReformatter()
        picture = by.reformat(self.picture, width or None, height or None, format, threads=1)
        return VideoFrame(picture, self.time_ns, self.rotation)


@frozen(eq=False)
class AudioBlock:
    """Consecutive samples: int16, shape (samples, channels), at ``rate`` Hz; ``time_ns`` is that of the first."""

    samples: NDArray[np.int16] = field(repr=lambda samples: f"<int16 {samples.shape}>")
    rate: int = AUDIO_CLOCK_RATE
    time_ns: int = field(factory=time.monotonic_ns)

    @property
    def channels(self) -> int:
        """How many channels are interleaved."""
        return int(self.samples.shape[1])

    @property
    def duration_ns(self) -> int:
        """How long the block sounds."""
        return int(self.samples.shape[0]) * 1_000_000_000 // self.rate


@frozen(eq=False)
class EncodedFrame:
    """One access unit: a whole encoded picture, or one Opus packet.

    ``data`` is Annex B for H264 and H265, the bare frame for VP8, a temporal unit for AV1. ``rtp_timestamp`` counts in
    the codec's RTP clock (90 kHz video, 48 kHz Opus), unwrapped to grow for ever; it is None where the frame has not
    crossed a network. ``time_ns`` is the capture instant at the sender, the arrival of the first packet at a receiver.
    """

    data: bytes = field(repr=lambda data: f"<{len(data)} bytes>")
    codec: CodecName
    keyframe: bool
    time_ns: int = field(factory=time.monotonic_ns)
    rtp_timestamp: int | None = None
    duration_ns: int = 0
    width: int = 0
    height: int = 0
    rotation: Literal[0, 90, 180, 270] = 0
    #: The capture instant by the sender's own wall clock, where its reports tell: to be compared with its other tracks.
    captured_ns: int | None = None
    #: Frames missing between the one before and this one: a decoder may conceal them.
    lost_before: int = 0


Media = VideoFrame | AudioBlock | EncodedFrame
