"""The pages: the web client that the package was built with, or one that says how to build it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from aiohttp import web

from jackfield.web_client import STATIC

_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Jackfield</title></head><body><main><h1>Jackfield</h1>{body}</main></body></html>
"""
_NOT_BUILT: Final = """<p>This server runs, but its web client has not been built. In the checkout, run:</p>
<pre>make setup</pre><p>and load this page again. An installed package has the client inside.</p>"""


class Pages:
    """The web client from one folder, asked for at each request so that a build shows without a restart."""

    def __init__(self, static: Path = STATIC) -> None:
        self._static = static

    def routes(self) -> list[web.AbstractRouteDef]:
        """What to add to an application; the last one takes any path that names a built file."""
        return [
            web.get("/", self.welcome),
            web.get("/join/{session_id}", self.join),
            web.get("/favicon.ico", self.icon),
            web.get("/{path:(?:assets/.+|[A-Za-z0-9_-]+\\.(?:js|css|svg|png|ico|webmanifest|txt))}", self.file),
        ]

    async def welcome(self, request: web.Request) -> web.StreamResponse:
        """What can be done here, for who came without a session."""
        return self._page("welcome.html")

    async def join(self, request: web.Request) -> web.StreamResponse:
        """The page of one session. It reads the session from the address and the invite from the fragment."""
        return self._page("index.html")

    async def icon(self, request: web.Request) -> web.StreamResponse:
        """For browsers that ask by this name whatever a page says; the pages name it themselves."""
        found = next(iter((self._static / "assets").glob("icon-*.svg")), None)
        if found is None:
            return web.Response(status=204)
        return web.FileResponse(found, headers={"Cache-Control": "public, max-age=86400"})

    def _page(self, name: str) -> web.StreamResponse:
        page = self._static / name
        if not page.is_file():
            return _html(_NOT_BUILT, status=503)
        return web.FileResponse(page, headers={"Cache-Control": "no-cache"})

    async def file(self, request: web.Request) -> web.StreamResponse:
        """One file of the web client. Names under ``assets/`` carry a hash of their content, and so may be kept."""
        asked = request.match_info["path"]
        try:
            path = (self._static / asked).resolve()
            found = path.is_relative_to(self._static.resolve()) and path.is_file()
        except (ValueError, OSError):  # a name that no file can have
            found = False
        if not found:
            raise web.HTTPNotFound
        kept = "public, max-age=31536000, immutable" if asked.startswith("assets/") else "no-cache"
        return web.FileResponse(path, headers={"Cache-Control": kept})


def _html(body: str, *, status: int = 200) -> web.Response:
    return web.Response(text=_PAGE.format(body=body), content_type="text/html", status=status)
