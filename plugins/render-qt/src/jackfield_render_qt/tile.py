"""One person's picture, or one shared screen: what is painted, and when pictures are taken for it."""

from __future__ import annotations

from typing import Any, Literal

from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QBitmap,
    QColor,
    QContextMenuEvent,
    QFont,
    QFontMetrics,
    QKeyEvent,
    QPainter,
    QPainterPath,
    QPen,
)
from PySide6.QtWidgets import QWidget

from jackfield.values.names import isolated
from jackfield_render_qt import icons
from jackfield_render_qt.colours import Colours, of_person
from jackfield_render_qt.people import Person
from jackfield_render_qt.scaling import Fit, Picture, Slot

_RADIUS = 12.0


class Tile(QWidget):
    """``watched`` and ``unwatched`` are told as it is shown and hidden: only then is anything decoded for it."""

    watched = Signal()
    unwatched = Signal()
    menu_wanted = Signal(object)

    def __init__(self, key: str, uid: str, source: Literal["camera", "screen"], parent: QWidget) -> None:
        super().__init__(parent)
        self.key, self.uid, self.source = key, uid, source
        self.slot = Slot()
        self.slot.came.connect(self._came)
        self.is_off = True
        #: Whether it lies over another tile.
        self.is_above = False
        self._picture: Picture | None = None
        self._person = Person(uid, uid)
        self._colours: Colours | None = None
        self._ground = ""
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)

    # --- what it shows
    def show_person(self, person: Person, colours: Colours) -> None:
        """This is who it is, in these colours."""
        if (person, colours) == (self._person, self._colours):
            return
        self._person, self._colours = person, colours
        self.setAccessibleName(person.spoken(self.source))
        self._aim()
        self.update()

    def set_off(self, is_off: bool) -> None:
        """There is no picture: initials instead, and what was the last one is forgotten."""
        if is_off:
            self.slot.picture = self._picture = None
        if is_off is not self.is_off:
            self.is_off = is_off
            self.update()

    def set_above(self, is_above: bool) -> None:
        """It lies over another tile, which is to be seen around its round corners."""
        if is_above is not self.is_above:
            self.is_above = is_above
            self._cut()
        if is_above:
            self.raise_()

    def _cut(self) -> None:
        if not self.is_above:
            self.clearMask()
            return
        shape = QBitmap(self.size())
        shape.clear()
        painter = QPainter(shape)
        painter.setBrush(Qt.GlobalColor.color1)
        painter.drawRoundedRect(self.rect().adjusted(0, 0, -1, -1), _RADIUS, _RADIUS)
        painter.end()
        self.setMask(shape)

    @property
    def has_picture(self) -> bool:
        """Whether a picture is painted."""
        return self._picture is not None and not self.is_off

    def _came(self) -> None:
        picture = self.slot.taken()
        if picture is not None and not self.is_off:
            self._picture = picture
            self.update()

    def _aim(self) -> None:
        """The size of the next picture, in pixels of the screen."""
        ratio = self.devicePixelRatioF()
        mirrored = self._person.is_local and self.source == "camera"
        size = round(self.width() * ratio), round(self.height() * ratio)
        self.slot.fit = Fit(*size, self.source == "screen", mirrored) if min(size) >= 2 else None

    # --- Qt's
    def resizeEvent(self, event: Any) -> None:
        """Another size."""
        self._aim()
        self._cut()

    def showEvent(self, event: Any) -> None:
        """It is to be seen."""
        self._aim()
        self.watched.emit()

    def hideEvent(self, event: Any) -> None:
        """It is not."""
        self.unwatched.emit()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """What can be done to this person."""
        self.menu_wanted.emit(event.globalPos())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Space and Enter open the menu."""
        if event.key() in (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.menu_wanted.emit(self.mapToGlobal(QPoint(12, 12)))
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: Any) -> None:
        """The ring shows where the keyboard is."""
        self.update()

    def focusOutEvent(self, event: Any) -> None:
        """And no more."""
        self.update()

    def paintEvent(self, event: Any) -> None:
        """Picture or initials, then the name and what else there is to say, then the ring and the round corners."""
        colours = self._colours
        painter = QPainter(self)
        if colours is None:
            painter.fillRect(self.rect(), QColor("#1f2925"))
            return
        if self.has_picture:
            self._paint_picture(painter, colours)
        else:
            self._paint_initials(painter, colours)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_words(painter)
        self._paint_edge(painter, colours)

    def _paint_picture(self, painter: QPainter, colours: Colours) -> None:
        assert self._picture is not None
        image = self._picture.image
        size = QSize(round(image.width() / self.devicePixelRatioF()), round(image.height() / self.devicePixelRatioF()))
        target = QRect(QPoint((self.width() - size.width()) // 2, (self.height() - size.height()) // 2), size)
        if not target.contains(self.rect()):
            painter.fillRect(self.rect(), QColor("#000000" if self.source == "screen" else colours.tile))
        fit = self.slot.fit
        if fit is not None and fit != self._picture.fit:  # it was made for another size, a moment ago
            wanted = fit.size_of(image.width(), image.height())
            ratio = self.devicePixelRatioF()
            size = QSize(round(wanted[0] / ratio), round(wanted[1] / ratio))
            target = QRect(QPoint((self.width() - size.width()) // 2, (self.height() - size.height()) // 2), size)
        painter.drawImage(target, image)

    def _paint_initials(self, painter: QPainter, colours: Colours) -> None:
        painter.fillRect(self.rect(), QColor(colours.tile))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.source == "screen":
            size = max(24, min(self.width(), self.height()) // 4)
            drawing = icons.pixmap("screen", colours.quiet, size, self.devicePixelRatioF())
            painter.drawPixmap((self.width() - size) // 2, (self.height() - size) // 2, drawing)
            return
        size = min(120.0, min(self.width(), self.height()) * 0.46)
        circle = QRectF((self.width() - size) / 2, (self.height() - size) / 2, size, size)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(of_person(self._person.uid))
        painter.drawEllipse(circle)
        font = QFont(self.font())
        font.setPixelSize(max(10, round(size * 0.38)))
        font.setWeight(QFont.Weight.DemiBold)
        painter.setFont(font)
        painter.setPen(QColor("#ffffff"))
        painter.drawText(circle, Qt.AlignmentFlag.AlignCenter, self._person.initials)

    def _paint_words(self, painter: QPainter) -> None:
        """The name at the lower left with its badges, a raised hand at the upper left."""
        person, small = self._person, self.height() < 110
        font = QFont(self.font())
        font.setPixelSize(11 if small else 13)
        font.setWeight(QFont.Weight.DemiBold)
        painter.setFont(font)
        marks = []
        if self.source == "camera":
            marks = [("mic-off", "#ff9c9c")] * person.is_muted + [("pin", "#ffffff")] * person.is_pinned
        words = f"{isolated(person.name)}’s screen" if self.source == "screen" else person.label
        self._pill(painter, QPoint(8, self.height() - 8), words, marks)
        if person.hand_at is not None and self.source == "camera":
            self._round(painter, QRectF(8, 8, 30, 30), "hand", "#ffd993")
        if person.quality in ("poor", "lost") and self.source == "camera":
            self._round(painter, QRectF(self.width() - 38, 8, 30, 30), "network", "#ff9c9c")

    def _pill(self, painter: QPainter, corner: QPoint, words: str, marks: list[tuple[str, str]]) -> None:
        metrics = QFontMetrics(painter.font())
        height = metrics.height() + 8
        beside = len(marks) * (metrics.height() + 3)
        room = self.width() - 2 * corner.x() - 20 - beside
        if room < 16:
            return
        shown = metrics.elidedText(words, Qt.TextElideMode.ElideRight, room)
        width = metrics.horizontalAdvance(shown) + 20 + beside
        box = QRectF(corner.x(), corner.y() - height, width, height)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(8, 12, 11, 190))
        painter.drawRoundedRect(box, height / 2, height / 2)
        left = box.left() + 10
        for name, colour in marks:
            drawing = icons.pixmap(name, colour, metrics.height(), self.devicePixelRatioF())
            painter.drawPixmap(QPointF(left - 2, box.top() + 4), drawing)
            left += metrics.height() + 3
        painter.setPen(QColor("#ffffff"))
        painter.drawText(QRectF(left, box.top(), width, height), Qt.AlignmentFlag.AlignVCenter, shown)

    def _round(self, painter: QPainter, box: QRectF, name: str, colour: str) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(8, 12, 11, 190))
        painter.drawEllipse(box)
        drawing = icons.pixmap(name, colour, 18, self.devicePixelRatioF())
        painter.drawPixmap(QPointF(box.center().x() - 9, box.center().y() - 9), drawing)

    def _paint_edge(self, painter: QPainter, colours: Colours) -> None:
        """Only the corners are touched where nobody speaks: a picture is not painted twice."""
        shape = QPainterPath()
        shape.addRoundedRect(QRectF(self.rect()), _RADIUS, _RADIUS)
        outside = QPainterPath()
        outside.addRect(QRectF(self.rect()))
        if not self.is_above:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(colours.ground))
            painter.drawPath(outside.subtracted(shape))
        ring = colours.accent if self._person.is_speaking and self.source == "camera" else ""
        ring = colours.text if self.hasFocus() else ring
        if ring:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(ring), 3))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1.5, 1.5, -1.5, -1.5), _RADIUS - 1, _RADIUS - 1)
