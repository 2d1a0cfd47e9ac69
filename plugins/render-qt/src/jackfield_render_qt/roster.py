"""The list of who is here: found by name, muted, paused, pinned, removed."""

from __future__ import annotations

from html import escape
from typing import Any

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QScrollArea, QToolButton, QVBoxLayout, QWidget

from jackfield_render_qt import icons
from jackfield_render_qt.colours import Colours, of_person
from jackfield_render_qt.people import Person


class Roster(QWidget):
    """On Qt's thread. ``menu_wanted`` tells of a person and a place on the screen."""

    menu_wanted = Signal(str, QPoint)

    def __init__(self, colours: Colours, parent: QWidget) -> None:
        super().__init__(parent)
        self._people: list[Person] = []
        self._colours = colours
        self.search = QLineEdit(self)
        self.search.setPlaceholderText("Find somebody")
        self.search.setAccessibleName("Find somebody by name")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(lambda: self._fill())
        scroll = QScrollArea(self)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        inside = QWidget()
        self._column = QVBoxLayout(inside)
        self._column.setContentsMargins(0, 0, 4, 0)
        self._column.setSpacing(2)
        self._nobody = QLabel("Nobody of that name is here.", inside)
        self._nobody.setProperty("quiet", "true")
        self._column.addWidget(self._nobody)
        self._column.addStretch(1)
        scroll.setWidget(inside)
        self.rows: dict[str, _Row] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.search)
        column.addWidget(scroll, 1)
        self._fill()

    def show_people(self, people: list[Person], colours: Colours) -> None:
        """Everyone; raised hands first, in the order in which they were raised."""
        ordered = sorted(people, key=lambda each: (each.hand_at is None, each.hand_at or 0.0))
        if (ordered, colours) != (self._people, self._colours) or not self.rows:
            self._people, self._colours = ordered, colours
            self._fill()

    def _fill(self) -> None:
        wanted = self.search.text().strip().casefold()
        found = [each for each in self._people if wanted in each.name.casefold() or wanted in each.uid.casefold()]
        for uid in [uid for uid in self.rows if uid not in {each.uid for each in found}]:
            row = self.rows.pop(uid)
            self._column.removeWidget(row)
            row.hide()
            row.deleteLater()
        for index, each in enumerate(found):
            row = self.rows.get(each.uid)
            if row is None:
                row = self.rows[each.uid] = _Row(self)
                row.menu_wanted.connect(self.menu_wanted)
            row.show_person(each, self._colours)
            self._column.removeWidget(row)
            self._column.insertWidget(index, row)
            row.show()
        self._nobody.setHidden(bool(found) or not wanted)


class _Row(QWidget):
    menu_wanted = Signal(str, QPoint)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._initials, self._name, self._marks = QLabel(self), QLabel(self), QLabel(self)
        self._initials.setFixedSize(32, 32)
        self._initials.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._name.setTextFormat(Qt.TextFormat.PlainText)
        self._more = QToolButton(self)
        self._more.setProperty("kind", "flat")
        self._more.setFixedSize(32, 32)
        row = QHBoxLayout(self)
        row.setContentsMargins(2, 3, 2, 3)
        row.addWidget(self._initials)
        row.addWidget(self._name, 1)
        row.addWidget(self._marks)
        row.addWidget(self._more)
        self._more.clicked.connect(self._ask)
        self._uid = ""

    def show_person(self, person: Person, colours: Colours) -> None:
        self._uid = person.uid
        ground = of_person(person.uid).name()
        self._initials.setText(person.initials)
        self._initials.setStyleSheet(
            f"background: {ground}; color: #ffffff; border-radius: 16px; font-weight: 600; font-size: 12px"
        )
        metrics = self._name.fontMetrics()
        label = f"{person.label} · moderator" if person.role == "moderator" else person.label
        self._name.setText(metrics.elidedText(label, Qt.TextElideMode.ElideRight, 150))
        self._name.setToolTip(escape(label))  # Qt takes what looks like markup for it
        self._more.setIcon(icons.icon("more", colours.text))
        self._more.setAccessibleName(f"What can be done with {person.label}")
        self.setAccessibleName(person.spoken())
        names = ["hand"] * (person.hand_at is not None) + ["pin"] * person.is_pinned
        names += ["mic-off"] * person.is_muted + ["camera-off"] * person.is_paused
        self._marks.setPixmap(_strip(names, colours.quiet, self.devicePixelRatioF()))

    def _ask(self) -> None:
        self.menu_wanted.emit(self._uid, self._more.mapToGlobal(QPoint(0, self._more.height())))

    def contextMenuEvent(self, event: Any) -> None:
        self.menu_wanted.emit(self._uid, event.globalPos())


def _strip(names: list[str], colour: str, ratio: float) -> Any:
    from PySide6.QtGui import QPainter, QPixmap

    size = 16
    picture = QPixmap(round(max(1, len(names) * (size + 6)) * ratio), round(size * ratio))
    picture.setDevicePixelRatio(ratio)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    for index, name in enumerate(names):
        painter.drawPixmap(index * (size + 6), 0, icons.pixmap(name, colour, size, ratio))
    painter.end()
    return picture
