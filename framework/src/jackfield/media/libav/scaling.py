"""Pictures made smaller, by swscale: no copy through Python, and nothing at all where the size stays."""

from __future__ import annotations

from av.video.reformatter import Interpolation, VideoReformatter

from jackfield.media.libav.pictures import even
from jackfield.values.media import VideoFrame


class Scaler:
    """Used by one thread at a time; the library's tables are made once for each pair of sizes."""

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()

    def scaled(self, frame: VideoFrame, scale: float) -> VideoFrame:
        """The same instant in a picture of even size, ``scale`` times as wide and high, in 4:2:0."""
        width, height = even(round(frame.width * scale)), even(round(frame.height * scale))
        picture = self._reformatter.reformat(
            frame.picture, width, height, "yuv420p", interpolation=Interpolation.BILINEAR, threads=1
        )
        return VideoFrame(picture, frame.time_ns, frame.rotation)
