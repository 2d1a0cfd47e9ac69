"""Two clients of an embedded server of their own, for adapters' whole calls, and what one recognises of the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from jackfield_synthetic.plugin import plugin as synthetic

from jackfield import Calls, Place
from jackfield.plugins import Plugins
from jackfield.server.app import Server
from jackfield.server.launch import make_sfu
from jackfield.server.settings import ServerSettings

KEY, SECRET = "APIphones", "secret-of-two-phones-in-a-test-32b"
LIMIT_S = 25.0


@asynccontextmanager
async def two_phones(state: Path, monkeypatch: pytest.MonkeyPatch, plugins: Plugins) -> AsyncIterator[list[Calls]]:
    """Both have these plugins, and share the machine's state folder ``state``."""
    monkeypatch.setenv("JACKFIELD_STATE_DIR", str(state))
    server = Server(ServerSettings(keys={KEY: SECRET}, login_key="log-in", port=0, udp_port=0), make_sfu)
    await server.start()
    phones = [Calls(Place(server.url, KEY, SECRET), plugins=plugins, remember=False) for _ in range(2)]
    yield phones
    await asyncio.gather(*(each.close() for each in phones))
    await server.close()


async def joined(phone: Calls, uid: str, wish: Mapping[str, Any], **settings: Any) -> Any:
    """The call of both, joined as ``uid`` with what both ``wish`` for, and these settings."""
    await phone.login(uid)
    return await phone.join_session(session_id="door", settings={**wish, **settings})


async def seen(call: Any, uid: str) -> Any:
    """The participant, once they are there."""
    async with asyncio.timeout(LIMIT_S):
        while uid not in call.participants:
            await asyncio.sleep(0.02)
    return call.participants[uid]


async def recognised(media: Any, count: int) -> Any:
    """What a verifier says once it has recognised so many pictures, or tenths of a second."""
    (driver,) = synthetic.register_captures(synthetic.options())
    verifier = driver.verifier()
    async with asyncio.timeout(LIMIT_S):
        async for each in media:
            verifier.observe(each)
            if verifier.verdict().frames >= count:
                break
    return verifier.verdict()
