"""What the buttons of a call do by themselves, on the actions that a program has."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any


def button_defaults(call: Any) -> dict[str, Callable[[], Awaitable[Any]]]:
    """Button → what it does, of this `CallSession`. A renderer does what concerns it alone: it opens its chat itself,
    and makes a link with what the server gives it."""

    async def microphone() -> None:
        await (call.unmute_audio() if call.is_audio_muted else call.mute_audio())

    async def camera() -> None:
        await (call.resume_video() if call.is_video_paused else call.pause_video())

    async def hand() -> None:
        await (call.lower_hand() if call.is_hand_raised else call.raise_hand())

    async def screen() -> None:
        await (call.stop_screen_sharing() if call.is_screen_sharing else call.start_screen_sharing())

    async def recording() -> None:
        await (call.stop_recording() if call.is_recording else call.start_recording())

    async def layout() -> None:
        call._stage.next_layout()

    async def people() -> None:
        call._stage.show_list(visible=not call.is_participant_list_visible)

    async def chat() -> None:
        call.set_chat_button_unread_count(0)

    return {
        "leave_session": call.leave,
        "toggle_audio": microphone,
        "toggle_video": camera,
        "switch_camera": call.switch_camera,
        "raise_hand": hand,
        "change_layout": layout,
        "participant_list": people,
        "chat": chat,
        "screen_share": screen,
        "recording_toggle": recording,
    }
