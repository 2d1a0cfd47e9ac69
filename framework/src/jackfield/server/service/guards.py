"""What stands before every request: who may ask from where, what pages may do, and how a refusal reads."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp import web

from jackfield.log_limit import limited_logger
from jackfield.server.settings import ServerSettings, is_loopback
from jackfield.values.errors import CallError, NotAllowed

logger = limited_logger("jackfield.server")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
#: Called with the pattern of the route that was asked for, and the status of the answer.
Counted = Callable[[str, int], None]

STATUS: Final = {
    "ERROR_API_KEY_NOT_FOUND": HTTPStatus.UNAUTHORIZED,
    "ERROR_AUTH_TOKEN": HTTPStatus.UNAUTHORIZED,
    "ERROR_CALL_TOKEN": HTTPStatus.UNAUTHORIZED,
    "ERROR_PERMISSION": HTTPStatus.FORBIDDEN,
    "ERROR_NETWORK": HTTPStatus.SERVICE_UNAVAILABLE,
    "ERROR_INTERNAL": HTTPStatus.INTERNAL_SERVER_ERROR,
}
PAGE_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "SAMEORIGIN",
    "Permissions-Policy": "camera=(self), microphone=(self), display-capture=(self), fullscreen=(self)",
    "Content-Security-Policy": (
        # WebAssembly: what tells a person from what is behind them.
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; "
        "img-src 'self' data: blob:; font-src 'self'; media-src 'self' blob: mediastream:; worker-src 'self' blob:; "
        "connect-src 'self' {connect}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'self'; object-src 'none'"
    ),
}


def refusal(error: CallError) -> web.Response:
    """The answer that says why not, for programs and people. Holds nothing that was sent."""
    status = STATUS.get(error.code, HTTPStatus.BAD_REQUEST)
    headers = {}
    if error.details.get("reason") == "rate_limited":
        status = HTTPStatus.TOO_MANY_REQUESTS
        headers["Retry-After"] = str(error.details["retry_after_s"])
    body = {"code": error.code, "message": error.message, "details": error.details}
    return web.json_response(body, status=status, headers=headers)


def public_base(request: web.Request, settings: ServerSettings) -> str:
    """The http(s) address under which whoever asks has reached this server."""
    if settings.public_url:
        return settings.public_url.rstrip("/")
    scheme = settings.scheme
    if settings.behind_proxy:
        told = request.headers.get("X-Forwarded-Proto", scheme).rpartition(",")[2].strip()
        scheme = told if told in ("http", "https") else scheme
    return f"{scheme}://{request.host}"


def asker(request: web.Request, settings: ServerSettings) -> str:
    """The address that asks; behind a proxy, the one that the proxy saw."""
    told = request.headers.getall("X-Forwarded-For", ()) if settings.behind_proxy else ()
    if told:
        # Whatever stands before the last was sent by whoever asks: as a list, or as a header line of its own.
        return told[-1].rpartition(",")[2].strip()
    return request.remote or ""


def middlewares(settings: ServerSettings, counted: Counted, touched: Callable[[], None]) -> list[Any]:
    """The guards, outermost first. ``touched`` is called at each request."""

    @web.middleware
    async def watch(request: web.Request, handler: Handler) -> web.StreamResponse:
        touched()
        resource = request.match_info.route.resource
        pattern = resource.canonical if resource else "(none)"
        status = 500
        try:
            response = await handler(request)
            status = response.status
            return response
        except web.HTTPException as exc:
            status = exc.status
            raise
        finally:
            counted(pattern, status)
            # The pattern and never the path or query: those carry session names and tokens.
            logger.debug("%s %s: %d", request.method, pattern, status)

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        asking = request.headers.get("Origin")
        if request.path.startswith("/twirp/") and asking and _listed(asking, settings):
            return await _moderated(request, handler, asking)
        if not request.path.startswith("/api/"):
            return _readable(request, await handler(request), settings)
        try:
            _check_host(request, settings)
            origin = _checked_origin(request, settings)
            if request.method == "OPTIONS" and origin:
                response: web.StreamResponse = web.Response(status=204)
            else:
                response = await handler(request)
        except CallError as exc:
            logger.info("%s from %r refused: %s", request.path, asker(request, settings), exc.code)
            response, origin = refusal(exc), request.headers.get("Origin")
        if origin and _listed(origin, settings):
            response.headers.update(_cors(origin))
        response.headers["Cache-Control"] = "no-store"
        return response

    return [watch, guard]


async def add_page_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Strict headers on everything of ours; LiveKit's own endpoints answer as LiveKit does."""
    if request.path.startswith(("/rtc", "/twirp/")):
        return
    for name, value in PAGE_HEADERS.items():
        # Not every browser counts ws(s) to the page's own host as 'self'.
        response.headers.setdefault(name, value.format(connect=f"ws://{request.host} wss://{request.host}"))
    if request.secure or is_loopback(_hostname(request)):
        # Over plain http from elsewhere a browser ignores it, and complains.
        response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")


def _hostname(request: web.Request) -> str:
    """The host that was asked for, "" when the header names none."""
    try:
        return urlsplit(f"//{request.host}").hostname or ""
    except ValueError:
        return ""


def _check_host(request: web.Request, settings: ServerSettings) -> None:
    """A page elsewhere whose name is made to lead to 127.0.0.1 gets no answer from a server meant for this machine."""
    if not settings.is_loopback or settings.behind_proxy:
        return
    name = _hostname(request)
    if is_loopback(name) or (settings.public_url and name == urlsplit(settings.public_url).hostname):
        return
    raise NotAllowed("this server is for this machine alone, and was asked under another name; use localhost")


def _checked_origin(request: web.Request, settings: ServerSettings) -> str | None:
    """The page's origin if it is another than ours and may ask; None for our own pages and for programs."""
    origin = request.headers.get("Origin")
    try:
        named = urlsplit(public_base(request, settings))
    except ValueError:
        raise NotAllowed("the Host header names no host") from None
    own = (f"{named.scheme}://{named.netloc}", f"{settings.scheme}://{request.host}")
    if origin is None or origin in own:
        return None
    if _listed(origin, settings):
        return origin
    raise NotAllowed("pages of another origin may not ask here; start the server with --allow-origin to let them")


def _listed(origin: str, settings: ServerSettings) -> bool:
    return origin in settings.allow_origins or "*" in settings.allow_origins


async def _moderated(request: web.Request, handler: Handler, origin: str) -> web.StreamResponse:
    """RoomService for a page of an origin that may ask: browsers ask first whether they may."""
    response = web.Response(status=204) if request.method == "OPTIONS" else await handler(request)
    response.headers.update(_cors(origin))
    return response


def _readable(request: web.Request, response: web.StreamResponse, settings: ServerSettings) -> web.StreamResponse:
    """A script of ours, and what it fetches, may be taken by pages of origins that may ask."""
    origin = request.headers.get("Origin", "")
    if request.path.endswith((".js", ".wasm", ".tflite")) and _listed(origin, settings):
        response.headers.update({"Access-Control-Allow-Origin": origin, "Vary": "Origin"})
    return response


def _cors(origin: str) -> dict[str, str]:
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Methods": "POST, OPTIONS",
        "Access-Control-Allow-Headers": "Authorization, Content-Type",
        "Access-Control-Max-Age": "600",
        "Vary": "Origin",
    }
