"""Log-ins and call tokens fetched from a service: a Jackfield server, or one with LiveKit's token endpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jackfield import tokens
from jackfield.links import JoinLink
from jackfield.links import parse as parse_link
from jackfield.values.errors import AuthTokenError, LogInError, PluginError, ResponseError
from jackfield.values.people import CallToken, LogIn, Place, Role
from jackfield_tokens_http.client import Client


class Provider:
    """Asks one place."""

    def __init__(
        self, place: Place, client: Client, login_url: str | None, token_url: str, clock: Callable[[], float]
    ) -> None:
        self._place = place
        self._client = client
        self._login_url = login_url
        self._token_url = token_url
        self._clock = clock

    async def log_in(self, uid: str, api_key: str | None, *, name: str = "") -> LogIn:
        """A log-in from the service. ``api_key`` is its log-in key; left out, the place's own is given."""
        tokens.check_uid(uid)
        if self._login_url is None:
            return LogIn(uid=uid, name=name or uid, auth_token=api_key or "")
        key = api_key if api_key is not None else self._place.login_key
        if not key:
            await self._client.reach(self._login_url)
            raise LogInError(
                f"{self._place.url} wants a log-in key: give it to login, or set JACKFIELD_LOGIN_KEY; "
                "who has none joins with the link of an invite",
                code="ERROR_API_KEY_NOT_FOUND",
            )
        return _log_in(await self._client.post(self._login_url, {"uid": uid, "api_key": key, "name": name}))

    async def log_in_with_token(self, auth_token: str) -> LogIn:
        """The log-in that an auth token stands for, as the service reads it."""
        tokens.check_auth_token(auth_token)
        if self._login_url is None:
            raise AuthTokenError("this token endpoint has no log-ins; log in with a uid")
        return _log_in(await self._client.post(self._login_url, {"auth_token": auth_token}))

    async def call_token(self, log_in: LogIn, session_id: str) -> CallToken:
        """A call token from the service, seen to be for this user and session."""
        tokens.check_session_id(session_id)
        if log_in.expired(self._clock()):
            raise AuthTokenError("the log-in has expired; log in again")
        body = {"session_id": session_id, "name": log_in.name, "room_name": session_id}
        body |= {"participant_identity": log_in.uid, "participant_name": log_in.name}
        token = self._call_token(await self._client.post(self._token_url, body, bearer=log_in.auth_token))
        if (token.uid, token.session_id) != (log_in.uid, session_id):
            raise ResponseError(
                f"the service answered with a token for {token.uid!r} in {token.session_id!r}, "
                f"and {log_in.uid!r} in {session_id!r} was asked for"
            )
        return token

    async def invite(
        self, log_in: LogIn, session_id: str, *, role: Role = "participant", ttl_s: float = tokens.INVITE_TTL_S
    ) -> JoinLink:
        """A link from the service that lets its holder into the session."""
        body = {"session_id": tokens.check_session_id(session_id), "role": role, "ttl_s": ttl_s}
        answer = await self._client.post(f"{self._base()}/api/invite", body, bearer=log_in.auth_token)
        return parse_link(_text(answer, "link"))

    async def accept_invite(self, session_id: str, invite: str, *, name: str = "") -> CallToken:
        """A guest's call token in exchange for the invite."""
        body = {"session_id": tokens.check_session_id(session_id), "invite": invite, "name": name}
        return self._call_token(await self._client.post(f"{self._base()}/api/token", body))

    async def close(self) -> None:
        """Nothing is kept open."""

    def _base(self) -> str:
        if not self._place.url:
            raise PluginError("invites need the url of a Jackfield server, and none is configured")
        return self._place.url.rstrip("/")

    def _call_token(self, answer: Mapping[str, Any]) -> CallToken:
        text = answer.get("token") or answer.get("participant_token") or answer.get("participantToken")
        if not isinstance(text, str):
            raise ResponseError("the service's answer has no token")
        found = tokens.describe_call_token(text)
        url = answer.get("url") or answer.get("server_url") or answer.get("serverUrl") or self._place.url
        if isinstance(url, str) and url.startswith("ws"):
            url = "http" + url.removeprefix("ws")
        return CallToken(text, found.session_id, found.uid, found.expires_at, found.role, url)


def _log_in(answer: Mapping[str, Any]) -> LogIn:
    uid = _text(answer, "uid")
    expires_at = answer.get("expires_at", 0)
    if not isinstance(expires_at, int | float):
        raise ResponseError("the service's answer has an expires_at that is no number")
    name = answer.get("name") or uid
    return LogIn(uid=uid, name=str(name), auth_token=_text(answer, "auth_token"), expires_at=float(expires_at))


def _text(answer: Mapping[str, Any], key: str) -> str:
    value = answer.get(key)
    if not isinstance(value, str) or not value:
        raise ResponseError(f"the service's answer has no {key}")
    return value
