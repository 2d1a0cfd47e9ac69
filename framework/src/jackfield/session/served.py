"""What a server does for a call beside forwarding it: recording, and invites; the part of a `CallSession` that asks."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from jackfield.session.doorway import Doorway
from jackfield.session.room import Room
from jackfield.session.service import ask
from jackfield.values.errors import EncryptionError
from jackfield.values.people import Role

#: The others hear of it within this time of the service's answer.
TOLD_S: Final = 5.0
NO_RECORDING: Final = (
    "this server has no recording service; LiveKit's is Egress. Record here with record_to, or `jackfield record`, or "
    "put `jackfield serve --livekit` before it"
)
NO_INVITES: Final = "this server makes no invites: give out call tokens of your own"


class Served:
    """Actions that the server's service does for the session that we are in."""

    _room: Room
    _doorway: Doorway

    if TYPE_CHECKING:  # what a `CallSession` has
        settings: Any
        session_id: str

        async def _reachable(self) -> None: ...

    # --- recording
    async def start_recording(self) -> None:
        """The server records the session, a file for each participant, until somebody stops it or nobody is left; it
        is fine if it does already. Everyone is told (`RecordingStarted`).

        `NotAllowed` for whom the token makes no moderator, or where the server does not record; `EncryptionError` in a
        call that is encrypted end to end: the server cannot see it.
        """
        if self.settings.e2ee_key:
            raise EncryptionError(
                "this call is encrypted end to end, and the server cannot see it; record it here: set record_to"
            )
        await self._ask("recording", {"action": "start"}, NO_RECORDING)
        await self._until_recorded(True)

    async def stop_recording(self) -> None:
        """The session is recorded no more. `NotAllowed` for whom the token makes no moderator, or where nothing is
        recorded."""
        await self._ask("recording", {"action": "stop"}, NO_RECORDING)
        await self._until_recorded(False)

    async def _until_recorded(self, wanted: bool) -> None:
        """The service has answered; the server's word to all is on its way."""
        with suppress(TimeoutError):
            async with asyncio.timeout(TOLD_S):
                while self._room.is_recorded is not wanted:
                    await asyncio.sleep(0.02)

    # --- inviting
    async def invite_link(self, *, role: Role = "participant", ttl_s: float = 24 * 3600) -> str:
        """A link with which somebody joins this session, from a browser too, for ``ttl_s`` seconds.

        `NotAllowed` for whom the token makes no moderator, or on a server that makes no invites (LiveKit's own).
        """
        wish = {"session_id": self.session_id, "role": role, "ttl_s": ttl_s}
        return str((await self._ask("invite", wish, NO_INVITES)).get("link", ""))

    async def _ask(self, path: str, body: Mapping[str, Any], lacking: str) -> dict[str, Any]:
        await self._reachable()
        door = self._doorway
        pin = door.place.fingerprint
        return await ask(door.http, door.server, path, door.token, body=body, fingerprint=pin, lacking=lacking)
