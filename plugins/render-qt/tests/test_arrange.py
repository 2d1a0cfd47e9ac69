"""Tiles lie beside each other, inside their space, and none is lost."""

from __future__ import annotations

import pytest
from jackfield_render_qt.arrange import arrange

SPACES = [(390, 640), (720, 480), (1280, 640), (3840, 2000)]


@pytest.mark.parametrize("layout", ["TILE", "SIDEBAR", "SPOTLIGHT"])
@pytest.mark.parametrize("count", [1, 2, 5, 12, 50])
def test_every_tile_is_inside_and_every_person_is_on_one_page(layout, count):
    """From a phone's width to a wall, all pages together show everyone once, the main one on each page."""
    keys = [f"k{index}" for index in range(count)]
    for width, height in SPACES:
        first = arrange(layout, keys, width, height)
        shown = []
        for page in range(first.pages):
            placed = arrange(layout, keys, width, height, page)
            shown += placed.keys if layout == "TILE" or page == 0 else placed.keys[1:]
            for x, y, wide, high in placed.boxes:
                assert min(x, y) >= 0, (width, height, placed)
                assert x + wide <= width, (width, height, placed)
                assert y + high <= height, (width, height, placed)
                assert min(wide, high) >= 50
        assert shown == keys


def test_tiles_do_not_overlap_and_fifty_fit_on_a_desktop():
    """A call of fifty is one page at 1280 × 640, and no two tiles touch."""
    placed = arrange("TILE", [f"k{index}" for index in range(50)], 1280, 640)
    assert (placed.pages, len(placed.keys)) == (1, 50)
    boxes = list(placed.boxes)
    for index, (x, y, wide, high) in enumerate(boxes):
        for u, v, w, h in boxes[index + 1 :]:
            assert x + wide < u or u + w < x or y + high < v or v + h < y


def test_a_page_that_is_gone_is_the_last_one():
    """People leave, and who looked at the third page looks at the last that there is."""
    placed = arrange("SIDEBAR", [f"k{index}" for index in range(20)], 1280, 640, page=9)
    assert placed.page == placed.pages - 1
