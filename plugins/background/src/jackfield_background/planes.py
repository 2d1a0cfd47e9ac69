"""The planes of 4:2:0 pictures as arrays, made, read and blended."""

from __future__ import annotations

from collections.abc import Sequence

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

Plane = NDArray[np.uint8]
#: What a mask counts to: the difference of two pixels times this still fits 16 bits.
WHOLE = 128


def layout(picture: av.VideoFrame) -> str:
    """4:2:0 in the range of its values that the picture has."""
    return "yuvj420p" if picture.format.name.startswith("yuvj") else "yuv420p"


def planes(picture: av.VideoFrame) -> list[Plane]:
    """Its planes, without what pads their rows; they are the picture's own memory."""
    return [_plane(plane) for plane in picture.planes]


def _plane(plane: av.video.plane.VideoPlane) -> Plane:
    rows = np.frombuffer(plane, np.uint8, plane.height * plane.line_size)  # type: ignore[call-overload]
    return rows.reshape(plane.height, plane.line_size)[:, : plane.width]  # type: ignore[no-any-return]


def like(picture: av.VideoFrame) -> av.VideoFrame:
    """A picture with nothing in it yet, of this one's size, instant and colours."""
    made = av.VideoFrame(picture.width, picture.height, layout(picture))
    made.pts = picture.pts
    if picture.time_base is not None:
        made.time_base = picture.time_base
    made.color_range, made.colorspace = picture.color_range, picture.colorspace
    made.color_primaries, made.color_trc = picture.color_primaries, picture.color_trc
    return made


def scaled_mask(
    mask: NDArray[np.float32], shapes: Sequence[tuple[int, ...]], by: Sequence[VideoReformatter]
) -> list[Plane]:
    """The mask, of 0 to 1, for planes of these shapes: 0 to `WHOLE`. ``by`` has one for each, kept by the caller."""
    grey = av.VideoFrame.from_ndarray((mask * WHOLE + 0.5).astype(np.uint8), format="gray")
    return [
        planes(one.reformat(grey, shape[1], shape[0], "gray", interpolation=Interpolation.BILINEAR, threads=1))[0]
        for shape, one in zip(shapes, by, strict=True)
    ]


def blend(front: Plane, behind: Plane, mask: Plane, into: Plane) -> None:
    """Puts ``front`` where the mask says so, and ``behind`` elsewhere."""
    step = front.astype(np.int16)
    under = behind.astype(np.int16)
    step -= under
    step *= mask
    step += WHOLE // 2
    step >>= 7
    step += under
    into[:] = step
