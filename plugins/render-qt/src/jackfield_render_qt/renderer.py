"""The renderer: the widget, placed, and the call's events brought to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from jackfield.roles import RenderedCall, Renderer, Unwatch
from jackfield.values.names import isolated
from jackfield_render_qt import container as containers
from jackfield_render_qt.crossing import Crossing
from jackfield_render_qt.options import Options
from jackfield_render_qt.people import called
from jackfield_render_qt.pump import Pump, delete_deferred, has_loop
from jackfield_render_qt.view import CallView

#: After these, everything is looked at anew.
_CHANGES = (
    *("participant_joined", "participant_left", "participant_list_changed", "participant_updated"),
    *("participant_audio_muted", "participant_audio_unmuted", "participant_video_paused"),
    *("participant_video_resumed", "participant_started_screen_share", "participant_stopped_screen_share"),
    *("participant_hand_raised", "participant_hand_lowered", "participant_pinned", "dominant_speaker_changed"),
    *("network_quality_changed", "recording_started", "recording_stopped", "audio_muted", "audio_unmuted"),
    *("video_paused", "video_resumed", "screen_share_started", "screen_share_stopped", "call_layout_changed"),
    *("participant_list_visible", "participant_list_hidden", "picture_in_picture_enabled"),
    *("picture_in_picture_disabled", "chat_unread_changed"),
)
#: Tracks are taken and let go of at once.
_TRACKS = ("track_subscribed", "track_unsubscribed", "own_track_started", "own_track_ended")
MUTED, PAUSED = "A moderator muted you", "A moderator turned off your camera"
_ENDS = {
    "left": "You have left the call.",
    "removed": "You were removed from the call.",
    "ended": "The call was ended for everyone.",
    "replaced": "You joined this call somewhere else.",
    "idle": "You were alone for long, and have left the call.",
    "server": "The server has ended the call.",
    "network": "The connection was lost for good.",
}


async def opened(call: RenderedCall, container: Any, options: Options) -> Renderer:
    """The renderer, with its widget in ``container`` where there is one. On the call's event loop."""
    containers.check(container)
    application = containers.application()
    crossing = Crossing(asyncio.get_running_loop())
    pump = Pump() if crossing.is_one_thread and not has_loop() else None

    def make() -> CallView:
        view = CallView(call, crossing, options.colours)
        containers.place(view, container)
        if options.window and container is None:
            view.show()
        return view

    try:
        view = await crossing.in_gui(make)
    except BaseException:
        if pump is not None:
            await pump.stop()
        raise
    return QtRenderer(call, view, crossing, pump, application)


class QtRenderer:
    """``view`` is the widget, which the program may delete at any time; `close` takes it out of its place."""

    def __init__(
        self, call: RenderedCall, view: CallView, crossing: Crossing, pump: Pump | None, application: Any
    ) -> None:
        self._call, self._crossing, self._pump, self._application = call, crossing, pump, application
        self._view: CallView | None = view
        self._unwatch: list[Unwatch] = []
        view.destroyed.connect(self._gone)
        for name in _CHANGES:
            self._hear(name, lambda view, event: view.soon())
        for name in _TRACKS:
            self._hear(name, lambda view, event: view.look())
        self._hear_words()

    @property
    def view(self) -> CallView | None:
        """The widget; None once it is gone."""
        return self._view

    def _hear(self, name: str, act: Callable[[CallView, Any], object]) -> None:
        def tell(event: Any = None) -> None:
            self._crossing.gui(lambda: act(self._view, event) if self._view is not None else None)

        self._unwatch.append(self._call.on(name, tell))

    def _hear_words(self) -> None:
        self._hear("participant_joined", lambda view, event: view.say(f"{_named(event)} joined"))
        self._hear("participant_left", lambda view, event: view.say(f"{_named(event)} left"))
        self._hear("chat_message", lambda view, event: view.heard_message(event))
        self._hear("transcription", lambda view, event: view.heard_words(event))
        self._hear("idle_prompt", lambda view, event: view.idle.ask(event.seconds_left))
        self._hear("idle_prompt_ended", lambda view, event: view.idle.end())
        self._hear("connection_lost", lambda view, event: view.veil.say("Reconnecting …"))
        self._hear("connection_restored", lambda view, event: view.veil.hide())
        self._hear("audio_muted", lambda view, event: view.say(MUTED) if event.by_moderator else None)
        self._hear("video_paused", lambda view, event: view.say(PAUSED) if event.by_moderator else None)
        self._hear("talking_while_muted", lambda view, event: view.say("You are muted"))
        self._hear("error", lambda view, event: view.say(event.error.message))
        self._hear("session_left", lambda view, event: view.over(_ENDS.get(event.reason, "The call is over.")))

    def _gone(self) -> None:
        self._view = None

    async def close(self) -> None:
        """Nothing is taken or heard any more, and the widget is out of its place."""
        for unwatch in self._unwatch:
            unwatch()
        self._unwatch.clear()
        if self._view is not None:
            await self._crossing.in_gui(self._close_view)
        if self._pump is not None:
            await self._pump.stop()
            delete_deferred()

    def _close_view(self) -> None:
        view, self._view = self._view, None
        if view is not None:
            view.destroyed.disconnect(self._gone)
            view.over("The call is over.")
            view.hide()
            view.setParent(None)
            view.deleteLater()


def _named(event: Any) -> str:
    return isolated(called(event.participant))
