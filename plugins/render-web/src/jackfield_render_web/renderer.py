"""The page of one call, on this machine alone."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from jackfield.door import Door as Entry
from jackfield.door import http_logger
from jackfield.roles import RenderedCall
from jackfield.values.errors import PluginError
from jackfield.web_client import folder
from jackfield_render_web.door import Door
from jackfield_render_web.options import Options
from jackfield_render_web.viewer import MESSAGE_MAX, Viewer

#: Pages that look at once; a further one is told to wait.
VIEWERS_MAX = 8
#: Connections that show no page: a browser needs a few for as long as one loads.
CONNECTIONS_MAX = 64
#: One that asks nothing for so long is closed.
IDLE_S = 15.0
_LOG = "jackfield.render-web"


class WebRenderer:
    """Serves the page from `start` to `close`. All of it runs on the event loop."""

    def __init__(self, call: RenderedCall, options: Options) -> None:
        self._call, self._options = call, options
        self._door = Door(options.origins)
        self._viewers: set[Viewer] = set()
        self._runner: web.AppRunner | None = None
        self._listener: asyncio.Server | None = None
        self._entry: Entry | None = None
        self._port = 0

    @property
    def view(self) -> str:
        """The address to open, its secret included."""
        return f"http://127.0.0.1:{self._port}/#{self._door.secret}"

    async def start(self) -> None:
        """It listens. `PluginError` when the port is taken, or the client was never built."""
        static = folder()
        app = web.Application(middlewares=[self._door.middleware], client_max_size=4096)

        async def page(_: web.Request) -> web.StreamResponse:
            return web.FileResponse(static / "screen.html")

        app.add_routes([web.get("/", page), web.post("/enter", self._door.enter), web.get("/call", self._watch)])
        app.router.add_static("/assets", static / "assets")
        runner = self._runner = web.AppRunner(
            app, access_log=None, shutdown_timeout=0.5, keepalive_timeout=IDLE_S, logger=http_logger(_LOG)
        )
        await runner.setup()
        try:
            self._listener = await self._listen(runner)
        except OSError as exc:
            await runner.cleanup()
            found = f"port {self._options.port} of 127.0.0.1 cannot be listened on: {exc.strerror or exc}"
            raise PluginError(f"{found}; set another one, or 0 for any, as port in [render-web]") from exc
        self._port = self._listener.sockets[0].getsockname()[1]

    async def _listen(self, runner: web.AppRunner) -> asyncio.Server:
        assert runner.server is not None
        self._entry = Entry(runner.server, CONNECTIONS_MAX, _LOG)
        return await asyncio.get_running_loop().create_server(self._entry, "127.0.0.1", self._options.port)

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        if not self._door.knows(request):
            return web.Response(status=403, text="The link that was given opens this page.")
        if len(self._viewers) >= VIEWERS_MAX:
            return web.Response(status=503, text=f"{VIEWERS_MAX} pages look already: close one of them.")
        options: dict[str, Any] = {"compress": False, "heartbeat": 20, "max_msg_size": MESSAGE_MAX}
        socket = web.WebSocketResponse(**options, protocols=("jackfield",))
        await socket.prepare(request)
        if self._entry is not None:
            self._entry.admitted(request.transport)
        viewer = Viewer(self._call, socket)
        self._viewers.add(viewer)
        try:
            await viewer.run()
        finally:
            self._viewers.discard(viewer)
            if viewer.is_behind and request.transport is not None:
                request.transport.abort()
        return socket

    async def close(self) -> None:
        """Pages are told that it is over; nothing listens any more."""
        for viewer in list(self._viewers):
            await viewer.over(self._call.left_because or "left")
        if self._listener is not None:
            self._listener.close()
        if self._runner is not None:
            await self._runner.cleanup()
