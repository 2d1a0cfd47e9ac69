"""A worker's process: ``python -m jackfield.server.workers.process``, started by `Running`.

Its first line of input is its `Order`. It says in one line of JSON that it listens, or why not, and ends when its input
does, so that it outlives nobody. Signals are the first process's affair: who ends the server at a terminal, or a
service manager that tells every process to end, begins a drain there, which this one has a part in.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from jackfield.door import http_logger
from jackfield.server.collector import spared_collector
from jackfield.server.service.guards import Handler
from jackfield.server.sfu import Limits, Sfu
from jackfield.server.workers import wire
from jackfield.server.workers.control import Control

#: A join of protocol v1 has the client's first offer in its address.
_MAX_LINE: Final = 64 << 10
#: It ends within this time, whatever hangs.
_END_S: Final = 3.0
#: So often it is looked whether whoever started us is gone: the kernel closes its files first.
_ORPHANED: Final = 20


def say(**words: Any) -> None:
    """One line to whoever started us."""
    with suppress(BrokenPipeError):
        print(json.dumps(words), flush=True)


async def serve(order: wire.Order) -> int:
    """Until the input ends; not 0 where nothing could be opened."""
    sfu = Sfu(
        keys=order.keys,
        host=order.host,
        udp_port=order.udp_port,
        announce=order.announce,
        ice_servers=order.ice_servers,
        limits=Limits(cpu_share=order.cpu_share, last_n=order.last_n),
    )
    try:
        await sfu.start()
    except OSError as exc:
        say(errno=exc.errno, message=exc.strerror or str(exc))
        return 1
    owner, control = os.getppid(), Control(sfu)
    runner = web.AppRunner(
        application(order, sfu, control),
        access_log=None,
        shutdown_timeout=0.1,
        logger=http_logger("jackfield.server"),
        max_line_size=_MAX_LINE,
        max_field_size=_MAX_LINE,
        handle_signals=False,
    )
    await runner.setup()
    site = web.UnixSite(runner, order.path) if order.path else web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    ended = asyncio.Event()
    waiting = (ended, asyncio.get_running_loop(), lambda: _tidy(order.path, owner))
    threading.Thread(target=_wait_for_the_end, args=waiting, daemon=True).start()
    say(udp_port=sfu.udp_port, port=0 if order.path else runner.addresses[0][1])
    with spared_collector():
        await ended.wait()
    await runner.cleanup()
    if not control.was_closed:
        _tidy(order.path, owner)
    return 0


def application(order: wire.Order, sfu: Sfu, control: Control) -> web.Application:
    """What the first process asks of this one, and nobody else."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not hmac.compare_digest(request.headers.get(wire.SECRET, "").encode(), order.secret.encode()):
            raise web.HTTPForbidden(text="this is no address for clients\n")
        return await handler(request.clone(remote=request.headers.get(wire.ADDRESS, "")))

    made = web.Application(middlewares=[guard])
    made.add_routes([*sfu.routes(), web.get(wire.CONTROL, control.serve)])
    return made


def _wait_for_the_end(ended: asyncio.Event, loop: asyncio.AbstractEventLoop, tidy: Callable[[], None]) -> None:
    """On a thread of its own: a loop that hangs is no reason to stay, nor to leave anything behind."""
    with suppress(OSError, ValueError):
        sys.stdin.read()
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(ended.set)
    time.sleep(_END_S)
    tidy()
    os._exit(1)


def _tidy(path: str, owner: int) -> None:
    """Whoever started us does it, unless it was killed."""
    for _ in range(_ORPHANED if path else 0):
        if os.getppid() != owner:
            with suppress(OSError):
                Path(path).unlink(missing_ok=True)
                Path(path).parent.rmdir()
            return
        time.sleep(0.05)


def main() -> int:
    """The exit code."""
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, signal.SIG_IGN)
    line = sys.stdin.readline()
    if not line:
        return 1
    order = wire.Order.of(line)
    logging.basicConfig(
        level=order.log_level, format=f"%(levelname)s worker {order.number}: %(name)s: %(message)s", stream=sys.stderr
    )
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:  # which reads sockets, on Windows too
        return runner.run(serve(order))


if __name__ == "__main__":
    sys.exit(main())
