"""The process that records one call: it joins unseen, writes what it hears and sees, and ends when it is told to.

``python -m jackfield.cli.live.recorder``. Its first line of input is what to do (JSON, `Order`); it ends at the
next line, or when its input closes, so that it outlives nobody. It says how it goes in lines of JSON.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import threading
from pathlib import Path
from typing import Any, Final

from jackfield.calls import Calls
from jackfield.plugins import Config
from jackfield.server.recording.running import Order
from jackfield.session.call import CallSession
from jackfield.values.errors import CallError, NotAllowed
from jackfield.values.people import Place

#: Who is there is told with the join; more would be somebody's luck.
SOMEBODY_S: Final = 1.0
#: A disk with less than this is full.
FREE_BYTES: Final = 200 << 20
LOOK_S: Final = 5.0


def say(**words: Any) -> None:
    """One line to whoever started us."""
    try:
        print(json.dumps(words), flush=True)
    except BrokenPipeError:
        pass


async def record(order: Order, stop: asyncio.Event) -> str:
    """Why it ended; `CallError` where it could not begin."""
    settings: dict[str, Any] = {"camera": "none", "microphone": "none", "speaker": "none"}
    settings |= {"record_to": order.folder, "idle_timeout_before_prompt_s": 0}
    place = Place(order.url, fingerprint=order.fingerprint)
    async with Calls(place, config=Config(), remember=False) as calls:
        call = await calls.join_session(call_token=order.token, settings=settings)
        await _somebody(call)
        say(state="recording")
        return await _ended(call, stop, Path(order.folder))


async def _somebody(call: CallSession) -> None:
    try:
        async with asyncio.timeout(SOMEBODY_S):
            while not call.participants:
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise NotAllowed("nobody is in this session; join it, then record it") from None


async def _ended(call: CallSession, stop: asyncio.Event, folder: Path) -> str:
    told, over, full = (asyncio.ensure_future(each) for each in (stop.wait(), call.until_left(), _until_full(folder)))
    try:
        await asyncio.wait({told, over, full}, return_when=asyncio.FIRST_COMPLETED)
        if over.done():
            return "over"
        return "the disk is full" if full.done() else "stopped"
    finally:
        for each in (told, over, full):
            each.cancel()


async def _until_full(folder: Path) -> None:
    while (await asyncio.to_thread(shutil.disk_usage, folder)).free >= FREE_BYTES:
        await asyncio.sleep(LOOK_S)


def _listen(stop: asyncio.Event, loop: asyncio.AbstractEventLoop) -> None:
    """On a thread of its own, which the end of the process does not wait for."""
    sys.stdin.readline()
    loop.call_soon_threadsafe(stop.set)


async def main() -> int:
    """0 where something was recorded as it was asked."""
    stop = asyncio.Event()
    order = Order(**json.loads(sys.stdin.readline()))
    threading.Thread(target=_listen, args=(stop, asyncio.get_running_loop()), daemon=True).start()
    try:
        reason = await record(order, stop)
    except CallError as error:
        say(state="failed", code=error.code, message=error.message)
        return 1
    say(state="ended", reason=reason)
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
