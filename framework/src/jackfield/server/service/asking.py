"""What a request to ``/api`` brings: its JSON, and the token that it comes with."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from aiohttp import hdrs, web

from jackfield.server.settings import one_mistake

#: A request has arrived within this time.
BODY_S: Final = 20.0


async def body(request: web.Request) -> dict[str, Any]:
    """The JSON object in it; else `SettingsError`."""
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


def bearer(request: web.Request) -> str | None:
    """The token in its Authorization header."""
    header = request.headers.get(hdrs.AUTHORIZATION, "")
    scheme, _, text = header.partition(" ")
    return text.strip() if scheme.lower() == "bearer" and text.strip() else None
