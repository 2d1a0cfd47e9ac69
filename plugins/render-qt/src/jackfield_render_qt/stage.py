"""The tiles, laid out; and which of them are to be seen."""

from __future__ import annotations

from typing import Any, Literal

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QToolButton, QWidget

from jackfield_render_qt import icons
from jackfield_render_qt.arrange import Placed, arrange
from jackfield_render_qt.colours import Colours
from jackfield_render_qt.crossing import Crossing
from jackfield_render_qt.people import Person
from jackfield_render_qt.scaling import Scaling
from jackfield_render_qt.tile import Tile
from jackfield_render_qt.watching import Watching, has_picture

_MARGIN = 12
#: The height that the pager has below tiles.
_PAGER = 44


class Stage(QWidget):
    """On Qt's thread. ``menu_wanted`` tells of a person and a place on the screen."""

    menu_wanted = Signal(str, QPoint)

    def __init__(self, call: Any, crossing: Crossing, colours: Colours, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("stage")
        self._call, self._crossing, self._colours = call, crossing, colours
        self._scaling = Scaling()
        self.tiles: dict[str, Tile] = {}
        self._watching: dict[str, Watching] = {}
        self._keys: list[str] = []
        self._layout: Literal["TILE", "SIDEBAR", "SPOTLIGHT"] = "TILE"
        self._page = 0
        self.placed = Placed((), ())
        self._pager = _Pager(self, colours)
        self._pager.turned.connect(self._turn)

    # --- what is there
    def show_people(self, people: list[Person], main: str | None, layout: Any, colours: Colours) -> None:
        """Everyone with a tile, and a tile for each shared screen; ``main`` is the key of who has the main place."""
        self._colours, self._layout = colours, str(layout)  # type: ignore[assignment]
        self._pager.colour(colours)
        wanted: dict[str, tuple[Person, Literal["camera", "screen"]]] = {}
        for person in people:
            if person.is_presenting and not person.is_local:
                wanted[screen_key(person.uid)] = person, "screen"
        for person in people:
            wanted[person.uid] = person, "camera"
        for key in [key for key in self.tiles if key not in wanted]:
            self._drop(key)
        for key, (person, source) in wanted.items():
            tile = self.tiles.get(key) or self._add(key, person.uid, source)
            tile.show_person(person, colours)
        self._keys = sorted(wanted, key=lambda key: key != main) if layout != "TILE" else list(wanted)
        self.look()
        self.place()

    def look(self) -> None:
        """Tracks may have come, gone, or been turned off."""
        for key, tile in self.tiles.items():
            tile.set_off(not has_picture(self._call, tile.uid, tile.source))
            self._watch(key)

    def _add(self, key: str, uid: str, source: Literal["camera", "screen"]) -> Tile:
        tile = self.tiles[key] = Tile(key, uid, source, self)
        tile.hide()
        self._watching[key] = Watching(self._call, tile.slot, uid, source, self._scaling)
        tile.watched.connect(lambda: self._watch(key))
        tile.unwatched.connect(lambda: self._watch(key))
        tile.menu_wanted.connect(lambda where: self.menu_wanted.emit(uid, where))
        return tile

    def _watch(self, key: str) -> None:
        tile, watching = self.tiles.get(key), self._watching.get(key)
        if tile is not None and watching is not None:
            is_shown = tile.isVisible() and not self.window().isMinimized()
            self._crossing.call(lambda: watching.look(is_shown=is_shown))

    def _drop(self, key: str) -> None:
        tile, watching = self.tiles.pop(key), self._watching.pop(key)
        self._crossing.call(watching.stop)
        tile.slot.fit = None
        tile.hide()
        tile.deleteLater()

    # --- where it is
    def place(self) -> None:
        """Each tile in its box; those of other pages are hidden, and nothing is decoded for them."""
        width, height = self.width() - 2 * _MARGIN, self.height() - 8
        self.placed = arrange(self._layout, self._keys, width, height, self._page)
        if self.placed.pages > 1 and self._layout == "TILE":
            self.placed = arrange(self._layout, self._keys, width, height - _PAGER, self._page)
        self._page = self.placed.page
        boxes = dict(zip(self.placed.keys, self.placed.boxes, strict=True))
        for key, tile in self.tiles.items():
            box = boxes.get(key)
            if box is None:
                tile.hide()
                continue
            tile.setGeometry(box[0] + _MARGIN, box[1] + 4, box[2], box[3])
            tile.set_above(self._layout == "SPOTLIGHT" and key != self.placed.keys[0])
            tile.show()
        self._pager.show_page(self.placed.page, self.placed.pages)

    def _turn(self, by: int) -> None:
        self._page = max(0, min(self.placed.pages - 1, self._page + by))
        self.place()

    def resizeEvent(self, event: Any) -> None:
        """Another size."""
        self.place()

    def stop(self) -> None:
        """Nothing is taken or scaled any more."""
        for watching in self._watching.values():
            self._crossing.call(watching.stop)
        self._scaling.stop()

    @property
    def free_above(self) -> int:
        """How far up from the lower edge words over the tiles lie on no small tile."""
        above = [tile.height() for tile in self.tiles.values() if tile.is_above and not tile.isHidden()]
        return max(above) + 34 if above else 24

    @property
    def pictures(self) -> int:
        """Pictures that were made for tiles since the beginning."""
        return sum(tile.slot.made for tile in self.tiles.values())


def screen_key(uid: str) -> str:
    """The key of the tile that shows this person's screen."""
    return f"screen\0{uid}"


class _Pager(QWidget):
    """‹ 1 / 3 ›, where not all fit."""

    turned = Signal(int)

    def __init__(self, parent: QWidget, colours: Colours) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._buttons = [QToolButton(self), QToolButton(self)]
        self._words = QLabel(self)
        row = QHBoxLayout(self)
        row.setContentsMargins(4, 2, 4, 2)
        for button, name, by, words in zip(
            self._buttons, ("left", "right"), (-1, 1), ("Page before", "Next page"), strict=True
        ):
            button.setProperty("kind", "flat")
            button.setFixedSize(28, 28)
            button.setAccessibleName(words)
            button.setToolTip(words)
            button.setObjectName(name)
            button.clicked.connect(lambda _=False, by=by: self.turned.emit(by))
        row.addWidget(self._buttons[0])
        row.addWidget(self._words)
        row.addWidget(self._buttons[1])
        self.colour(colours)
        self.hide()

    def colour(self, colours: Colours) -> None:
        for button in self._buttons:
            button.setIcon(icons.icon(button.objectName(), colours.text))

    def show_page(self, page: int, pages: int) -> None:
        self.setVisible(pages > 1)
        self._words.setText(f"{page + 1} / {pages}")
        self._buttons[0].setEnabled(page > 0)
        self._buttons[1].setEnabled(page < pages - 1)
        self.adjustSize()
        stage = self.parentWidget()
        assert stage is not None
        self.move((stage.width() - self.width()) // 2, stage.height() - self.height() - 4)
        self.raise_()
