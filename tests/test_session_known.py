"""When `Calls.session` is the session."""

from __future__ import annotations

from typing import Any

import pytest

from jackfield.calls import Calls
from jackfield.plugins import load, load_config
from jackfield.server.app import Server
from jackfield.tokens import mint_call_token
from jackfield.values.errors import PluginError
from jackfield.values.people import CallToken, Place
from tests.lab.embedded import KEY, SECRET

QUIET = {"camera": "none", "microphone": "none", "speaker": "none"}


def minted(uid: str) -> CallToken:
    return mint_call_token(KEY, SECRET, uid=uid, name="", session_id="room", role="moderator")


async def test_handlers_of_the_first_events_find_the_session(embedded: Server) -> None:
    """Those that were registered before the join, too."""
    place = Place(embedded.url)
    async with Calls(place, remember=False) as first, Calls(place, remember=False) as second:
        await first.join_session(call_token=minted("ada"), settings=QUIET)
        seen: list[Any] = []
        for name in ("session_joined", "participant_joined"):
            second.on(name, lambda event: seen.append(second.session))
        session = await second.join_session(call_token=minted("bob"), settings=QUIET)
        assert seen == [session, session]


async def test_a_join_that_fails_at_its_end_leaves_no_session(
    embedded: Server, easel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call had begun, and its renderer did not open."""
    monkeypatch.setenv("JACKFIELD_EASEL_BREAKS", "true")
    plugins = load(load_config(None))
    async with Calls(Place(embedded.url), plugins=plugins, remember=False) as calls:
        seen: list[Any] = []
        calls.on("session_joined", lambda event: seen.append(calls.session))
        with pytest.raises(PluginError, match="it fell over"):
            await calls.join_session(call_token=minted("ada"), settings={**QUIET, "renderers": [easel]})
        assert len(seen) == 1
        assert calls.session is None
        assert calls._session is None
