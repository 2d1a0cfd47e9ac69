"""The line above the tiles: title, recording, timer, how many are here, the network."""

from __future__ import annotations

import time
from html import escape
from typing import Any

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QWidget

from jackfield_render_qt import icons
from jackfield_render_qt.colours import Colours

_QUALITY = {
    "excellent": "The network is excellent",
    "good": "The network is good",
    "poor": "The network is poor",
    "lost": "The connection is lost",
}


class Header(QWidget):
    """On Qt's thread. What the settings hide is not there."""

    def __init__(self, call: Any, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("header")
        settings = call.settings
        self._since = call.joined_at
        self.title = QLabel(settings.title or call.session_id, self)
        self.title.setObjectName("title")
        self.title.setTextFormat(Qt.TextFormat.PlainText)
        self.title.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.title.setToolTip(escape(self.title.text()))  # Qt takes what looks like markup for it
        self.recording = QLabel("● REC", self)
        self.recording.setObjectName("recording")
        self.recording.setAccessibleName("This call is being recorded")
        self.recording.setToolTip("This call is being recorded")
        self.timer, self.people, self.network = QLabel("0:00", self), QLabel(self), QLabel(self)
        self._people_icon = QLabel(self)
        for label in (self.timer, self.people):
            label.setProperty("quiet", "true")
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 8, 16, 6)
        row.setSpacing(10)
        row.addWidget(self.title, 1)
        for label in (self.recording, self.network, self.timer, self._people_icon, self.people):
            row.addWidget(label)
        self.recording.hide()
        self.timer.setHidden(settings.hide_session_timer)
        self.network.setHidden(settings.hide_network_indicator)
        self.setHidden(settings.hide_header_panel)
        self._tick = QTimer(self)
        self._tick.timeout.connect(self._show_time)
        self._tick.start(1000)

    def show_state(self, *, people: int, is_recording: bool, quality: str, colours: Colours) -> None:
        """How it is at the moment."""
        ratio = self.devicePixelRatioF()
        self.people.setText(str(people))
        self.people.setAccessibleName(f"{people} people are here" if people != 1 else "Only you are here")
        self._people_icon.setPixmap(icons.pixmap("people", colours.quiet, 18, ratio))
        self.recording.setVisible(is_recording)
        bad = quality in ("poor", "lost")
        self.network.setPixmap(icons.pixmap("network", colours.danger_text if bad else colours.quiet, 18, ratio))
        words = _QUALITY.get(quality, "The network has not been measured yet")
        self.network.setAccessibleName(words)
        self.network.setToolTip(words)

    def _show_time(self) -> None:
        seconds = max(0, int(time.time() - self._since))
        hours, minutes = seconds // 3600, seconds // 60 % 60
        shown = f"{hours}:{minutes:02}:{seconds % 60:02}" if hours else f"{minutes}:{seconds % 60:02}"
        self.timer.setText(shown)
        self.timer.setAccessibleName(f"In the call for {shown}")
