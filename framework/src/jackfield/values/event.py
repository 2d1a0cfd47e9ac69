"""What an event is: a class whose name, in snake_case, is what `CallSession.on` knows it by."""

from __future__ import annotations

import re
from typing import ClassVar

EVENTS: dict[str, type[Event]] = {}


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


class Event:
    """Something that happened. ``name`` is what `CallSession.on` knows it by."""

    name: ClassVar[str] = ""

    def __init_subclass__(cls) -> None:
        cls.name = _snake(cls.__name__)
        EVENTS[cls.name] = cls
