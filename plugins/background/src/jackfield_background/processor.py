"""One camera's pictures with another background. What fails raises, so that the call covers the picture."""

from __future__ import annotations

import av
from av.video.reformatter import VideoReformatter

from jackfield.roles import Backdrop
from jackfield.values.errors import PluginError
from jackfield.values.media import VideoFrame
from jackfield_background.backdrops import Behind, Blur, Image
from jackfield_background.planes import blend, layout, like, planes, scaled_mask
from jackfield_background.segment import Segmenter


class BackgroundProcessor:
    """Shows a backdrop behind whoever the model finds; with nobody there the backdrop is all that is seen.

    Until `show_backdrop` was called everything is blurred as much as can be.
    """

    def __init__(self, segmenter: Segmenter) -> None:
        self._segmenter = segmenter
        self._behind: Behind = Blur(1.0)
        self._to_420, self._copy = VideoReformatter(), VideoReformatter()
        self._masks = [VideoReformatter() for _ in range(3)]

    def show_backdrop(self, backdrop: Backdrop) -> None:
        """This is behind people."""
        self._behind = Image(backdrop.picture) if backdrop.picture is not None else Blur(backdrop.blur)

    def process(self, frame: VideoFrame) -> VideoFrame:
        """The person, before what is shown."""
        try:
            mask = self._segmenter.mask(frame)
            picture = self._planar(frame.picture)
            made = like(picture)
            front, into = planes(picture), planes(made)
            behind = self._behind.planes(frame, picture, mask)
            masks = scaled_mask(mask, [front[0].shape, front[1].shape], self._masks[:2])
            for plane, one in enumerate((masks[0], masks[1], masks[1])):
                blend(front[plane], behind[plane], one, into[plane])
        except av.FFmpegError as exc:
            size = f"{frame.width}x{frame.height} {frame.picture.format.name}"
            raise PluginError(f"a picture of {size} cannot be given another background: {exc}") from exc
        return VideoFrame(made, frame.time_ns, frame.rotation)

    def _planar(self, picture: av.VideoFrame) -> av.VideoFrame:
        wanted = layout(picture)
        if any(plane.line_size < 0 for plane in picture.planes):  # upside down in memory: numpy wants it copied
            picture = self._copy.reformat(picture, None, None, "nv12", threads=1)
        return self._to_420.reformat(picture, None, None, wanted, threads=1)

    def close(self) -> None:
        """The model is given back."""
        self._segmenter.close()
