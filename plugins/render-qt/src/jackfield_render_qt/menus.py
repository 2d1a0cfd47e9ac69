"""What can be done to a person, and what a button with several answers offers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtWidgets import QMenu, QWidget

from jackfield_render_qt import icons
from jackfield_render_qt.colours import Colours
from jackfield_render_qt.crossing import Crossing

_MODES = {"SPEAKER": "Loudspeaker", "EARPIECE": "Earpiece", "BLUETOOTH": "Bluetooth", "HEADPHONES": "Headphones"}


class Menus:
    """Makes menus. On Qt's thread; what they do is done on the event loop."""

    def __init__(self, call: Any, crossing: Crossing, failed: Callable[[str], None], parent: QWidget) -> None:
        self._call, self._crossing, self._failed, self._parent = call, crossing, failed, parent

    def of_person(self, uid: str, colours: Colours) -> QMenu:
        """Pin, and for moderators mute, pause and remove."""
        call = self._call
        person = call.local if uid == call.local.uid else call.participants.get(uid)
        menu = QMenu(self._parent)
        pinned = call.pinned
        if pinned is not None and pinned.uid == uid:
            self._add(menu, "Unpin", "pin", colours, lambda: self._plain(lambda: call.unpin_participant()))
        else:
            self._add(menu, "Pin", "pin", colours, lambda: self._plain(lambda: call.pin_participant(uid)))
        if person is not None and not person.is_local and call.role == "moderator":
            menu.addSeparator()
            mute = self._add(menu, "Mute", "mic-off", colours, lambda: self._do(lambda: call.mute_participant(uid)))
            mute.setEnabled(not person.audio_muted)
            pause = self._add(
                menu,
                "Turn the camera off",
                "camera-off",
                colours,
                lambda: self._do(lambda: call.pause_participant_video(uid)),
            )
            pause.setEnabled(not person.video_paused)
            menu.addSeparator()
            self._add(
                menu, "Remove from the call", "remove", colours, lambda: self._do(lambda: call.remove_participant(uid))
            )
        return menu

    def audio_modes(self, colours: Colours) -> QMenu:
        """The kinds of loudspeaker, the one in use with a tick."""
        menu = QMenu(self._parent)
        for mode, words in _MODES.items():
            icon = "check" if self._call.audio_mode == mode else ""
            self._add(menu, words, icon, colours, lambda mode=mode: self._do(lambda: self._call.set_audio_mode(mode)))
        return menu

    def backgrounds(self, colours: Colours, choose_image: Callable[[], None]) -> QMenu:
        """Blurred a little or much, a picture, or as it is."""
        call, menu = self._call, QMenu(self._parent)
        self._add(menu, "As it is", "", colours, lambda: self._do(call.clear_background))
        self._add(menu, "Blurred a little", "", colours, lambda: self._do(lambda: call.set_background_blur(0.3)))
        self._add(menu, "Blurred much", "", colours, lambda: self._do(lambda: call.set_background_blur(1.0)))
        if hasattr(call, "set_background_image"):
            self._add(menu, "A picture …", "", colours, choose_image)
        return menu

    def _add(self, menu: QMenu, words: str, icon: str, colours: Colours, act: Callable[[], None]) -> Any:
        action = menu.addAction(words)
        if icon:
            action.setIcon(icons.icon(icon, colours.text))
        action.triggered.connect(lambda: act())
        return action

    def _do(self, action: Callable[[], Any]) -> None:
        self._crossing.task(action, self._failed)

    def _plain(self, action: Callable[[], object]) -> None:
        async def run() -> None:
            action()

        self._crossing.task(run, self._failed)
