"""The chat: what was written, and a line to write."""

from __future__ import annotations

import time
from typing import Any

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QScrollArea, QToolButton, QVBoxLayout, QWidget

from jackfield.values.names import isolated
from jackfield_render_qt import icons
from jackfield_render_qt.colours import Colours
from jackfield_render_qt.people import called

#: So many messages are widgets, and so much of each is shown.
_MOST, _LONGEST = 200, 4000


class ChatPane(QWidget):
    """On Qt's thread. ``written`` tells what was typed. Messages are shown as they are: no markup is followed."""

    written = Signal(str)

    def __init__(self, colours: Colours, parent: QWidget) -> None:
        super().__init__(parent)
        self._shown: dict[str, QWidget] = {}
        self._scroll = QScrollArea(self)
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        inside = QWidget()
        inside.setObjectName("chatlog")
        self._column = QVBoxLayout(inside)
        self._column.setContentsMargins(0, 0, 6, 0)
        self._column.setSpacing(8)
        self._empty = QLabel("Nothing has been written yet.", inside)
        self._empty.setProperty("quiet", "true")
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._column.addWidget(self._empty)
        self._column.addStretch(1)
        self._scroll.setWidget(inside)
        self.line = QLineEdit(self)
        self.line.setPlaceholderText("Write to everyone")
        self.line.setAccessibleName("Message to everyone")
        self.line.returnPressed.connect(self._send)
        self._button = QToolButton(self)
        self._button.setProperty("kind", "flat")
        self._button.setFixedSize(36, 36)
        self._button.setAccessibleName("Send")
        self._button.setToolTip("Send")
        self._button.clicked.connect(self._send)
        row = QHBoxLayout()
        row.addWidget(self.line, 1)
        row.addWidget(self._button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._scroll, 1)
        column.addLayout(row)
        self.colour(colours)

    def colour(self, colours: Colours) -> None:
        """Other colours."""
        self._button.setIcon(icons.icon("send", colours.text))

    def show_messages(self, messages: Any) -> None:
        """All that were written; only new ones are added."""
        for message in list(messages)[-_MOST:]:
            if message.id not in self._shown:
                self._add(message)
        while len(self._shown) > _MOST:
            oldest = self._shown.pop(next(iter(self._shown)))
            self._column.removeWidget(oldest)
            oldest.deleteLater()
        self._empty.setHidden(bool(self._shown))

    def _add(self, message: Any) -> None:
        box = QWidget()
        column = QVBoxLayout(box)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        name = "You" if message.is_own else called(message.participant)
        head = _label(f"{isolated(name)} · {time.strftime('%H:%M', time.localtime(message.sent_at))}")
        head.setProperty("quiet", "true")
        text = message.text if len(message.text) <= _LONGEST else message.text[:_LONGEST] + "…"
        bubble = _label(_breakable(text))
        bubble.setObjectName("bubble")
        bubble.setProperty("own", "true" if message.is_own else "false")
        bubble.setWordWrap(True)
        bubble.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        side = Qt.AlignmentFlag.AlignRight if message.is_own else Qt.AlignmentFlag.AlignLeft
        column.addWidget(head, 0, side)
        column.addWidget(bubble)
        box.setAccessibleName(f"{name}: {text[:200]}")
        self._shown[message.id] = box
        self._column.insertWidget(self._column.count() - 1, box)
        bar = self._scroll.verticalScrollBar()
        QTimer.singleShot(0, bar, lambda: bar.setValue(bar.maximum()))

    def _send(self) -> None:
        text = self.line.text()
        if text.strip():
            self.line.clear()
            self.written.emit(text)


def _label(text: str) -> QLabel:
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    return label


def _breakable(text: str) -> str:
    """Words longer than a line may be broken (at zero-width spaces), so that they do not widen the window."""
    words = text.split(" ")
    return " ".join(
        word if len(word) <= 24 else "\u200b".join(word[at : at + 24] for at in range(0, len(word), 24))
        for word in words
    )
