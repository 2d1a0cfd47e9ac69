"""The dialog where camera, microphone and loudspeaker are chosen, with a meter of the microphone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QRectF, QSize, Qt, QTimer
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QComboBox, QDialog, QFormLayout, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from jackfield_render_qt.colours import Colours, style_sheet
from jackfield_render_qt.crossing import Crossing

_KINDS = {"camera": "Camera", "microphone": "Microphone", "speaker": "Loudspeaker"}
_METER_EVERY_MS = 100


class SettingsDialog(QDialog):
    """On Qt's thread; it blocks nothing. What is chosen is in use at once."""

    def __init__(self, call: Any, crossing: Crossing, colours: Colours, failed: Callable[[str], None], parent: QWidget):
        super().__init__(parent)
        self._call, self._crossing, self._failed = call, crossing, failed
        self.setWindowTitle("Settings")
        self.setObjectName("jackfield")
        self.setStyleSheet(style_sheet(colours))
        self.setMinimumWidth(420)
        form = QFormLayout()
        form.setSpacing(12)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        self.boxes: dict[str, QComboBox] = {}
        self.meter = Meter(colours, self)
        for kind, words in _KINDS.items():
            if kind == "camera" and call.settings.type == "VOICE":
                continue
            box = self.boxes[kind] = QComboBox(self)
            box.setAccessibleName(words)
            box.setMinimumContentsLength(24)
            box.activated.connect(lambda index, kind=kind: self._choose(kind, index))
            form.addRow(words, box)
            if kind == "microphone":
                form.addRow("", self.meter)
        done = QPushButton("Done", self)
        done.setDefault(True)
        done.clicked.connect(self.accept)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(done)
        title = QLabel("Settings", self)
        title.setObjectName("title")
        column = QVBoxLayout(self)
        column.setContentsMargins(22, 18, 22, 18)
        column.setSpacing(16)
        column.addWidget(title)
        column.addLayout(form)
        column.addLayout(row)
        self._tick = QTimer(self)
        self._tick.timeout.connect(self._measure)
        self.fill()

    def fill(self) -> None:
        """What is there now, and what is in use."""
        for kind, box in self.boxes.items():
            there, used = self._call.devices(kind), self._call.device(kind)
            box.clear()
            for device in there:
                note = "" if device.state == "ready" else f" ({device.state})"
                box.addItem(f"{device.label}{note}", device.id)
            if not there:
                box.addItem("None is connected")
            box.setEnabled(bool(there))
            at = next((index for index, device in enumerate(there) if used and device.id == used.id), -1)
            box.setCurrentIndex(at if there else 0)
            if there and at < 0:
                box.setPlaceholderText("Not in use")

    def _choose(self, kind: str, index: int) -> None:
        wish = self.boxes[kind].itemData(index)
        if wish is not None:
            change = getattr(self._call, f"set_{kind}")
            self._crossing.task(lambda: change(wish), self._refused)

    def _refused(self, words: str) -> None:
        self.fill()
        self._failed(words)

    def _measure(self) -> None:
        self.meter.show_level(0.0 if self._call.is_audio_muted else self._call.local.audio_level)

    def showEvent(self, event: Any) -> None:
        """The meter runs while it is to be seen."""
        self.fill()
        self._tick.start(_METER_EVERY_MS)

    def hideEvent(self, event: Any) -> None:
        """And rests."""
        self._tick.stop()


class Meter(QWidget):
    """How loud it is, from 0 to 1."""

    _STEPS = 24

    def __init__(self, colours: Colours, parent: QWidget) -> None:
        super().__init__(parent)
        self._colours, self._level = colours, 0.0
        self.setFixedHeight(12)
        self.setAccessibleName("Microphone level")

    def sizeHint(self) -> QSize:
        """Wide and low."""
        return QSize(240, 12)

    def show_level(self, level: float) -> None:
        """This loud at the moment; it falls slowly."""
        level = max(min(1.0, level), self._level * 0.8 if self._level > 0.02 else 0.0)
        if level != self._level:
            self._level = level
            self.update()

    def paintEvent(self, event: Any) -> None:
        """A row of small bars."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        width = self.width() / self._STEPS
        for step in range(self._STEPS):
            is_lit = step < round(self._level**0.5 * self._STEPS)
            painter.setBrush(QColor(self._colours.accent if is_lit else self._colours.line))
            painter.drawRoundedRect(QRectF(step * width, 0, width - 3, self.height()), 3, 3)
