"""Where each tile stands: rectangles of cells for a layout, as many as fit."""

from __future__ import annotations

import math

from attrs import frozen

#: A cell is about twice as high as wide, and a picture 16 by 9.
_ASPECT = 16 / 9 * 2
#: A tile narrower or lower than this shows nobody.
_LEAST_COLUMNS, _LEAST_ROWS = 12, 4


@frozen
class Box:
    """Rows and columns, from the upper left."""

    row: int
    column: int
    rows: int
    columns: int


def grid(area: Box, count: int) -> list[Box]:
    """Boxes of one size for so many tiles, or for as many as fit."""
    if count <= 0 or area.rows < _LEAST_ROWS or area.columns < _LEAST_COLUMNS:
        return []
    most = max(1, area.rows // _LEAST_ROWS) * max(1, area.columns // _LEAST_COLUMNS)
    count = min(count, most)
    across = max(range(1, count + 1), key=lambda columns: _shown(area, count, columns))
    down = math.ceil(count / across)
    rows, columns = area.rows // down, area.columns // across
    boxes = []
    for index in range(count):
        row, column = divmod(index, across)
        alone = across - min(across, count - row * across)  # the last row stands in the middle
        boxes.append(Box(area.row + row * rows, area.column + column * columns + alone * columns // 2, rows, columns))
    return boxes


def _shown(area: Box, count: int, across: int) -> float:
    rows, columns = area.rows // math.ceil(count / across), area.columns // across
    if rows < _LEAST_ROWS or columns < _LEAST_COLUMNS:
        return -1.0
    return min(columns, (rows - 1) * _ASPECT)


def with_main(area: Box, others: int, *, beside: bool) -> list[Box]:
    """A main place, then smaller ones beside it, or below: ``others`` of them at most."""
    if not others:
        return [area]
    if beside:
        width = max(_LEAST_COLUMNS, area.columns // 4)
        main = Box(area.row, area.column, area.rows, area.columns - width)
        rest = Box(area.row, area.column + main.columns, area.rows, width)
        return [main, *_line(rest, others, down=True)]
    height = max(_LEAST_ROWS, area.rows // 4)
    main = Box(area.row, area.column, area.rows - height, area.columns)
    return [main, *_line(Box(area.row + main.rows, area.column, height, area.columns), others, down=False)]


def _line(area: Box, count: int, *, down: bool) -> list[Box]:
    if down:
        rows = max(_LEAST_ROWS, min(area.rows // count, round(area.columns / _ASPECT) + 1))
        fits = min(count, area.rows // rows)
        return [Box(area.row + index * rows, area.column, rows, area.columns) for index in range(fits)]
    columns = max(_LEAST_COLUMNS, min(area.columns // count, round(area.rows * _ASPECT)))
    fits = min(count, area.columns // columns)
    return [Box(area.row, area.column + index * columns, area.rows, columns) for index in range(fits)]


def inside(box: Box, width: int, height: int) -> Box:
    """Where a picture of this size stands in the box, whole and in its shape; a cell is twice as high as wide."""
    scale = min(box.columns / width, box.rows * 2 / height)
    columns, rows = max(1, round(width * scale)), max(1, round(height * scale / 2))
    columns, rows = min(columns, box.columns), min(rows, box.rows)
    return Box(box.row + (box.rows - rows) // 2, box.column + (box.columns - columns) // 2, rows, columns)
