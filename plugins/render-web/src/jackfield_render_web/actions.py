"""What a page may ask the call to do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from jackfield.roles import RenderedCall

#: The longest message of the chat that is taken from a page, in characters.
CHAT_MAX = 100_000


def actions(call: RenderedCall) -> dict[str, Callable[..., Awaitable[Any]]]:
    """Name → what it does; nothing else of the call can be reached from a page."""
    target: Any = call

    async def devices(kind: str) -> list[dict[str, str]]:
        found = target.devices(kind)
        return [{"id": each.id, "label": each.label} for each in found if each.state in ("ready", "busy")]

    async def use(kind: str, device: str) -> None:
        setters = {"camera": target.set_camera, "microphone": target.set_microphone, "speaker": target.set_speaker}
        if kind not in setters:
            raise ValueError(f"there is no device of kind {kind!r}")
        await setters[kind](str(device))

    async def chat(text: str) -> None:
        await target.send_chat(str(text)[: CHAT_MAX + 1])

    async def layout(name: str) -> None:
        target.set_layout(str(name))

    async def stay() -> None:
        target.stay()

    async def people(visible: bool) -> None:
        (target.show_participant_list if visible else target.hide_participant_list)()

    async def pin(uid: str) -> None:
        if uid:
            target.pin_participant(str(uid))
        else:
            target.unpin_participant()

    async def read() -> None:
        target.set_chat_button_unread_count(0)

    return {
        "press": lambda button: target.press(str(button)),
        "devices": devices,
        "use": use,
        "chat": chat,
        "layout": layout,
        "stay": stay,
        "people": people,
        "pin": pin,
        "read": read,
        "mute": lambda uid: target.mute_participant(str(uid)),
        "pause": lambda uid: target.pause_participant_video(str(uid)),
        "remove": lambda uid: target.remove_participant(str(uid)),
        "end": target.end_for_all,
    }
