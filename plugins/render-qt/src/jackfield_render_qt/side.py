"""The panel at the side, with the people or with the chat in it."""

from __future__ import annotations

from typing import Any, Literal

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QStackedLayout, QToolButton, QVBoxLayout, QWidget

from jackfield_render_qt import icons
from jackfield_render_qt.chat import ChatPane
from jackfield_render_qt.colours import Colours
from jackfield_render_qt.roster import Roster

WIDTH = 320
Pane = Literal["people", "chat"]


class SidePanel(QWidget):
    """On Qt's thread; one of its panes is to be seen, or the panel is hidden. ``closed`` tells of its own button."""

    closed = Signal()
    toggled = Signal()

    def __init__(self, colours: Colours, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("side")
        self.setFixedWidth(WIDTH)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.people, self.chat = Roster(colours, self), ChatPane(colours, self)
        self._title = QLabel(self)
        self._title.setObjectName("title")
        self._close = QToolButton(self)
        self._close.setProperty("kind", "flat")
        self._close.setFixedSize(32, 32)
        self._close.setAccessibleName("Close this panel")
        self._close.clicked.connect(self.closed)
        head = QHBoxLayout()
        head.addWidget(self._title, 1)
        head.addWidget(self._close)
        self._panes = QStackedLayout()
        self._panes.addWidget(self.people)
        self._panes.addWidget(self.chat)
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 10, 12, 12)
        column.addLayout(head)
        column.addLayout(self._panes, 1)
        self.colour(colours)
        self.hide()

    @property
    def pane(self) -> Pane | None:
        """What is to be seen in it."""
        if self.isHidden():
            return None
        return "chat" if self._panes.currentWidget() is self.chat else "people"

    def open(self, pane: Pane) -> None:
        """This pane is to be seen."""
        self._panes.setCurrentWidget(self.chat if pane == "chat" else self.people)
        self._title.setText("Chat" if pane == "chat" else "People")
        self.show()
        (self.chat.line if pane == "chat" else self.people.search).setFocus()

    def showEvent(self, event: Any) -> None:
        """It is there."""
        self.toggled.emit()

    def hideEvent(self, event: Any) -> None:
        """It is not."""
        self.toggled.emit()

    def colour(self, colours: Colours) -> None:
        """Other colours."""
        self._close.setIcon(icons.icon("close", colours.text))
        self.chat.colour(colours)
