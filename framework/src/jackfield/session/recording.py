"""Recording by the server: the part of a `CallSession` that asks the service for it."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit, urlunsplit

import aiohttp

from jackfield.session.doorway import Doorway
from jackfield.session.room import Room
from jackfield.session.signal_client import tls, unreachable
from jackfield.values.errors import CallError, EncryptionError, NetworkError, NotAllowed, ResponseError

#: A recorder joins within this time.
ANSWER_S: Final = 30.0
#: The others hear of it within this time of the service's answer.
TOLD_S: Final = 5.0
_KINDS: Final = {"ERROR_PERMISSION": NotAllowed, "ERROR_NETWORK": NetworkError}


class Recorded:
    """Actions on the recording of the session that we are in."""

    _room: Room
    _doorway: Doorway

    if TYPE_CHECKING:  # what a `CallSession` has
        settings: Any

        async def _reachable(self) -> None: ...

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
        await self._ask_recorder("start")
        await self._until_recorded(True)

    async def stop_recording(self) -> None:
        """The session is recorded no more. `NotAllowed` for whom the token makes no moderator, or where nothing is
        recorded."""
        await self._ask_recorder("stop")
        await self._until_recorded(False)

    async def _ask_recorder(self, action: str) -> None:
        await self._reachable()
        door = self._doorway
        headers = {"Authorization": f"Bearer {door.token}"}
        try:
            async with (
                asyncio.timeout(ANSWER_S),
                door.http.post(
                    _service(door.server),
                    json={"action": action},
                    headers=headers,
                    ssl=tls(door.place.fingerprint),
                ) as answer,
            ):
                if answer.status != 200:
                    raise _refusal(answer.status, (await answer.content.read(4096)).decode(errors="replace"))
        except (aiohttp.ClientError, OSError, TimeoutError) as exc:
            raise unreachable(door.server, exc) from exc

    async def _until_recorded(self, wanted: bool) -> None:
        """The service has answered; the server's word to all is on its way."""
        try:
            async with asyncio.timeout(TOLD_S):
                while self._room.is_recorded is not wanted:
                    await asyncio.sleep(0.02)
        except TimeoutError:
            pass


def _service(server: str) -> str:
    parts = urlsplit(server)
    scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
    return urlunsplit((scheme, parts.netloc, f"{parts.path.rstrip('/')}/api/recording", "", ""))


def _refusal(status: int, text: str) -> CallError:
    try:
        said = json.loads(text)
        code, message = str(said["code"]), str(said["message"])
    except (ValueError, KeyError, TypeError):
        if status == 404:
            return NotAllowed(
                "this server has no recording service; LiveKit's is Egress. Record here with record_to, or "
                "`jackfield record`, or put `jackfield serve --livekit` before it"
            )
        return ResponseError(f"the server's recording service answered with HTTP {status}: {text[:200]}")
    return _KINDS.get(code, CallError)(message, code=code)
