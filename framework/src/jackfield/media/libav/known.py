"""A picture that is easily told from any other, and streams of it: what hardware is tried with.

The left half is dark, the right half bright, at 640x384: a size that every card takes, aligned for every codec.
"""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING

from jackfield.values.media import EncodedFrame

if TYPE_CHECKING:
    import av

WIDTH, HEIGHT = 640, 384
DARK, BRIGHT = 50, 200
#: How far brightness may be off, of 255: a coarse quantizer is not a fault, another picture is.
TOLERANCE = 20

_STREAMS = {
    "H264": (
        "AAAAAWdCwB+mEQKAxoQAAAMABAAAAwDyPGDIRgAAAAFoyEILLIAAAAABZYiCAl5MUAAXq77777777777777777775MUAAe3r7777"
        "7777777777777766666666666666666666666666666666666666666666666666666666666666666666666666666666666666"
        "6666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666"
        "6666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666"
        "6666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666"
        "6666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666"
        "6666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666"
        "6666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666"
        "6666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666"
        "6666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666666"
        "66666666666666666666666666666666668=",
        "AAAAAUGaHAS8AeDA",
        "AAAAAUGaKgE/AHgw",
        "AAAAAUGaOwE/AHgw",
    ),
    "VP8": (
        "8DUAnQEqgAKAAQBHCIWFiIWEiAICAAYWBPcGgWSfa9ua9GHXtzZOcPZOcPZOcPZOcPZOdbptzZOcPZOcPZOcPZOcPZOdbptzZOcP"
        "ZOcPZOcPZOcPZOdbptzZOcPZOcPZOcPZOcPZOdbptzZOcPZOcPZOcPZOcPZOdbptzZOcPZOcPZOcPZOcPZOdbptzZOcPZOcPZOcP"
        "ZOcPZOdbptzZOcPZOcPZOcPZOcPZOdbptzZOcPZOcPZOcPZOcPZOdbptzZOcPZOcPZOcPZOcPZOdbptzZOcPZOcPZOcPZOcPZOdb"
        "ptzZOcPZOcPZOcPZOcPZOdbptzZOcPZOcPZOcPZOcPZOdbptzZOcPZOcPZOcPZOcPZOdbptzZOcPZOcPZOcPZOcPZOdbptzZOcPZ"
        "OcPZOcPZOcPZOdbptzZOcPZOcPZOcPZOcPZOdbptzZOcPZOcPZOcPZOcPZOdbptzZOcPZOcPZOcPZOcPZOdbptzZOcPZOcPZOcPZ"
        "OcPZOdbptzZOcPZOcPZOcPZOcPZOdbptzZOcPZOcPZOcPZOcPZOdbptzZOcPZOcPZOcPZOcPZOdbptzZOcPZObwA/v75ix/l4QA=",
        "0QQAARAQABgAGFgv9AAIgAQAAIbQWY6L3KTX5yrGRWZCT7MUYaCzHDAA",
        "0QQAARAQABgAGFgv9AAIgAQAAIbQWY6L3KTX5yrGRWZCT7MUYaCzHDAA",
        "0QQAARAQABgAGFgv9AAIgAQAAIbQWY6L3KTX5yrGRWZCT7MUYaCzHDAA",
    ),
    "VP9": (
        "gkmDQgAn8Bf2ADgkHBiUEABQYfY69oBc0e4AAAAAAA9m6/BGIjfkR48OPHjx0ABm5pF3O8aSRIjx4cePAA==",
        "hgBAkpwAUoEAAgAmrAAAAAAABFhA9OBYQPTg",
        "hgBAkpwAWMEAAYAgAAAAAAAEWED04FhA9OA=",
        "hgBAkpwAUAEAAYAgAAAAAAAEWED04FhA9OA=",
    ),
    "AV1": (
        "EgAKCwAAAAzE/38avmAQMjQQAIWgBBAggAAAEAAo0njcZlaLkQRBzf4Xyvd8tmfxQPJYlxAuYwFJ7dKsR0I3v+E/57dQ",
        "EgAyFzACAAklbTpGAAAAgAACALZEsTp0FfCg",
        "EgAyFzAEAgklbTpBgAAAgAACALZEsTp0FfCg",
        "EgAyEzAHAAkk2zpGAAAAgAADAAC+ueg=",
    ),
    "H265": (
        "AAAAAUABDAH//wFgAAADAJAAAAMAAAMAP7oCQAAAAAFCAQEBYAAAAwCQAAADAAADAD+gBQIBgWW6SkwuaAgAAAMACAAAAwDwQAAA"
        "AAFEAcBxgxIAAAEoAayRhZKShB0HOYsGD/8s3rOdoNkJih/8TjCAACogCZ7QbITJwWAABYwOMYMtzshUAARsDwJikBGrAAIKEoJg"
        "AMnwAELAEuAABUPABWQAAAMAG2kATUAAAAMAg1wDLgAAAwHbUBaQAAAFlEB0wAAAEDkCFgAAJQIHbA==",
        "AAAAAQIB0Al4ijG0kkSSYJuAaEAADVgAHBAANGAAX0AAoIABBQGXAlYDdgTUBlQ=",
        "AAAAAQIB0BH+IcMbSSSSJpmADcgAAlIABfwADKgAGhAAL+AAWkAAm4AA74ABgwI2Ayo=",
        "AAAAAQIB0Bn+IPDHG0kkkoCYAADAgAAANyAAAIaAAAHNAARUAAjoABUQACZgAEdAAG7AAMiAATE=",
    ),
}


def stream(codec: str) -> list[EncodedFrame]:
    """Four frames of the picture, the first a keyframe; none for a codec that there is no stream of."""
    return [
        EncodedFrame(b64decode(data), codec, number == 0, time_ns=number * 33_333_333, width=WIDTH, height=HEIGHT)
        for number, data in enumerate(_STREAMS.get(codec, ()))
    ]


def picture() -> av.VideoFrame:
    """The picture."""
    import av

    made = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
    for plane in made.planes:
        row = bytes([DARK]) * (plane.width // 2) + bytes([BRIGHT]) * (plane.width - plane.width // 2)
        if plane.width < WIDTH:
            row = bytes([128]) * plane.width
        plane.update((row + bytes(plane.line_size - plane.width)) * plane.height)
    return made


def looks_wrong(picture: av.VideoFrame) -> str | None:
    """What another picture than ours looks like; None for ours."""
    if (picture.width, picture.height) != (WIDTH, HEIGHT):
        return f"a picture of {picture.width}x{picture.height} where {WIDTH}x{HEIGHT} was due"
    plane = picture.reformat(format="yuv420p").planes[0]
    pixels = memoryview(plane)
    row = pixels[plane.line_size * (HEIGHT // 2) :][:WIDTH]
    left, right = (sum(row[at : at + 32]) / 32 for at in (WIDTH // 4, 3 * WIDTH // 4))
    if abs(left - DARK) <= TOLERANCE and abs(right - BRIGHT) <= TOLERANCE:
        return None
    return f"another picture: brightness {left:.0f} and {right:.0f} where {DARK} and {BRIGHT} were due"
