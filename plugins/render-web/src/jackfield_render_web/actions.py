"""What a page may ask the call to do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from attrs import frozen

from jackfield.roles import RenderedCall
from jackfield_render_web.picture import set_picture

#: The longest message of the chat that is taken from a page, in characters.
CHAT_MAX = 100_000
_WORDS: dict[type, str] = {str: "a text", bool: "true or false", float: "a number"}
_KINDS = ("camera", "microphone", "speaker")


@frozen
class Action:
    """What a page may ask for, and the types of what it has to give."""

    name: str
    act: Callable[..., Awaitable[Any]]
    takes: tuple[type, ...] = ()

    async def __call__(self, given: Any) -> Any:
        """What comes of it. ``ValueError`` for anything but what it takes, in words for people."""
        values = given if isinstance(given, list) else [given]
        if len(values) != len(self.takes):
            raise ValueError(f"{self._taken()}; {len(values)} {'was' if len(values) == 1 else 'were'} given")
        for value, kind in zip(values, self.takes, strict=True):
            if type(value) is not kind and (kind, type(value)) != (float, int):
                raise ValueError(f"{self._taken()}; {_named(value)} was given")
            if isinstance(value, str) and not _is_whole(value):
                raise ValueError(f"{self._taken()}; what was given has half a character in it")
        return await self.act(*values)

    def _taken(self) -> str:
        return f"{self.name!r} takes {' and '.join(_WORDS[kind] for kind in self.takes) or 'nothing'}"


def actions(call: RenderedCall) -> dict[str, Action]:
    """By name; nothing else of the call can be reached from a page."""
    target: Any = call

    async def devices(kind: str) -> list[dict[str, str]]:
        found = target.devices(_kind(kind))
        return [{"id": each.id, "label": each.label} for each in found if each.state in ("ready", "busy")]

    async def use(kind: str, device: str) -> None:
        setters = {"camera": target.set_camera, "microphone": target.set_microphone, "speaker": target.set_speaker}
        await setters[_kind(kind)](device)

    async def chat(text: str) -> None:
        if len(text) > CHAT_MAX:
            raise ValueError(f"a chat message has {CHAT_MAX} characters at most; this one has {len(text)}: shorten it")
        await target.send_chat(text)

    async def people(visible: bool) -> None:
        (target.show_participant_list if visible else target.hide_participant_list)()

    async def pin(uid: str) -> None:
        if uid:
            target.pin_participant(uid)
        else:
            target.unpin_participant()

    async def picture(octets: str) -> None:
        await set_picture(call, octets)

    listed = (
        Action("press", target.press, (str,)),
        Action("devices", devices, (str,)),
        Action("use", use, (str, str)),
        Action("chat", chat, (str,)),
        Action("layout", _at_once(target.set_layout), (str,)),
        Action("stay", _at_once(target.stay)),
        Action("people", people, (bool,)),
        Action("pin", pin, (str,)),
        Action("read", _at_once(lambda: target.set_chat_button_unread_count(0))),
        Action("blur", target.set_background_blur, (float,)),
        Action("picture", picture, (str,)),
        Action("as it is", target.clear_background),
        Action("mute", target.mute_participant, (str,)),
        Action("pause", target.pause_participant_video, (str,)),
        Action("remove", target.remove_participant, (str,)),
        Action("end", target.end_for_all),
    )
    return {each.name: each for each in listed}


def _at_once(act: Callable[..., object]) -> Callable[..., Awaitable[None]]:
    async def acted(*values: Any) -> None:
        act(*values)

    return acted


def unknown(name: str, known: Sequence[str]) -> ValueError:
    """For what cannot be asked for."""
    return ValueError(f"there is nothing to do by the name of {name[:40]!r}; there are {', '.join(known)}")


def _kind(kind: str) -> str:
    if kind not in _KINDS:
        raise ValueError(f"there is no device of kind {kind[:40]!r}; there are {', '.join(_KINDS)}")
    return kind


def _named(value: Any) -> str:
    """What a page gave, as its own language calls it."""
    if value is None:
        return "null"
    kinds: dict[type, str] = {**_WORDS, int: "a number", list: "a list", dict: "an object"}
    return kinds.get(type(value), "something else")


def _is_whole(text: str) -> bool:
    return not any("\ud800" <= each <= "\udfff" for each in text)
