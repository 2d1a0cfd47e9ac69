"""Which of a device's modes suits a wish, and whether what it has encoded itself can be sent as it is."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from attrs import evolve

from jackfield.values.formats import MediaFormat, VideoFormat

#: What it costs to bring one picture of this layout to an encoder, beside one that needs nothing; the rest are
#: converted (1.0). Decoding MJPEG at 720p takes about as long as encoding H.264 superfast.
_COSTS = {"yuv420p": 0.0, "yuvj420p": 0.0, "nv12": 0.1, "nv21": 0.2, "yuyv422": 0.3, "uyvy422": 0.3, "mjpeg": 2.0}
_OTHER = 1.0
#: A mode may be so much smaller or slower than the wish and still be sent on as it is encoded.
_NEAR = 0.75


def layout_cost(mode: VideoFormat) -> float:
    """The cost of a raw or MJPEG mode, 0 to 2; an encoded one would have to be decoded and costs most."""
    return 3.0 if mode.codec else _COSTS.get(mode.pixel_format, _OTHER)


def nearest(
    modes: Sequence[MediaFormat], wanted: VideoFormat, cost: Callable[[VideoFormat], float] = layout_cost
) -> VideoFormat | None:
    """The mode that comes nearest in size and rate, of those the one that costs least; None where there is none.

    Only modes of the wanted ``codec`` count; where raw pictures are wanted, encoded modes count when nothing else is
    there. Size and rate weigh as the Media Capture specification's fitness distance, too little more than too much.
    """
    pictures = [mode for mode in modes if isinstance(mode, VideoFormat)]
    suited = [mode for mode in pictures if mode.codec == wanted.codec]
    if not suited and wanted.codec is None:
        suited = pictures
    return min(suited, key=lambda mode: (round(_distance(mode, wanted), 2), cost(mode)), default=None)


def _distance(mode: VideoFormat, wanted: VideoFormat) -> float:
    pairs = ((mode.width, wanted.width), (mode.height, wanted.height), (mode.fps, wanted.fps))
    return sum(_apart(have, want) for have, want in pairs if have and want)


def _apart(have: float, want: float) -> float:
    """0 where they are equal; a half of the wish is 1 apart, the double of it a half."""
    return abs(have - want) / max(have, want) * (2.0 if have < want else 1.0)


def passthrough_mode(modes: Sequence[MediaFormat], wanted: VideoFormat, codecs: Collection[str]) -> VideoFormat | None:
    """The encoded mode that can be sent as it is: of an accepted codec, and near the wish; None where none is.

    ``codecs`` are those that the call takes, most wanted first.
    """
    for codec in codecs:
        mode = nearest(modes, evolve(wanted, codec=codec))
        if mode is not None and _is_near(mode, wanted):
            return mode
    return None


def _is_near(mode: VideoFormat, wanted: VideoFormat) -> bool:
    pairs = ((mode.width, wanted.width), (mode.height, wanted.height), (mode.fps, wanted.fps))
    return all(not have or _NEAR * want <= have <= want / _NEAR for have, want in pairs)
