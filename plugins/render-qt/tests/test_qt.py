"""The widget keeps the contract of renderers, shows what the call is, and does what its buttons say."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest
from jackfield_render_qt.options import Options
from jackfield_render_qt.plugin import ACTS_ON, plugin

from jackfield.testing import samples
from jackfield.testing.contracts.plugin import PluginContract
from jackfield.testing.contracts.renderer import RendererContract
from jackfield.values.errors import ContainerError
from jackfield.values.events import AudioMuted, VideoPaused
from jackfield.values.settings import SETTINGS, Layout, SessionSettings

pytestmark = pytest.mark.needs("qt")
LIMIT_S = 5.0


class TestPlugin(PluginContract):
    """It loads, is named and is configured as plugins are."""

    plugin = plugin


class TestRenderer(RendererContract):
    """On the screen, it takes tracks as any renderer does."""

    plugin = plugin
    wrong_container = "call-container"

    async def _open(self, factory, call):
        renderer = await super()._open(factory, call)
        renderer.view.show()
        return renderer


@pytest.fixture
async def shown(room):
    """Opens the widget on the room, on the screen; closed when the test is over."""
    opened = []

    async def show(container=None, size=(1000, 640), **options):
        (factory,) = plugin.register_renderers(Options(**options))
        renderer = await factory.open(room, container)
        opened.append(renderer)
        if container is None:
            renderer.view.resize(*size)
            renderer.view.show()
        return renderer.view

    yield show
    for renderer in opened:
        await renderer.close()


async def until(condition):
    """Waits, while Qt works, until it holds."""
    async with asyncio.timeout(LIMIT_S):
        while not condition():
            await asyncio.sleep(0.01)


def test_looking_at_the_plugin_loads_nothing_of_qt():
    """A machine without Qt's libraries can still list the plugin."""
    code = "import sys, jackfield_render_qt.plugin; print([m for m in sys.modules if m.startswith('PySide6')])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


async def test_pictures_reach_the_screen_without_a_numpy_hop(room, shown, monkeypatch):
    """What is painted is swscale's own memory, in the tile's size, cut to fill it, and its colours are the sender's."""
    import av

    monkeypatch.setattr(av.VideoFrame, "to_ndarray", None)
    room.join("ada")
    track = room.send("ada")
    view = await shown()
    tile = view.stage.tiles["ada"]
    for index in range(4):
        track.feed(samples.picture(index))
    await until(lambda: tile.has_picture)
    image = tile._picture.image
    assert image.width() >= tile.width() - 1
    assert image.height() >= tile.height() - 1
    assert min(image.width() - tile.width(), image.height() - tile.height()) <= 1
    sent = samples.picture(3).picture.reformat(format="rgb24")
    step = sent.planes[0].line_size
    middle = sent.height // 2 * step + sent.width // 2 * 3
    wanted = bytes(sent.planes[0])[middle : middle + 3]
    painted = tile.grab().toImage().pixelColor(tile.width() // 2, tile.height() // 2)
    assert all(abs(a - b) < 40 for a, b in zip(wanted, painted.getRgb()[:3], strict=True)), (wanted, painted.getRgb())


async def test_only_what_is_to_be_seen_is_decoded(room, shown):
    """Hidden windows, other pages and who is off cost nothing."""
    tracks = [room.send(room.join(f"guest-{index}").uid) for index in range(30)]
    view = await shown(size=(420, 480))
    taken = [bool(track.decoded) for track in tracks]
    assert 0 < sum(taken) < 30
    tracks[0].muted = True
    room.turn_off("guest-0", "camera")
    await until(lambda: not tracks[0].decoded)
    assert not view.stage.tiles["guest-0"].has_picture
    view.hide()
    assert not any(track.decoded for track in tracks)
    view.show()
    assert any(track.decoded for track in tracks)


async def test_the_newest_picture_wins_while_the_screen_is_slow(room, shown):
    """Nothing piles up: of many pictures at once, the last is what is shown."""
    track = room.send(room.join("ada").uid)
    view = await shown()
    frames = [samples.picture(index) for index in range(60)]
    for frame in frames:
        track.feed(frame)
    slot = view.stage.tiles["ada"].slot
    await until(lambda: slot.time_ns == frames[-1].time_ns)
    assert slot.made < 60


@pytest.mark.parametrize(
    ("key", "part"),
    [
        ("hide_control_panel", lambda view: view.controls),
        ("hide_header_panel", lambda view: view.header),
        ("hide_session_timer", lambda view: view.header.timer),
        ("hide_network_indicator", lambda view: view.header.network),
        *(
            (key, lambda view, name=name: view.controls.buttons.get(name))
            for key, name in {
                "hide_leave_session_button": "leave_session",
                "hide_toggle_audio_button": "toggle_audio",
                "hide_toggle_video_button": "toggle_video",
                "hide_switch_camera_button": "switch_camera",
                "hide_audio_mode_button": "audio_mode",
                "hide_screen_sharing_button": "screen_share",
                "hide_raise_hand_button": "raise_hand",
                "hide_participant_list_button": "participant_list",
                "hide_change_layout_button": "change_layout",
                "hide_recording_button": "recording_toggle",
                "hide_closed_caption_button": "captions",
                "hide_share_invite_button": "share_invite",
                "hide_chat_button": "chat",
            }.items()
        ),
    ],
)
async def test_every_part_can_be_hidden(key, part, room, shown):
    """Each ``hide_…`` setting takes its part away, and without it the part is there."""
    room.settings = SessionSettings(**{key: True})
    found = part(await shown(size=(1400, 700)))
    assert found is None or found.isHidden()
    room.settings = SessionSettings(**{key: False})
    found = part(await shown(size=(1400, 700)))
    assert found is not None
    assert not found.isHidden()


def test_no_hide_setting_is_forgotten():
    """What the table above does not have is of abilities that this call lacks."""
    from jackfield_render_qt.controls import BUTTONS

    of_buttons = {each.hide for each in BUTTONS}
    others = {"hide_control_panel", "hide_header_panel", "hide_session_timer", "hide_network_indicator"}
    hidden = {key for key in SETTINGS if key.startswith("hide_")}
    assert hidden | {"title"} == ACTS_ON
    assert hidden == of_buttons | others | {"hide_leave_session_button"}


async def test_buttons_press_and_keys_too(room, shown):
    """Each goes through the call, so that a program may prevent it; a call of sound alone has none for pictures."""
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest

    view = await shown()
    view.controls.buttons["toggle_audio"].click()
    await until(lambda: room.is_audio_muted)
    await until(lambda: view.controls.buttons["toggle_audio"].accessibleName() == "Unmute")
    view.activateWindow()
    await until(view.isActiveWindow)
    QTest.keyClick(view, Qt.Key.Key_H)
    await until(lambda: room.is_hand_raised)
    room.settings = SessionSettings(type="VOICE")
    voice = await shown()
    assert not {"toggle_video", "switch_camera", "background"} & set(voice.controls.buttons)


async def test_the_button_of_transcription_begins_and_ends_it(room, shown):
    """Where the settings show it; it says which of the two it would do."""

    async def turn(on):
        room.is_transcribing = on

    room.is_transcribing = False
    room.start_transcription, room.stop_transcription = lambda: turn(True), lambda: turn(False)
    room.settings = SessionSettings(hide_transcription_button=False)
    button = (await shown(size=(1400, 700))).controls.buttons["transcription"]
    assert button.accessibleName() == "Transcribe"
    button.click()
    await until(lambda: button.accessibleName() == "Stop transcribing")
    button.click()
    await until(lambda: button.accessibleName() == "Transcribe")
    assert not room.is_transcribing


async def test_everything_has_a_name_for_screen_readers(room, shown):
    """Every button and every tile says what it is; a badge of numbers is part of its button's name."""
    from PySide6.QtWidgets import QComboBox, QLineEdit, QToolButton

    room.join("ada")
    room.hand("ada")
    for text in "abc":
        room.write("ada", text)
    view = await shown()
    view.press("settings")
    nameless = [
        each
        for kind in (QToolButton, QComboBox)
        for each in (*view.findChildren(kind), *view.dialog.findChildren(kind))
        if not each.accessibleName() and not isinstance(each.parent(), QLineEdit)
    ]
    assert nameless == []
    assert view.stage.tiles["ada"].accessibleName() == "Ada, muted, camera off, hand raised"
    assert view.controls.buttons["chat"].accessibleName() == "Chat, 3 unread"


async def test_people_are_found_and_acted_on(room, shown):
    """The list finds by name; a moderator's menu mutes and removes; pinning is everybody's."""
    for uid in ("ada", "grace", "radia"):
        room.join(uid)
        room.send(uid)
        room.send(uid, "microphone")
    view = await shown()
    view.press("participant_list")
    await until(lambda: view.side.pane == "people")
    roster = view.side.people
    assert list(roster.rows) == ["ada", "grace", "radia", "bob"]
    roster.search.setText("RA")
    assert list(roster.rows) == ["grace", "radia"]
    menu = view.menus.of_person("grace", view.colours)
    actions = {each.text(): each for each in menu.actions() if each.text()}
    assert list(actions) == ["Pin", "Mute", "Turn the camera off", "Remove from the call"]
    for words in ("Mute", "Remove from the call"):
        actions[words].trigger()
    await until(lambda: len(room.asked) == 2)
    assert room.asked == [("mute", "grace"), ("remove", "grace")]
    view.menus.of_person("ada", view.colours).actions()[0].trigger()
    await until(lambda: room.pinned is room.participants["ada"])
    room.role = "participant"
    menu = view.menus.of_person("ada", view.colours)
    assert [each.text() for each in menu.actions()] == ["Unpin"]


async def test_names_can_be_seen_and_keep_their_direction(room, shown):
    """Who is called nothing is called by their uid; one from the right stays apart from what stands beside it."""
    from PySide6.QtWidgets import QLabel

    view = await shown()
    room.join("ada", "\u200b\u2060")
    room.join("dana", "\u202eדנה")
    await until(lambda: len(view.stage.tiles) == 3)
    assert view.stage.tiles["ada"].accessibleName().startswith("ada")
    assert {label.text() for label in view.toasts.findChildren(QLabel)} == {"ada joined", "\u2068דנה\u2069 joined"}


async def test_a_moderators_muting_is_told(room, shown):
    """And our own is not."""
    from PySide6.QtWidgets import QLabel

    view = await shown()
    room.emit(AudioMuted())
    room.emit(AudioMuted(by_moderator=True))
    room.emit(VideoPaused(by_moderator=True))
    await until(lambda: len(view.toasts.findChildren(QLabel)) == 2)
    said = [label.text() for label in view.toasts.findChildren(QLabel)]
    assert said == ["A moderator muted you", "A moderator turned off your camera"]


async def test_chat_shows_what_was_written_as_it_is(room, shown):
    """Markup is text, a hundred thousand characters and five hundred emoji widen nothing, unread ones are counted."""
    ada = room.join("ada", "😀" * 500)
    view = await shown()
    room.write(ada.uid, "<b>bold</b> &amp; <img src=x>")
    await until(lambda: room.chat_unread_count == 1)
    room.write(ada.uid, "x" * 100_000)
    await until(lambda: room.chat_unread_count == 2)
    view.press("chat")
    await until(lambda: view.side.pane == "chat")
    await until(lambda: room.chat_unread_count == 0)
    from PySide6.QtWidgets import QLabel

    texts = [each.text() for each in view.side.chat.findChildren(QLabel, "bubble")]
    assert texts[0].replace("\u200b", "") == "<b>bold</b> &amp; <img src=x>"
    assert view.side.chat.findChildren(QLabel, "bubble")[0].textFormat().name == "PlainText"
    assert view.width() == 1000
    view.side.chat.line.setText("hello")
    view.side.chat._button.click()
    await until(lambda: room.chat[-1].text == "hello")
    assert len(view.stage.tiles[ada.uid].accessibleName()) < 100


async def test_what_happens_is_said_and_ends_are_shown(room, shown):
    """Toasts, the veil, the idle prompt that is answered, and the end."""
    view = await shown()
    room.join("ada")
    await until(lambda: view.toasts.isVisible())
    room.lose()
    assert view.veil.isVisible()
    room.restore()
    assert not view.veil.isVisible()
    room.depart("ada")
    room.clock.advance(60)
    assert "3:00" in view.idle.words.text()
    view.idle.stay.click()
    assert not view.idle.isVisible()
    assert room.idle_seconds_left is None
    room.end("removed")
    assert view.veil.words.text() == "You were removed from the call."


async def test_layouts_and_a_shared_screen(room, shown):
    """A shared screen has the main place whatever the layout is; small tiles lie over it in SPOTLIGHT."""
    room.join("ada")
    room.join("grace")
    view = await shown()
    assert view.stage.placed.keys == ("ada", "grace", "bob")
    room.send("ada", "screen")
    view.look()
    assert view.stage.placed.keys[0] == "screen\0ada"
    room.set_layout(Layout.SPOTLIGHT)
    view.look()
    assert view.stage.tiles["grace"].is_above
    room.enable_picture_in_picture_layout()
    view.look()
    assert "grace" not in view.stage.tiles
    assert view.controls.isHidden()


async def test_dark_and_light_follow_the_palette(room, shown):
    """A program that turns dark takes the call along."""
    from PySide6.QtGui import QColor, QPalette
    from PySide6.QtWidgets import QApplication

    view = await shown()
    assert not view.colours.is_dark
    before, dark = QApplication.palette(), QPalette(QColor("#101010"))
    QApplication.setPalette(dark)
    try:
        await until(lambda: view.colours.is_dark)
    finally:
        QApplication.setPalette(before)


async def test_a_container_is_a_widget_or_a_layout(room, shown):
    """The call fills it; anything else is refused with what was given and what is taken."""
    from PySide6.QtWidgets import QVBoxLayout, QWidget

    await shown()  # there is an application from here on
    window, frame, row = QWidget(), QWidget(), QWidget()
    layout = QVBoxLayout(row)
    inside = await shown(frame)
    assert inside.parentWidget() is frame
    beside = await shown(layout)
    assert layout.indexOf(beside) == 0
    with pytest.raises(ContainerError, match=r"cannot draw into 7 \(builtins\.int\); it takes a QWidget, a QLayout"):
        await shown(7)
    del window


async def test_a_program_may_delete_the_widget(room, shown):
    """Then there is no view, the call goes on, and closing is still fine."""
    room.send(room.join("ada").uid)
    (factory,) = plugin.register_renderers(Options())
    renderer = await factory.open(room, None)
    renderer.view.show()
    renderer.view.deleteLater()
    await until(lambda: renderer.view is None)
    room.join("grace")
    await renderer.close()
    assert room.listeners == 0


async def test_qt_takes_nothing_from_the_interpreter(room, shown):
    """PySide6 6.12.0 lowers None's count at each call without an answer; before Python 3.12 a process ends of that."""
    room.send(room.join("ada").uid)
    view = await shown()
    view.look()
    before = sys.getrefcount(None)
    for _ in range(50):
        view.look()
        view.repaint()
    assert sys.getrefcount(None) > before - 100
