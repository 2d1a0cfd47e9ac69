"""The modes of a camera: asked of the driver, and chosen among by fit and cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attrs import evolve, frozen

from jackfield.media.negotiation import layout_cost, nearest
from jackfield.values.formats import VideoFormat
from jackfield_v4l2 import structs
from jackfield_v4l2.node import Node
from jackfield_v4l2.pixels import BAYER, H264, LAYOUTS, MJPEG

#: Sizes and rates that are listed of a driver that makes any in a range.
_SIZES = ((320, 240), (640, 360), (640, 480), (1280, 720), (1920, 1080), (3840, 2160))
_RATES = (5.0, 10.0, 15.0, 25.0, 30.0, 50.0, 60.0)


@frozen
class Mode:
    """One mode, and the driver's number for its layout."""

    format: VideoFormat
    code: int


def modes_of(node: Node, wanted: VideoFormat | None = None) -> list[Mode]:
    """Every mode that this adapter can use; with ``wanted``, its very size too where the driver makes any."""
    kind = node.buffer_type()
    found: dict[Mode, None] = {}
    for code in codes_of(node, kind):
        form = _format(code)
        if form is None:
            continue
        for width, height in _sizes(node, code, wanted):
            for fps in _rates(node, code, width, height, wanted):
                found[Mode(evolve(form, width=width, height=height, fps=fps), code)] = None
    return list(found)


def codes_of(node: Node, kind: int) -> list[int]:
    """The layouts that the driver lists, used here or not."""
    return [
        each.pixelformat
        for each in node.listed(structs.ENUM_FMT, lambda index: structs.FormatDescription(index=index, type=kind))
    ]


def is_sensor(codes: Sequence[int]) -> bool:
    """Whether all that comes is what an image sensor sees, before any processing."""
    return bool(codes) and all(code in BAYER for code in codes)


def choose(modes: Sequence[Mode], wanted: VideoFormat) -> Mode | None:
    """The mode that comes nearest; of those the one that costs least, and first of all the layout that is wanted."""

    def cost(form: VideoFormat) -> float:
        return -1.0 if wanted.pixel_format and form.pixel_format == wanted.pixel_format else layout_cost(form)

    best = nearest([mode.format for mode in modes], wanted, cost)
    return next((mode for mode in modes if mode.format == best), None)


def _format(code: int) -> VideoFormat | None:
    if code in MJPEG:
        return VideoFormat(pixel_format="mjpeg")
    if code in H264:
        return VideoFormat(codec="H264")
    layout = LAYOUTS.get(code)
    return VideoFormat(pixel_format=layout.pixel_format) if layout else None


def _sizes(node: Node, code: int, wanted: VideoFormat | None) -> Iterator[tuple[int, int]]:
    listed = node.listed(structs.ENUM_FRAMESIZES, lambda index: structs.FrameSize(index=index, pixel_format=code))
    for size in listed:
        if size.type != structs.SIZE_DISCRETE:
            yield from _steps(size.u.stepwise, wanted)
            return  # a range is one answer, whatever index is asked for
        yield size.u.discrete.width, size.u.discrete.height


def _steps(steps: structs._SizeSteps, wanted: VideoFormat | None) -> Iterator[tuple[int, int]]:
    wished = ((wanted.width, wanted.height),) if wanted else ()
    for width, height in dict.fromkeys((*wished, *_SIZES, (steps.max_width, steps.max_height))):
        yield (
            _stepped(width, steps.min_width, steps.max_width, steps.step_width),
            _stepped(height, steps.min_height, steps.max_height, steps.step_height),
        )


def _stepped(size: int, least: int, most: int, step: int) -> int:
    inside = max(least, min(most, size))
    return inside - (inside - least) % max(1, step)


def _rates(node: Node, code: int, width: int, height: int, wanted: VideoFormat | None) -> Iterator[float]:
    """Rates in pictures a second; 0 where the driver does not say."""
    none = True
    listed = node.listed(
        structs.ENUM_FRAMEINTERVALS,
        lambda index: structs.FrameInterval(index=index, pixel_format=code, width=width, height=height),
    )
    for interval in listed:
        none = False
        if interval.type == structs.INTERVAL_DISCRETE:
            yield rate_of(interval.u.discrete)
            continue
        fastest, slowest = rate_of(interval.u.stepwise.min), rate_of(interval.u.stepwise.max)
        wished = (wanted.fps,) if wanted else ()
        yield from (rate for rate in dict.fromkeys((*wished, *_RATES, fastest)) if slowest <= rate <= fastest)
        return
    if none:
        yield 0.0


def rate_of(interval: structs.Fraction) -> float:
    """Pictures a second of seconds a picture, to a hundredth; 0 where it is none."""
    return round(interval.denominator / interval.numerator, 2) if interval.numerator else 0.0
