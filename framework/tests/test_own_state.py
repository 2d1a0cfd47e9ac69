"""Changes to our own name, metadata and attributes: who confirms them, and who does not."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from livekit.protocol.models import ParticipantInfo
from livekit.protocol.rtc import RequestResponse, UpdateParticipantMetadata

from jackfield.session.own_state import OwnState
from jackfield.session.participant import Participant
from jackfield.values.errors import NetworkError, NotAllowed

REASON = RequestResponse.Reason


class Ourselves:
    """Us, the server's idea of us, and the requests it got."""

    def __init__(self) -> None:
        self.local = Participant(pid="PA_me", uid="me", is_local=True)
        self.is_told()
        self.sent: list[UpdateParticipantMetadata] = []
        self.state = OwnState(self.local, self.sent.append)

    def is_told(self, **fields: Any) -> None:
        self.local.take(ParticipantInfo(sid="PA_me", identity="me", **fields))

    async def change(self, **changes: Any) -> asyncio.Task[None]:
        task = asyncio.create_task(self.state.change(**changes))
        await asyncio.sleep(0)
        return task


async def test_other_news_confirm_nothing_and_a_refusal_is_raised() -> None:
    """The server tells of us, but of nothing that was asked for; then it says no."""
    me = Ourselves()
    task = await me.change(name="Countess")
    me.state.told()
    me.state.answered(RequestResponse(request_id=99))
    me.state.answered(RequestResponse(request_id=me.sent[0].request_id, reason=REASON.QUEUED))
    await asyncio.sleep(0)
    assert not task.done()
    me.state.answered(RequestResponse(request_id=me.sent[0].request_id, reason=REASON.NOT_ALLOWED))
    with pytest.raises(NotAllowed, match="NOT_ALLOWED"):
        await task


@pytest.mark.parametrize(
    ("changes", "other", "held"),
    [
        ({"name": "Countess"}, {"name": "Baroness"}, {"name": "Countess"}),
        ({"metadata": "m"}, {"metadata": "n"}, {"metadata": "m", "name": "x"}),
        ({"attributes": {"a": "1"}}, {"attributes": {"b": "1"}}, {"attributes": {"a": "1", "b": "1"}}),
        ({"attributes": {"old": "", "a": "1"}}, {"attributes": {"a": "1", "old": "o"}}, {"attributes": {"a": "1"}}),
    ],
)
async def test_what_the_server_tells_of_us_confirms(
    changes: dict[str, Any], other: dict[str, Any], held: dict[str, Any]
) -> None:
    """As LiveKit does; but only the values that were asked for."""
    me = Ourselves()
    task = await me.change(**changes)
    me.is_told(**other)
    me.state.told()
    await asyncio.sleep(0)
    assert not task.done()
    me.is_told(**held)
    me.state.told()
    await task


async def test_each_request_says_only_what_it_changes() -> None:
    """Two at once do not undo each other; each has its own answer, and what is so already is not asked for."""
    me = Ourselves()
    me.is_told(name="Ada", metadata="before")
    tasks = [await me.change(name="Countess"), await me.change(metadata="after")]
    assert [(each.name, each.metadata) for each in me.sent] == [("Countess", ""), ("", "after")]
    for request in me.sent:
        me.state.answered(RequestResponse(request_id=request.request_id))
    await asyncio.gather(*tasks)
    me.is_told(name="Countess", metadata="after")
    me.state.told()
    await me.state.change(name="Countess")
    assert len(me.sent) == 2


async def test_what_was_taken_and_not_told_of_yet_is_no_longer_as_we_see_it() -> None:
    """An attribute that was just set is taken away, though the server has not told of it yet."""
    me = Ourselves()
    task = await me.change(attributes={"seat": "3"})
    me.state.answered(RequestResponse(request_id=me.sent[0].request_id))
    await task
    task = await me.change(attributes={"seat": ""})
    assert len(me.sent) == 2
    me.is_told(attributes={"seat": "3"})
    me.state.told()
    me.is_told()
    me.state.told()
    await task


async def test_silence_and_the_end_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for ever."""
    me = Ourselves()
    task = await me.change(name="Countess")
    me.state.end()
    with pytest.raises(NetworkError, match="the call ended"):
        await task
    monkeypatch.setattr("jackfield.session.own_state.UPDATE_TIMEOUT_S", 0.01)
    with pytest.raises(NetworkError, match="did not confirm"):
        await me.state.change(name="Countess")
