"""Where each tile goes. Numbers in, numbers out: nothing of Qt."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from attrs import frozen

GAP = 10
#: Tiles are no smaller than this, in points; what does not fit is on the next page.
SMALLEST = 140
_WIDEST, _TALLEST_ON_WIDE, _TALLEST_ON_TALL = 16 / 9, 4 / 3, 3 / 4

Box = tuple[int, int, int, int]


@frozen
class Placed:
    """Boxes (x, y, width, height) for ``keys`` in order; ``pages``: of those who do not fit all at once."""

    keys: tuple[str, ...]
    boxes: tuple[Box, ...]
    pages: int = 1
    page: int = 0


def arrange(
    layout: Literal["TILE", "SIDEBAR", "SPOTLIGHT"], keys: Sequence[str], width: int, height: int, page: int = 0
) -> Placed:
    """``keys``, the main one first, in a space of this size."""
    if not keys or width < 2 or height < 2:
        return Placed((), ())
    if layout == "TILE":
        return _tiles(keys, (0, 0, width, height), page)
    if len(keys) == 1:
        return Placed(tuple(keys), ((0, 0, width, height),))
    return _sidebar(keys, width, height, page) if layout == "SIDEBAR" else _spotlight(keys, width, height, page)


def _tiles(keys: Sequence[str], space: Box, page: int) -> Placed:
    x, y, width, height = space
    room = _room(width, height)
    pages = math.ceil(len(keys) / room)
    page = min(page, pages - 1)
    shown = tuple(keys[page * room : (page + 1) * room])
    columns, cell_width, cell_height = _fit(len(shown), width, height)
    rows = math.ceil(len(shown) / columns)
    top = y + (height - rows * cell_height - (rows - 1) * GAP) // 2
    boxes = []
    for index in range(len(shown)):
        row, column = divmod(index, columns)
        in_row = min(columns, len(shown) - row * columns)
        left = x + (width - in_row * cell_width - (in_row - 1) * GAP) // 2
        boxes.append((left + column * (cell_width + GAP), top + row * (cell_height + GAP), cell_width, cell_height))
    return Placed(shown, tuple(boxes), pages, page)


def _room(width: int, height: int) -> int:
    """How many of the smallest tiles fit."""
    columns = max(1, (width + GAP) // (SMALLEST + GAP))
    rows = max(1, (height + GAP) // (round(SMALLEST / _WIDEST) + GAP))
    return columns * rows


def _fit(count: int, width: int, height: int) -> tuple[int, int, int]:
    """Columns and cell size at which so many tiles cover most."""
    best = (1, 2, 2)
    for columns in range(1, count + 1):
        rows = math.ceil(count / columns)
        cell_width, cell_height = (width - GAP * (columns - 1)) / columns, (height - GAP * (rows - 1)) / rows
        if cell_width <= 2 or cell_height <= 2:
            continue
        tallest = _TALLEST_ON_WIDE if width > height else _TALLEST_ON_TALL
        shape = min(_WIDEST, max(tallest, cell_width / cell_height))
        fitted = min(cell_width, cell_height * shape)
        if fitted * fitted / shape > best[1] * best[2]:
            best = (columns, int(fitted), int(fitted / shape))
    return best


def _sidebar(keys: Sequence[str], width: int, height: int, page: int) -> Placed:
    """The main one, and the others in a strip at its right or, where it is narrow, below."""
    others = keys[1:]
    if width >= height:
        strip = max(SMALLEST - 20, min(260, width // 5))
        each = round(strip / _WIDEST)
        main: Box = (0, 0, width - strip - GAP, height)
        room = max(1, (height + GAP) // (each + GAP))
        shown, pages, page = _page(others, room, page)
        top = max(0, (height - len(shown) * (each + GAP) + GAP) // 2)
        boxes = [(width - strip, top + index * (each + GAP), strip, each) for index in range(len(shown))]
    else:
        each = max(60, min(180, height // 6))
        strip = round(each * _WIDEST)
        main = (0, 0, width, height - each - GAP)
        room = max(1, (width + GAP) // (strip + GAP))
        shown, pages, page = _page(others, room, page)
        strip = min(strip, width)
        left = max(0, (width - len(shown) * (strip + GAP) + GAP) // 2)
        boxes = [(left + index * (strip + GAP), height - each, strip, each) for index in range(len(shown))]
    return Placed((keys[0], *shown), (main, *boxes), pages, page)


def _spotlight(keys: Sequence[str], width: int, height: int, page: int) -> Placed:
    """The main one everywhere, the others small over its lower right corner."""
    small = max(96, min(220, width // 5))
    each = round(small / _WIDEST)
    room = max(1, (width - GAP) // (small + GAP))
    shown, pages, page = _page(keys[1:], min(room, 5), page)
    boxes = [
        (width - GAP - (len(shown) - index) * (small + GAP) + GAP, height - each - GAP, small, each)
        for index in range(len(shown))
    ]
    boxes = [(x - GAP, y, w, h) for x, y, w, h in boxes]
    return Placed((keys[0], *shown), ((0, 0, width, height), *boxes), pages, page)


def _page(keys: Sequence[str], room: int, page: int) -> tuple[tuple[str, ...], int, int]:
    pages = max(1, math.ceil(len(keys) / room))
    page = min(page, pages - 1)
    return tuple(keys[page * room : (page + 1) * room]), pages, page
