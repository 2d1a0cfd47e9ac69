"""Where this machine's own server is: what it writes of itself, and whether it is still there.

Clients and the server both use this, and it is all they share about each other.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any, Final

import aiohttp
import attrs

from jackfield import state

#: Held while somebody looks for, starts, or ends this machine's own server.
LOCK: Final = "server.lock"


@attrs.frozen
class RuntimeRecord:
    """One server of this machine. ``instance`` is what its health page answers with while it is that server."""

    url: str
    pid: int
    instance: str
    udp_port: int = 0
    started_at: float = 0.0
    fingerprint: str | None = None
    #: Ends by itself this long after the last participant left; 0: runs until it is stopped.
    idle_s: float = 0.0
    #: Where people reach it, from other machines if they can.
    join_url: str = ""


def path() -> Path:
    """The file in which a server says that it is there."""
    return state.directory() / "server.json"


def read() -> RuntimeRecord | None:
    """What the last server of this machine said of itself; it may have ended since."""
    try:
        return RuntimeRecord(**(state.read_json(path()) or {}))
    except TypeError:
        return None


def write(record: RuntimeRecord) -> None:
    """Others on this machine find the server from now on."""
    state.write_json(path(), attrs.asdict(record))


def remove(instance: str) -> None:
    """The server of this instance is found no more; the record of another is left alone."""
    record = read()
    if record is not None and record.instance == instance:
        with contextlib.suppress(FileNotFoundError):
            path().unlink()


async def answers(record: RuntimeRecord, *, timeout_s: float = 2.0) -> bool:
    """Whether the server of this record is there, and takes calls."""
    found = await health(record, timeout_s=timeout_s)
    return found is not None and found.get("status") == "ok"


async def drains(record: RuntimeRecord) -> bool:
    """Whether the server of this record is there, and lets nobody new in, for it is about to end."""
    found = await health(record)
    return found is not None and found.get("status") == "draining"


async def health(record: RuntimeRecord, *, timeout_s: float = 2.0) -> dict[str, Any] | None:
    """What the server of this record says of itself; None where it is gone. Asked over HTTP, so that a reused pid or
    port misleads nobody."""
    try:
        pin = aiohttp.Fingerprint(bytes.fromhex(record.fingerprint)) if record.fingerprint else True
        timeout = aiohttp.ClientTimeout(total=timeout_s)
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=False) as session,
            session.get(f"{record.url}/healthz", ssl=pin) as response,
        ):
            found = await response.json(content_type=None)
    except (TimeoutError, aiohttp.ClientError, OSError, ValueError):
        return None
    return found if isinstance(found, dict) and found.get("instance") == record.instance else None
