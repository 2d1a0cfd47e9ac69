"""What lies over the tiles for a while: toasts, captions, the veil while reconnecting, the idle prompt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from jackfield.values.names import isolated

#: Toasts and captions are there for so long.
TOAST_MS, CAPTION_MS = 4000, 6000
_MOST_TOASTS = 3


class Toasts(QWidget):
    """A few lines at the top, the newest below."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(6)
        self._labels: list[QLabel] = []
        self.hide()

    def say(self, words: str) -> None:
        """Shows this for a few seconds, and tells it to a screen reader."""
        label = QLabel(words if len(words) < 240 else words[:239] + "…", self)
        label.setObjectName("toast")
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        label.setAccessibleName(words)
        self._size(label)
        self._labels.append(label)
        self._column.addWidget(label, 0, Qt.AlignmentFlag.AlignHCenter)
        while len(self._labels) > _MOST_TOASTS:
            self._drop(self._labels[0])
        QTimer.singleShot(TOAST_MS, label, lambda: self._drop(label))
        self.place()

    def _size(self, label: QLabel) -> None:
        """As wide as its words, in several lines where they would not fit into one."""
        label.ensurePolished()
        widest = min(520, max(60, self.parentWidget().width() - 60))
        if label.sizeHint().width() > widest:
            label.setWordWrap(True)
            label.setFixedSize(widest, label.heightForWidth(widest))
        else:
            label.setFixedSize(label.sizeHint())
        label.show()

    def _drop(self, label: QLabel) -> None:
        if label in self._labels:
            self._labels.remove(label)
            self._column.removeWidget(label)
            label.hide()
            label.deleteLater()
            self.place()

    def place(self) -> None:
        """In the middle, near the top."""
        parent = self.parentWidget()
        assert parent is not None
        self.setVisible(bool(self._labels))
        width = min(560, max(40, parent.width() - 40))
        spacing = self._column.spacing() * max(0, len(self._labels) - 1)
        self.setFixedSize(width, max(1, sum(label.height() for label in self._labels) + spacing))
        self.move((parent.width() - width) // 2, 54)
        self.raise_()


class CaptionLine(QLabel):
    """The newest words that are said, near the bottom of the stage."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("captions")
        self.setWordWrap(True)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        #: So far above the lower edge.
        self.above = 24
        self._gone = QTimer(self, singleShot=True)
        self._gone.timeout.connect(self.hide)
        self.hide()

    def say(self, who: str, words: str) -> None:
        """These are the newest."""
        words = words if len(words) <= 220 else "…" + words[-219:]
        self.setText(f"{isolated(who)}: {words}" if who else words)
        self.setVisible(bool(words.strip()))
        self._gone.start(CAPTION_MS)
        self.place()

    def place(self) -> None:
        """In the middle, near the bottom."""
        parent = self.parentWidget()
        assert parent is not None
        width = min(640, max(60, parent.width() - 48))
        self.setFixedWidth(min(width, self.fontMetrics().horizontalAdvance(self.text()) + 60))
        self.adjustSize()
        self.move((parent.width() - self.width()) // 2, parent.height() - self.height() - self.above)
        self.raise_()


class Veil(QWidget):
    """Over everything, with words and perhaps buttons in the middle."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("veil")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.words = QLabel(self)
        self.words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.words.setWordWrap(True)
        self._row = QHBoxLayout()
        self._row.setSpacing(10)
        column = QVBoxLayout(self)
        column.addStretch(1)
        column.addWidget(self.words)
        column.addSpacing(12)
        column.addLayout(self._row)
        column.addStretch(1)
        self._row.addStretch(1)
        self._row.addStretch(1)
        self.hide()

    def button(self, words: str, act: Callable[[], None], *, is_default: bool = False) -> QPushButton:
        """One more button."""
        button = QPushButton(words, self)
        button.setDefault(is_default)
        button.clicked.connect(lambda: act())
        self._row.insertWidget(self._row.count() - 1, button)
        return button

    def say(self, words: str) -> None:
        """It is there, with these words."""
        self.words.setText(words)
        self.setAccessibleName(words)
        self.place()
        self.show()
        self.raise_()

    def place(self) -> None:
        """Over all of its parent."""
        parent = self.parentWidget()
        assert parent is not None
        self.setGeometry(parent.rect())


class IdlePrompt(Veil):
    """Are you still there? With the seconds that are left."""

    def __init__(self, parent: QWidget, stay: Callable[[], None], leave: Callable[[], None]) -> None:
        super().__init__(parent)
        self.stay = self.button("I’m still here", stay, is_default=True)
        self.button("Leave now", leave)
        self._left_s = 0
        self._tick = QTimer(self)
        self._tick.timeout.connect(self._count)

    def ask(self, seconds: float) -> None:
        """Begins to count down."""
        self._left_s = round(seconds)
        self._show()
        self._tick.start(1000)
        self.stay.setFocus()

    def end(self) -> None:
        """Somebody answered."""
        self._tick.stop()
        self.hide()

    def _count(self) -> None:
        self._left_s = max(0, self._left_s - 1)
        self._show()

    def _show(self) -> None:
        minutes, seconds = divmod(self._left_s, 60)
        self.say(f"You are the only one here.\nThe call ends for you in {minutes}:{seconds:02}")


def placed(*overlays: Any) -> None:
    """Each where it belongs, after its parent got another size."""
    for overlay in overlays:
        if overlay.isVisible():
            overlay.place()
