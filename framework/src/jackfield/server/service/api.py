"""The service over HTTP: ``/api/login``, ``/api/token``, ``/api/invite``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from aiohttp import web

from jackfield.links import JoinLink
from jackfield.server.service.asking import bearer, body
from jackfield.server.service.guards import asker, public_base
from jackfield.server.service.issuing import Issuer
from jackfield.server.settings import ServerSettings
from jackfield.values.errors import NetworkError
from jackfield.values.people import CallToken, LogIn

MAX_BODY: Final = 64 * 1024


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
        log_in = self._issuer.log_in(await body(request), asker(request, self._settings))
        self._given("login")
        return web.json_response(_log_in(log_in))

    async def token(self, request: web.Request) -> web.Response:
        """A session id with a log-in or an invite → a call token."""
        if self._draining():
            raise NetworkError("the server is shutting down; try again when it is back")
        base = public_base(request, self._settings)
        call_token = self._issuer.call_token(await body(request), bearer(request), base)
        self._given("token")
        return web.json_response(_call_token(call_token))

    async def invite(self, request: web.Request) -> web.Response:
        """A session id, with a log-in or a moderator's call token → an invite and its link."""
        text, invite = self._issuer.invite(await body(request), bearer(request))
        self._given("invite")
        base = public_base(request, self._settings)
        link = JoinLink(base, invite.session_id, text, self._settings.tls_fingerprint)
        return web.json_response(
            {"invite": text, "link": str(link), "role": invite.role, "expires_at": invite.expires_at}
        )


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
