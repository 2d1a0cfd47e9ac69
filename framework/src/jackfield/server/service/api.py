"""The service over HTTP: ``/api/login``, ``/api/token``, ``/api/invite``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from aiohttp import hdrs, web

from jackfield.links import JoinLink
from jackfield.server.service.guards import asker, public_base
from jackfield.server.service.issuing import Issuer
from jackfield.server.settings import ServerSettings, one_mistake
from jackfield.values.errors import NetworkError
from jackfield.values.people import CallToken, LogIn

MAX_BODY: Final = 64 * 1024
#: A request has arrived within this time.
BODY_S: Final = 20.0


class Api:
    """The three endpoints of one server. ``given`` is called with what was given out: login, token, invite."""

    def __init__(
        self, issuer: Issuer, settings: ServerSettings, *, draining: Callable[[], bool], given: Callable[[str], None]
    ) -> None:
        self._issuer = issuer
        self._settings = settings
        self._draining = draining
        self._given = given

    def routes(self) -> list[web.RouteDef]:
        """What to add to an application."""
        return [
            web.post("/api/login", self.login),
            web.post("/api/token", self.token),
            web.post("/api/invite", self.invite),
        ]

    async def login(self, request: web.Request) -> web.Response:
        """uid and log-in key (or an auth token) → a log-in."""
        log_in = self._issuer.log_in(await _body(request), asker(request, self._settings))
        self._given("login")
        return web.json_response(_log_in(log_in))

    async def token(self, request: web.Request) -> web.Response:
        """A session id with a log-in or an invite → a call token."""
        if self._draining():
            raise NetworkError("the server is shutting down; try again when it is back")
        base = public_base(request, self._settings)
        call_token = self._issuer.call_token(await _body(request), _bearer(request), base)
        self._given("token")
        return web.json_response(_call_token(call_token))

    async def invite(self, request: web.Request) -> web.Response:
        """A session id, with a log-in or a moderator's call token → an invite and its link."""
        text, invite = self._issuer.invite(await _body(request), _bearer(request))
        self._given("invite")
        base = public_base(request, self._settings)
        link = JoinLink(base, invite.session_id, text, self._settings.tls_fingerprint)
        return web.json_response(
            {"invite": text, "link": str(link), "role": invite.role, "expires_at": invite.expires_at}
        )


async def _body(request: web.Request) -> dict[str, Any]:
    # A form on somebody's page can post text, but not this type without asking first.
    if request.content_type != "application/json":
        raise one_mistake("Content-Type", f"it is {request.content_type}", "send application/json")
    try:
        async with asyncio.timeout(BODY_S):
            found = await request.json()
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    except (ValueError, RecursionError, LookupError):  # LookupError: a charset that there is not
        found = None
    if not isinstance(found, dict):
        raise one_mistake("body", "it is not a JSON object", 'send {"uid": …} or {"session_id": …}')
    return found


def _bearer(request: web.Request) -> str | None:
    header = request.headers.get(hdrs.AUTHORIZATION, "")
    scheme, _, text = header.partition(" ")
    return text.strip() if scheme.lower() == "bearer" and text.strip() else None


def _log_in(log_in: LogIn) -> dict[str, Any]:
    return {
        "auth_token": log_in.auth_token,
        "uid": log_in.uid,
        "name": log_in.name,
        "expires_at": log_in.expires_at,
    }


def _call_token(token: CallToken) -> dict[str, Any]:
    url = token.url or ""
    return {
        "token": token.token,
        "session_id": token.session_id,
        "uid": token.uid,
        "role": token.role,
        "expires_at": token.expires_at,
        "url": url,
        # The names of LiveKit's standard token endpoint, for its SDKs.
        "server_url": "ws" + url.removeprefix("http"),
        "participant_token": token.token,
    }
