"""What a moderator may do to others, through LiveKit's RoomService (Twirp) with the call's own token."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit, urlunsplit

import aiohttp
from google.protobuf.message import Message
from livekit.protocol.models import TrackInfo
from livekit.protocol.room import (
    DeleteRoomRequest,
    ListParticipantsRequest,
    ListParticipantsResponse,
    MuteRoomTrackRequest,
    RoomParticipantIdentity,
)

from jackfield.rtc.signalling import Source, source_name
from jackfield.session.signal_client import tls, unreachable
from jackfield.values.errors import CallError, NetworkError, NotAllowed, ResponseError
from jackfield.values.people import Role

TIMEOUT_S = 10.0


class Moderation:
    """Calls of one session's RoomService; `NotAllowed` for whom the token makes no moderator."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        server: str,
        token: str,
        session_id: str,
        role: Role,
        fingerprint: str | None,
        *,
        ending_token: Callable[[], str] | None = None,
    ) -> None:
        self._http, self.server, self.token = http, server, token
        self._ending_token = ending_token
        self._session_id, self._role, self._fingerprint = session_id, role, fingerprint

    async def remove(self, uid: str) -> None:
        """They are out of the call; their token lets them in again until it expires."""
        await self._call("RemoveParticipant", RoomParticipantIdentity(room=self._session_id, identity=uid))

    async def mute(self, uid: str, track_sid: str) -> None:
        """Their track is off; they can turn it on again themselves."""
        request = MuteRoomTrackRequest(room=self._session_id, identity=uid, track_sid=track_sid, muted=True)
        await self._call("MutePublishedTrack", request)

    async def mute_source(self, uid: str, tracks: Iterable[TrackInfo], source: Source) -> None:
        """Of their ``tracks``, each of this source that is on is off."""
        found = [info.sid for info in tracks if source_name(info.source) == source and not info.muted]
        for sid in found or ([""] if self._role != "moderator" else []):
            await self.mute(uid, sid)

    async def end(self, own_uid: str) -> None:
        """The call is over for everybody.

        LiveKit lets only a token end a room that may end every room: it is made where the secret is at hand. Elsewhere
        all others are removed.
        """
        request = DeleteRoomRequest(room=self._session_id)
        try:
            await self._call("DeleteRoom", request)
        except NotAllowed:
            if self._role != "moderator":
                raise
            if self._ending_token is not None:
                await self._call("DeleteRoom", request, self._ending_token())
                return
            said = await self._call("ListParticipants", ListParticipantsRequest(room=self._session_id))
            others = {each.identity for each in ListParticipantsResponse.FromString(said).participants} - {own_uid}
            await asyncio.gather(*map(self.remove, others))

    async def _call(self, method: str, request: Message, token: str = "") -> bytes:
        if self._role != "moderator":
            raise NotAllowed(
                "only a moderator may do this; ask for a token with that role", details={"role": self._role}
            )
        parts = urlsplit(self.server)
        scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
        path = f"{parts.path.rstrip('/')}/twirp/livekit.RoomService/{method}"
        headers = {"Authorization": f"Bearer {token or self.token}", "Content-Type": "application/protobuf"}
        try:
            async with (
                asyncio.timeout(TIMEOUT_S),
                self._http.post(
                    urlunsplit((scheme, parts.netloc, path, "", "")),
                    data=request.SerializeToString(),
                    headers=headers,
                    ssl=tls(self._fingerprint),
                ) as answer,
            ):
                if answer.status == 200:
                    return await answer.read()
                raise _refusal(answer.status, (await answer.text(errors="replace"))[:300], method)
        except (aiohttp.ClientError, OSError, TimeoutError) as exc:
            raise unreachable(self.server, exc) from exc


def _said(text: str) -> tuple[str, str]:
    """Code and words of a Twirp error (twitchtv.github.io/twirp/docs/spec_v7.html); what is none, as it is."""
    try:
        said = json.loads(text)
        return str(said["code"]), str(said["msg"])
    except (ValueError, LookupError, TypeError):
        return "", text


def _refusal(status: int, text: str, method: str) -> CallError:
    code, text = _said(text)
    if code == "not_found":
        return ResponseError(f"{method}: {text}")
    if status in (401, 403):
        return NotAllowed(f"the server refuses {method}: {text}")
    if status >= 500:
        return NetworkError(f"the server could not do {method}: {text}")
    return ResponseError(f"the server does not do {method} (HTTP {status}): {text}")
