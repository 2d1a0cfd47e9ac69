"""The whole widget: tiles, header, buttons, panels; and what happens in the call put into them."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QEvent, QPoint, Qt, QTimer
from PySide6.QtGui import QGuiApplication, QKeySequence, QShortcut
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QVBoxLayout, QWidget

from jackfield.values.names import isolated
from jackfield_render_qt.colours import colours_for, style_sheet
from jackfield_render_qt.controls import BUTTONS, Controls
from jackfield_render_qt.crossing import Crossing
from jackfield_render_qt.header import Header
from jackfield_render_qt.menus import Menus
from jackfield_render_qt.overlays import CaptionLine, IdlePrompt, Toasts, Veil, placed
from jackfield_render_qt.people import Person, called, person
from jackfield_render_qt.settings_dialog import SettingsDialog
from jackfield_render_qt.side import WIDTH, SidePanel
from jackfield_render_qt.stage import Stage, screen_key

#: Who speaks is looked at so often; everything else is told by events.
_LOOK_EVERY_MS = 250
#: Below this width a panel lies over the tiles instead of beside them.
_NARROW = 720


class CallView(QWidget):
    """A call. On Qt's thread; `look` shows everything as it is now."""

    def __init__(self, call: Any, crossing: Crossing, wish: str) -> None:
        super().__init__()
        self._call, self._crossing, self._wish = call, crossing, wish
        self.setObjectName("jackfield")
        self.setWindowTitle(call.settings.title or call.session_id)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setMinimumSize(320, 240)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.resize(960, 600)
        self.colours = colours_for(wish, self.palette())
        self.shows_captions = False
        self.is_over = False
        self.header = Header(call, self)
        self.stage = Stage(call, crossing, self.colours, self)
        self.side = SidePanel(self.colours, self)
        self.controls = Controls(call, self.colours, self)
        self._lay_out()
        self.menus = Menus(call, crossing, self.say, self)
        self.toasts, self.captions = Toasts(self), CaptionLine(self.stage)
        self.veil = Veil(self)
        self.idle = IdlePrompt(self, self._stay, lambda: self.press("leave_session"))
        self.dialog: SettingsDialog | None = None
        self.setStyleSheet(style_sheet(self.colours))
        self._connect()
        self._soon = QTimer(self, singleShot=True)
        self._soon.timeout.connect(self.look)
        self._tick = QTimer(self)
        self._tick.timeout.connect(self.look)
        self._tick.start(_LOOK_EVERY_MS)
        self.look()

    def _lay_out(self) -> None:
        self._middle = QHBoxLayout()
        self._middle.setContentsMargins(0, 0, 0, 0)
        self._middle.setSpacing(0)
        self._middle.addWidget(self.stage, 1)
        self._middle.addWidget(self.side)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.header)
        column.addLayout(self._middle, 1)
        column.addWidget(self.controls)

    def _connect(self) -> None:
        self.controls.clicked.connect(self.press)
        self.stage.menu_wanted.connect(self._person_menu)
        self.side.people.menu_wanted.connect(self._person_menu)
        self.side.chat.written.connect(self._write)
        self.side.closed.connect(self._close_side)
        self.side.toggled.connect(self._make_room)
        for spec in BUTTONS:
            if spec.key and spec.name in self.controls.buttons:
                shortcut = QShortcut(QKeySequence(spec.key), self)
                shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
                shortcut.activated.connect(lambda name=spec.name: self.press(name))

    # --- what is shown
    def soon(self) -> None:
        """Something happened: everything is looked at once what else happened with it is known."""
        if not self._soon.isActive():
            self._soon.start(0)

    def look(self) -> None:
        """Everything is as the call is now."""
        if self.is_over:
            return
        call = self._call
        pinned = call.pinned.uid if call.pinned is not None else None
        people = [person(each, pinned) for each in (*call.participants.values(), call.local)]
        small = call.is_picture_in_picture
        layout = "SPOTLIGHT" if small else call.shown_layout
        self.stage.show_people(self._shown(people, small), self._main(people), layout, self.colours)
        quality = call.local.network_quality
        is_recording = call.is_recording
        self.header.show_state(people=len(people), is_recording=is_recording, quality=quality, colours=self.colours)
        self.header.setHidden(call.settings.hide_header_panel or small)
        self.controls.setHidden(call.settings.hide_control_panel or small)
        self.side.people.show_people(people, self.colours)
        self.side.chat.show_messages(call.chat)
        self._show_list(call.is_participant_list_visible)
        self.controls.show_state(self._pressed(), call.chat_unread_count)

    def _shown(self, people: list[Person], small: bool) -> list[Person]:
        main = self._call.main_participant
        if not small or main is None:
            return people
        return [each for each in people if each.uid == main.uid]

    def _main(self, people: list[Person]) -> str | None:
        main = self._call.main_participant
        if main is None:
            return people[0].uid if people else None
        return screen_key(main.uid) if main is self._call.presenter else str(main.uid)

    def _show_list(self, is_visible: bool) -> None:
        if is_visible and self.side.pane != "people" and not self._list_was:
            self.side.open("people")
        elif not is_visible and self._list_was and self.side.pane == "people":
            self.side.hide()
        self._list_was = is_visible

    _list_was = False

    def _pressed(self) -> dict[str, bool]:
        call = self._call
        return {
            "toggle_audio": call.is_audio_muted,
            "toggle_video": call.is_video_paused,
            "raise_hand": call.is_hand_raised,
            "screen_share": call.is_screen_sharing,
            "recording_toggle": call.is_recording,
            "transcription": getattr(call, "is_transcribing", False),
            "chat": self.side.pane == "chat",
            "participant_list": self.side.pane == "people",
            "captions": self.shows_captions,
        }

    # --- what is told
    def say(self, words: str) -> None:
        """A line that goes by itself."""
        self.toasts.say(words)

    def heard_message(self, message: Any) -> None:
        """Somebody wrote: in the open chat, or on the button and as a toast."""
        if self.side.pane == "chat":
            self._crossing.call(lambda: self._call.set_chat_button_unread_count(0))
        elif not message.is_own and not self._call.settings.hide_chat_button:
            text = " ".join(message.text.split())
            self.say(f"{isolated(called(message.participant, 40))}: {text[:80]}{'…' if len(text) > 80 else ''}")
        self.soon()

    def heard_words(self, line: Any) -> None:
        """Somebody said this."""
        if self.shows_captions:
            self.captions.above = self.stage.free_above
            self.captions.say(called(line.participant, 40) if line.participant else "", line.text)

    def over(self, words: str) -> None:
        """The call has ended."""
        if not self.is_over:
            self.is_over = True
            self._tick.stop()
            self.stage.stop()
            self.idle.end()
            if self.dialog is not None:
                self.dialog.close()
            self.veil.say(words)

    # --- what is pressed
    def press(self, name: str) -> None:
        """One of the buttons."""
        match name:
            case "settings":
                self._open_settings()
            case "captions":
                self.shows_captions = not self.shows_captions
                self.captions.hide()
                self.soon()
            case "audio_mode":
                self._popup(self.menus.audio_modes(self.colours), name)
            case "background":
                self._popup(self.menus.backgrounds(self.colours, self._choose_image), name)
            case "transcription":
                self._crossing.task(self._transcribe, self.say)
            case _:
                self._crossing.task(lambda: self._press(name), self.say)

    async def _press(self, name: str) -> None:
        acted = await self._call.press(name)
        if acted and name == "chat":
            self._crossing.gui(self._toggle_chat)
        self._crossing.gui(self.soon)

    async def _transcribe(self) -> None:
        call = self._call
        await (call.stop_transcription() if call.is_transcribing else call.start_transcription())
        self._crossing.gui(self.soon)

    def _toggle_chat(self) -> None:
        if self.side.pane == "chat":
            self.side.hide()
            return
        self.side.open("chat")
        if self._call.is_participant_list_visible:
            self._crossing.call(self._call.hide_participant_list)
        self._list_was = False

    def _close_side(self) -> None:
        self.side.hide()
        self._crossing.call(self._call.hide_participant_list)
        self.soon()

    def _write(self, text: str) -> None:
        self._crossing.task(lambda: self._call.send_chat(text), self.say)

    def _stay(self) -> None:
        self._crossing.call(self._call.stay)

    def _open_settings(self) -> None:
        if self.dialog is None:
            self.dialog = SettingsDialog(self._call, self._crossing, self.colours, self.say, self)
        self.dialog.open()

    def _choose_image(self) -> None:
        dialog = QFileDialog(self, "A picture as background", "", "Pictures (*.png *.jpg *.jpeg *.webp)")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(
            lambda path: self._crossing.task(lambda: self._call.set_background_image(path), self.say)
        )
        dialog.open()

    def _person_menu(self, uid: str, where: QPoint) -> None:
        self.menus.of_person(uid, self.colours).popup(where)

    def _popup(self, menu: Any, button: str) -> None:
        widget = self.controls.buttons[button]
        widget = widget if widget.isVisible() else self.controls.more
        menu.popup(widget.mapToGlobal(QPoint(0, -menu.sizeHint().height() - 4)))

    def _make_room(self) -> None:
        narrow = self.width() < _NARROW
        self.side.setFixedWidth(self.width() if narrow else WIDTH)
        self.stage.setHidden(narrow and not self.side.isHidden())

    # --- Qt's
    def resizeEvent(self, event: Any) -> None:
        """Overlays follow; a panel has the whole width where there is little."""
        self._make_room()
        placed(self.toasts, self.captions, self.veil, self.idle)

    def showEvent(self, event: Any) -> None:
        """The keys work at once."""
        self.setFocus()

    def changeEvent(self, event: QEvent) -> None:
        """The application turned dark, or light."""
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "_tick"):
            colours = colours_for(self._wish, QGuiApplication.palette())
            if colours is not self.colours:
                self.colours = colours
                self.setStyleSheet(style_sheet(colours))
                self.controls.colour(colours)
                self.side.colour(colours)
                self.soon()
        elif event.type() == QEvent.Type.WindowStateChange:
            self.soon()
        super().changeEvent(event)
