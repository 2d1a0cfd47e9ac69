"""The log of calls over HTTP: ``GET /api/log``."""

from __future__ import annotations

import math

from aiohttp import web

from jackfield.server.call_log.call_log import CallLog
from jackfield.server.call_log.store import PAGE, Wanted
from jackfield.server.happenings import STATUSES
from jackfield.server.service.asking import bearer
from jackfield.server.service.issuing import Issuer
from jackfield.server.settings import one_mistake
from jackfield.values.errors import NotAllowed

_TEXTS = ("session_id", "uid", "status", "before")


class CallLogApi:
    """The endpoint of one server; without a log it says so."""

    def __init__(self, issuer: Issuer, log: CallLog | None) -> None:
        self._issuer, self._log = issuer, log

    def routes(self) -> list[web.RouteDef]:
        """What to add to an application."""
        return [web.get("/api/log", self.calls)]

    async def calls(self, request: web.Request) -> web.Response:
        """With a log-in, every call, or those that the query wants; with a moderator's call token, its session's."""
        session_id = self._issuer.reader(bearer(request))
        if self._log is None:
            raise NotAllowed("this server keeps no log of calls: it was started with --no-log")
        found = await self._log.calls(_wanted(request, session_id))
        return web.json_response({"calls": found})


def _wanted(request: web.Request, session_id: str | None) -> Wanted:
    query = request.query
    texts = {name: query[name] for name in _TEXTS if query.get(name)}
    if texts.get("status", "ended") not in STATUSES:
        raise one_mistake("status", f"{texts['status']!r} is none", f"use {', '.join(STATUSES)}")
    if session_id is not None:
        texts["session_id"] = session_id
    limit = _number(query.get("limit"), "limit", 50)
    if limit is None or not 1 <= limit <= PAGE:
        raise one_mistake("limit", f"{query.get('limit')!r} is no number of calls", f"use 1 to {PAGE}")
    since, until = (_number(query.get(name), name, None) for name in ("since", "until"))
    return Wanted(**texts, since=since, until=until, limit=int(limit))


def _number(text: str | None, name: str, otherwise: float | None) -> float | None:
    if not text:
        return otherwise
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise one_mistake(name, f"{text!r} is no number", "use seconds since the epoch, or a count")
    return found
