"""Recording over HTTP: ``/api/recording`` begins and ends it, ``/api/recordings`` is what was kept."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import attrs
from aiohttp import web

from jackfield.server.recording.kept import Kept, Recording, files
from jackfield.server.recording.recordings import Recordings
from jackfield.server.service.asking import bearer, body
from jackfield.server.service.issuing import Issuer
from jackfield.server.settings import one_mistake
from jackfield.values.errors import NotAllowed


class RecordingApi:
    """The endpoints of recording of one server."""

    def __init__(self, issuer: Issuer, recordings: Recordings) -> None:
        self._issuer, self._recordings = issuer, recordings

    def routes(self) -> list[web.RouteDef]:
        """What to add to an application."""
        return [
            web.post("/api/recording", self.switch),
            web.get("/api/recordings", self.listed),
            web.get("/api/recordings/{id}/{file}", self.file),
        ]

    async def switch(self, request: web.Request) -> web.Response:
        """``action`` start or stop, with a moderator's call token → the recording."""
        asked = await body(request)
        moderator = self._issuer.moderator(bearer(request))
        action = asked.get("action")
        if action == "start":
            recording = await self._recordings.start(moderator.session_id, moderator.uid)
        elif action == "stop":
            recording = await self._recordings.stop(moderator.session_id)
        else:
            raise one_mistake("action", f"{action!r} is none", "use start or stop")
        return web.json_response({"recording": attrs.asdict(recording)})

    async def listed(self, request: web.Request) -> web.Response:
        """With a log-in, every recording, or those of ``session_id``; with a moderator's call token, its session's."""
        kept, session_id = self._readable(request)
        found = await asyncio.to_thread(_described, kept, session_id or request.query.get("session_id"))
        return web.json_response({"recordings": found})

    async def file(self, request: web.Request) -> web.StreamResponse:
        """One file, whole or in ranges."""
        kept, session_id = self._readable(request)
        path = await asyncio.to_thread(_path, kept, request.match_info["id"], request.match_info["file"], session_id)
        if path is None:
            raise web.HTTPNotFound(text="there is no such file of a recording\n")
        return web.FileResponse(path, headers={"Content-Disposition": "attachment"})

    def _readable(self, request: web.Request) -> tuple[Kept, str | None]:
        session_id = self._issuer.reader(bearer(request))
        if self._recordings.kept is None:
            raise NotAllowed("this server records nothing: it was started with --no-recording")
        return self._recordings.kept, session_id


def _described(kept: Kept, session_id: str | None) -> list[dict[str, Any]]:
    return [_facts(recording, folder) for recording, folder in kept.listed(session_id)]


def _facts(recording: Recording, folder: Path) -> dict[str, Any]:
    there = [{"name": path.name, "bytes": path.stat().st_size} for path in files(folder)]
    return {**attrs.asdict(recording), "files": there}


def _path(kept: Kept, recording_id: str, name: str, session_id: str | None) -> Path | None:
    found = kept.find(recording_id)
    if found is None or (session_id is not None and found[0].session_id != session_id):
        return None
    return next((path for path in files(found[1]) if path.name == name), None)
