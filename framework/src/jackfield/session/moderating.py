"""What a moderator does to others; the part of a `CallSession` that RoomService does."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from jackfield.rtc import signalling
from jackfield.session.moderation import Moderation
from jackfield.session.participant import Participant
from jackfield.session.room import Room
from jackfield.values.errors import NetworkError


class Moderating:
    """Actions that the server lets moderators alone do."""

    _room: Room
    _moderation: Moderation
    _ending: asyncio.Task[None] | None

    if TYPE_CHECKING:  # what a `CallSession` has

        async def _reachable(self) -> None: ...

        def _end(self, reason: Any, message: str) -> asyncio.Task[None]: ...

    async def remove_participant(self, participant: Participant | str) -> None:
        """They are out of the call. `NotAllowed` for whom the token makes no moderator."""
        await self._reachable()
        await self._moderation.remove(_uid(participant))

    async def mute_participant(self, participant: Participant | str) -> None:
        """Their microphone is off; they can turn it on again. `NotAllowed` for whom the token makes no moderator."""
        await self._mute_other(participant, "microphone")

    async def pause_participant_video(self, participant: Participant | str) -> None:
        """Their camera is off; they can turn it on again. `NotAllowed` for whom the token makes no moderator."""
        await self._mute_other(participant, "camera")

    async def _mute_other(self, participant: Participant | str, source: signalling.Source) -> None:
        await self._reachable()
        uid = _uid(participant)
        person = self._room.by_uid(uid)
        await self._moderation.mute_source(uid, person.track_infos.values() if person else (), source)

    async def end_for_all(self) -> None:
        """The call is over for everybody. `NotAllowed` for whom the token makes no moderator.

        LiveKit lets no moderator end a room: without its API secret, the others there see that they were removed.
        """
        await self._reachable()
        try:
            await self._moderation.end(self._room.local.uid)
        except NetworkError:
            if self._ending is None:
                raise  # else the end itself overtook the answer
        await asyncio.shield(self._end("ended", ""))


def _uid(participant: Participant | str) -> str:
    return participant if isinstance(participant, str) else participant.uid
