"""A Jackfield server's service, asked over HTTP with a token: recordings, invites, the log of calls."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import aiohttp

from jackfield.session.signal_client import tls, unreachable
from jackfield.values.errors import (
    AuthTokenError,
    CallError,
    CallTokenError,
    NetworkError,
    NotAllowed,
    ResponseError,
)

#: An answer has this many bytes at most.
MOST: Final = 16 << 20
_KINDS: Final[Mapping[str, type[CallError]]] = {
    "ERROR_PERMISSION": NotAllowed,
    "ERROR_NETWORK": NetworkError,
    "ERROR_AUTH_TOKEN": AuthTokenError,
    "ERROR_CALL_TOKEN": CallTokenError,
}


async def ask(
    http: aiohttp.ClientSession,
    server: str,
    path: str,
    token: str,
    *,
    body: Mapping[str, Any] | None = None,
    query: Mapping[str, str] | None = None,
    fingerprint: str | None = None,
    timeout_s: float = 30.0,
    lacking: str = "this server has no such service",
) -> dict[str, Any]:
    """The answer of ``/api/PATH``, posted where there is a ``body``. An error of ours says what the service said;
    `NotAllowed` says that it is ``lacking``, where the server is one that has none."""
    method, headers = "GET" if body is None else "POST", {"Authorization": f"Bearer {token}"}
    address = _address(server, path)
    try:
        async with (
            asyncio.timeout(timeout_s),
            http.request(method, address, params=query, json=body, headers=headers, ssl=tls(fingerprint)) as answer,
        ):
            text = (await answer.content.read(MOST)).decode(errors="replace")
            if answer.status != 200:
                raise _refusal(answer.status, text, lacking)
    except (aiohttp.ClientError, OSError, TimeoutError) as exc:
        raise unreachable(server, exc) from exc
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ResponseError(f"{server} answered /api/{path} with something that is no JSON object")
    return found


def _address(server: str, path: str) -> str:
    parts = urlsplit(server)
    scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
    return urlunsplit((scheme, parts.netloc, f"{parts.path.rstrip('/')}/api/{path}", "", ""))


def _refusal(status: int, text: str, lacking: str) -> CallError:
    try:
        said = json.loads(text)
        code, message = str(said["code"]), str(said["message"])
    except (ValueError, KeyError, TypeError):
        if status in (404, 405):
            return NotAllowed(lacking)
        return ResponseError(f"the server's service answered with HTTP {status}: {text[:200]}")
    return error_of(code, message)


def error_of(code: str, message: str) -> CallError:
    """What the service said, as an error of ours."""
    return _KINDS.get(code, CallError)(message, code=code)
