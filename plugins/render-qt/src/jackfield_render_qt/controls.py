"""The buttons below the tiles. What does not fit goes into a menu."""

from __future__ import annotations

from typing import Any

from attrs import frozen
from PySide6.QtCore import QSize, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenu, QToolButton, QWidget

from jackfield_render_qt import icons
from jackfield_render_qt.colours import Colours


@frozen
class Button:
    """One button: ``name`` is what the call knows it by, or what the view does itself."""

    name: str
    hide: str
    icon: str
    words: str
    pressed_icon: str = ""
    pressed_words: str = ""
    pressed: str = "on"
    needs: str = ""
    key: str = ""
    of_pictures: bool = False


#: In their order; the ones further down go into the menu first.
BUTTONS = (
    Button("toggle_audio", "hide_toggle_audio_button", "mic", "Mute", "mic-off", "Unmute", "off", key="M"),
    Button(
        "toggle_video",
        "hide_toggle_video_button",
        "camera",
        "Turn the camera off",
        "camera-off",
        "Turn the camera on",
        "off",
        key="V",
        of_pictures=True,
    ),
    Button("screen_share", "hide_screen_sharing_button", "screen", "Share the screen", "", "Stop sharing", key="S"),
    Button("raise_hand", "hide_raise_hand_button", "hand", "Raise your hand", "", "Lower your hand", key="H"),
    Button("chat", "hide_chat_button", "chat", "Chat", "", "Close the chat", key="C"),
    Button("participant_list", "hide_participant_list_button", "people", "People", "", "Close the list", key="P"),
    Button("change_layout", "hide_change_layout_button", "layout", "Change the layout", key="L"),
    Button("captions", "hide_closed_caption_button", "captions", "Captions", "", "Hide captions"),
    Button("switch_camera", "hide_switch_camera_button", "flip", "Switch the camera", of_pictures=True),
    Button("audio_mode", "hide_audio_mode_button", "speaker", "Where sound comes out", needs="set_audio_mode"),
    Button(
        "background",
        "hide_virtual_background_button",
        "blur",
        "Background",
        needs="can_set_background",
        of_pictures=True,
    ),
    Button("recording_toggle", "hide_recording_button", "record", "Record", "", "Stop recording"),
    Button(
        "transcription",
        "hide_transcription_button",
        "captions",
        "Transcribe",
        "",
        "Stop transcribing",
        needs="start_transcription",
    ),
    Button("share_invite", "hide_share_invite_button", "link", "Invite somebody"),
)
SETTINGS = Button("settings", "", "settings", "Settings")
LEAVE = Button("leave_session", "hide_leave_session_button", "leave", "Leave")
_SIZE, _GAP = 46, 8


def shown_buttons(call: Any) -> list[Button]:
    """Those that the settings do not hide and the call can do, in order."""
    settings = call.settings
    is_voice = settings.type == "VOICE"
    return [
        each
        for each in BUTTONS
        if not getattr(settings, each.hide)
        and not (each.of_pictures and is_voice)
        and (not each.needs or bool(getattr(call, each.needs, False)))
    ]


class Controls(QWidget):
    """On Qt's thread. ``clicked`` tells the name of a button."""

    clicked = Signal(str)

    def __init__(self, call: Any, colours: Colours, parent: QWidget) -> None:
        super().__init__(parent)
        self._colours = colours
        self._pressed: dict[str, bool] = {}
        self._states: dict[str, str] = {}
        self._specs = [*shown_buttons(call), SETTINGS]
        if not call.settings.hide_leave_session_button:
            self._specs.append(LEAVE)
        self.buttons = {spec.name: self._button(spec) for spec in self._specs}
        self.more = QToolButton(self)
        self.more.setAccessibleName("More")
        self.more.setToolTip("More")
        self.more.setFixedSize(_SIZE, _SIZE)
        self.more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._menu = QMenu(self)
        self._menu.aboutToShow.connect(self._fill_menu)
        self.more.setMenu(self._menu)
        self._badge = _badge(self.buttons["chat"]) if "chat" in self.buttons else None
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 8, 12, 12)
        row.setSpacing(_GAP)
        row.addStretch(1)
        for spec in self._specs:
            if spec is LEAVE:
                row.addWidget(self.more)
            row.addWidget(self.buttons[spec.name])
        if LEAVE not in self._specs:
            row.addWidget(self.more)
        row.addStretch(1)
        self.setMinimumWidth(5 * (_SIZE + _GAP))
        self.setHidden(call.settings.hide_control_panel)
        self._in_menu: list[Button] = []
        self.colour(colours)

    def _button(self, spec: Button) -> QToolButton:
        button = QToolButton(self)
        button.setFixedSize(64 if spec is LEAVE else _SIZE, _SIZE)
        button.setIconSize(QSize(22, 22))
        if spec is LEAVE:
            button.setProperty("kind", "leave")
        button.clicked.connect(lambda: self.clicked.emit(spec.name))
        return button

    def show_state(self, pressed: dict[str, bool], unread: int) -> None:
        """Which buttons are pressed, and how many messages wait."""
        self._pressed = pressed
        for spec in self._specs:
            self._face(spec)
        if self._badge is not None:
            self._badge.setText(str(unread) if unread < 100 else "99+")
            self._badge.adjustSize()
            self._badge.setFixedWidth(max(18, self._badge.sizeHint().width() + 8))
            self._badge.move(self.buttons["chat"].width() - self._badge.width(), 0)
            self._badge.setVisible(unread > 0)
            if unread:
                self.buttons["chat"].setAccessibleName(f"Chat, {unread} unread")

    def colour(self, colours: Colours) -> None:
        """Other colours."""
        self._colours = colours
        self.more.setIcon(icons.icon("more", colours.text))
        for spec in self._specs:
            self._face(spec)

    def _face(self, spec: Button) -> None:
        button, is_pressed = self.buttons[spec.name], self._pressed.get(spec.name, False)
        state = spec.pressed if is_pressed else ""
        colour = self._colours.text
        if spec is LEAVE or state == "off":
            colour = "#ffffff"
        elif state == "on":
            colour = self._colours.on_accent
        button.setIcon(icons.icon(self._icon(spec), colour))
        words = self._words(spec)
        button.setAccessibleName(words)
        button.setToolTip(f"{words} ({spec.key})" if spec.key else words)
        if self._states.get(spec.name, "") != state:  # kept here: PySide's property() takes from None's count (6.12)
            self._states[spec.name] = state
            button.setProperty("state", state)
            button.style().unpolish(button)
            button.style().polish(button)

    def _icon(self, spec: Button) -> str:
        return spec.pressed_icon if self._pressed.get(spec.name) and spec.pressed_icon else spec.icon

    def _words(self, spec: Button) -> str:
        return spec.pressed_words if self._pressed.get(spec.name) and spec.pressed_words else spec.words

    # --- what fits
    def resizeEvent(self, event: Any) -> None:
        """As many as there is room for; leaving, and the first two, always."""
        fixed = 24 + ((64 + _GAP) if LEAVE in self._specs else 0)
        usual = [spec for spec in self._specs if spec is not LEAVE]
        room = (self.width() - fixed + _GAP) // (_SIZE + _GAP)
        fits = usual if len(usual) <= room else usual[: max(2, room - 1)]
        self._in_menu = usual[len(fits) :]
        for spec in usual:
            self.buttons[spec.name].setVisible(spec in fits)
        self.more.setVisible(bool(self._in_menu))

    def _fill_menu(self) -> None:
        self._menu.clear()
        for spec in self._in_menu:
            action = self._menu.addAction(icons.icon(self._icon(spec), self._colours.text), self._words(spec))
            action.triggered.connect(lambda _=False, name=spec.name: self.clicked.emit(name))


def _badge(button: QToolButton) -> QLabel:
    badge = QLabel(button)
    badge.setObjectName("badge")
    badge.setFixedHeight(18)
    badge.setContentsMargins(4, 0, 4, 0)
    badge.hide()
    return badge
