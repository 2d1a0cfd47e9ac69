"""What is known of somebody at the moment, read off the call for whatever paints it."""

from __future__ import annotations

import re
from typing import Any, Literal

from attrs import frozen

from jackfield.values.names import isolated, shown_name

#: Longer names are cut: somebody may call themselves by five hundred emoji.
LONGEST_NAME = 60


@frozen
class Person:
    """One person, as they are shown."""

    uid: str
    name: str
    is_local: bool = False
    is_muted: bool = False
    is_paused: bool = False
    is_speaking: bool = False
    is_pinned: bool = False
    is_presenting: bool = False
    hand_at: float | None = None
    quality: str = "unknown"
    role: str = "participant"

    @property
    def label(self) -> str:
        """The name, and whether it is ourselves."""
        return f"{isolated(self.name)} (you)" if self.is_local else self.name

    @property
    def initials(self) -> str:
        """One or two letters."""
        words = re.findall(r"\w+", self.name)
        letters = [words[0][0], words[-1][0]] if len(words) > 1 else [words[0][0]] if words else [self.name[:1] or "?"]
        return "".join(letters).upper()

    def spoken(self, source: Literal["camera", "screen"] = "camera") -> str:
        """All that the tile shows, in words."""
        if source == "screen":
            return f"Screen of {self.label}"
        said = [self.label]
        said += ["speaking"] * self.is_speaking + ["muted"] * self.is_muted + ["camera off"] * self.is_paused
        said += ["hand raised"] * (self.hand_at is not None) + ["pinned"] * self.is_pinned
        return ", ".join(said)


def called(participant: Any, longest: int = LONGEST_NAME) -> str:
    """Their name, as it is shown and no longer."""
    name = shown_name(str(participant.name), participant.uid)
    return name if len(name) <= longest else name[: longest - 1] + "…"


def person(participant: Any, pinned_uid: str | None = None) -> Person:
    """What this participant is at the moment."""
    return Person(
        uid=participant.uid,
        name=called(participant),
        is_local=participant.is_local,
        is_muted=participant.audio_muted,
        is_paused=participant.video_paused,
        is_speaking=participant.is_speaking,
        is_pinned=participant.uid == pinned_uid,
        is_presenting=participant.is_presenting,
        hand_at=participant.raised_hand_at,
        quality=participant.network_quality,
        role=participant.role,
    )
