"""Who may look: who has the link's fragment, or the cookie that it was given for, and nobody from elsewhere."""

from __future__ import annotations

import asyncio
import hmac
import secrets
from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import urlsplit

from aiohttp import web

#: The secret has come within this time.
SECRET_S = 10.0
COOKIE = "jackfield_screen"
_HOSTS = frozenset({"127.0.0.1", "localhost"})
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob: "
    "mediastream:; connect-src 'self' ws://{host}; base-uri 'none'; form-action 'none'; object-src 'none'; "
    "frame-ancestors 'self'{origins}"
)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Door:
    """Of one renderer. ``secret`` opens it; what it gives for that is a cookie, which ends with the renderer."""

    def __init__(self, origins: Sequence[str]) -> None:
        self.secret = secrets.token_urlsafe(24)
        self._cookie = secrets.token_urlsafe(24)
        # Cookies know no ports: two calls in one browser each have a name of their own.
        self._name = f"{COOKIE}_{secrets.token_hex(4)}"
        self._origins = "".join(f" {origin}" for origin in origins)

    @property
    def middleware(self) -> Callable[[web.Request, Handler], Awaitable[web.StreamResponse]]:
        """What stands before every request: its Host is this machine's, its Origin our own."""

        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            host = _hostname(request.host)
            origin = request.headers.get("Origin")
            if host not in _HOSTS or (origin is not None and origin != f"http://{request.host}"):
                return web.Response(
                    status=403, text="This page is for this machine alone: open the link that was given."
                )
            response = await handler(request)
            if not response.prepared:
                response.headers.update(self._headers(request.host))
            return response

        return guard

    def _headers(self, host: str) -> dict[str, str]:
        return {
            "Content-Security-Policy": _POLICY.format(host=host, origins=self._origins),
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
        }

    async def enter(self, request: web.Request) -> web.Response:
        """The secret, for a cookie."""
        try:
            async with asyncio.timeout(SECRET_S):
                told = await request.read()
        except TimeoutError:
            raise web.HTTPRequestTimeout from None
        if not hmac.compare_digest(told[:200], self.secret.encode()):
            return web.json_response({"message": "This link does not open the call: ask for a new one."}, status=403)
        response = web.json_response({})
        response.set_cookie(self._name, self._cookie, httponly=True, samesite="Strict", path="/")
        return response

    def knows(self, request: web.Request) -> bool:
        """Whether whoever asks has been let in: by cookie, or, in a frame of another site, which gets none, with the
        secret beside the WebSocket's protocol."""
        told = request.cookies.get(self._name, "").encode(errors="replace")
        beside = (
            request.headers.get("Sec-WebSocket-Protocol", "")[:200].partition(",")[2].strip().encode(errors="replace")
        )
        has_cookie = hmac.compare_digest(told, self._cookie.encode())
        return hmac.compare_digest(beside, self.secret.encode()) or has_cookie


def _hostname(host: str) -> str | None:
    """The name in a Host header; None where there is none that can be read."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None
