"""Whom a call shows as its moderator."""

from __future__ import annotations

import asyncio

from jackfield import Calls, Place, tokens
from jackfield.server.app import Server
from tests.lab.embedded import KEY, SECRET

QUIET = {"camera": "none", "microphone": "none", "speaker": "none"}


async def test_a_moderator_is_seen_as_one(embedded: Server) -> None:
    """The embedded server says who it is, and so its word on roles counts."""
    async with Calls(Place(embedded.url), remember=False) as one, Calls(Place(embedded.url), remember=False) as other:
        for calls, uid, role in ((one, "ada", "moderator"), (other, "bob", "participant")):
            token = tokens.mint_call_token(KEY, SECRET, uid=uid, name="", session_id="room", role=role)  # type: ignore[arg-type]
            await calls.join_session(call_token=token, settings=QUIET)
        ada, bob = one.session, other.session
        assert ada
        assert bob
        async with asyncio.timeout(10):
            while "bob" not in ada.participants:
                await asyncio.sleep(0.01)
        assert (bob.participants["ada"].role, ada.participants["bob"].role) == ("moderator", "participant")
