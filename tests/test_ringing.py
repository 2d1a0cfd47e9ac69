"""Ringing over a real server: two users' programs, on several devices, until they meet in a call."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from jackfield import AuthTokenError, Calls, LogInError, NetworkError, NotAllowed
from tests.lab.meeting import QUIET, People, heard, names, until

pytestmark = pytest.mark.parametrize("place", ["embedded"], indirect=True)


async def online(people: People, uid: str) -> tuple[Calls, list[Any]]:
    """Their program, logged in and online, and what it hears."""
    calls = people.phone()
    await calls.login(uid, name=uid.title())
    events = heard(calls)
    await calls.go_online()
    return calls, events


async def test_they_ring_and_meet(people: People) -> None:
    """Bob hears it on both devices and comes on one; both are in one session, and who rings him then finds him busy."""
    (ada, hers), (bob, his), (tablet, its) = [await online(people, uid) for uid in ("ada", "bob", "bob")]
    ring = await ada.ring("bob", session_id=people.session_id)
    await until(lambda: names(his) == names(its) == ["incoming_ring"], "the ring")
    assert (his[0].ring.uid, his[0].ring.name, his[0].ring.session_id) == ("ada", "Ada", people.session_id)
    call = await bob.accept(his[0].ring, settings=QUIET)
    await until(lambda: names(hers) == ["ring_accepted"], "the answer")
    await until(lambda: names(its) == ["incoming_ring", "ring_answered_elsewhere"], "the end of it elsewhere")
    own = await ada.join_session(session_id=ring.session_id, settings=QUIET)
    await until(lambda: "bob" in own.participants and "ada" in call.participants, "each other")
    carol, events = await online(people, "carol")
    await carol.ring("bob")
    await until(lambda: names(events) == ["ring_rejected"], "that he is busy")
    assert events[0].busy
    with pytest.raises(NotAllowed, match="rings for you no more"):
        await tablet.accept(its[0].ring)
    await ada.close()
    assert not ada.is_online


async def test_no_is_an_answer_and_so_is_giving_up(people: People) -> None:
    """Rejected by one, cancelled for another; the log of calls has both."""
    (ada, hers), (bob, his) = [await online(people, uid) for uid in ("ada", "bob")]
    await ada.ring("bob", type="VOICE")
    await until(lambda: his, "the ring")
    assert his[0].ring.type == "VOICE"
    await bob.reject(his[0].ring)
    await until(lambda: names(hers) == ["ring_rejected"], "the answer")
    second = await ada.ring(["bob", "nobody-there"])
    await until(lambda: len(his) == 2, "the second ring")
    await ada.cancel(second)
    await until(lambda: names(his)[2:] == ["ring_cancelled"], "the end of it")
    with pytest.raises(NotAllowed, match="rings for you no more"):
        await bob.accept(his[1].ring)
    token = ada.auth_token
    async with (
        aiohttp.ClientSession(people.place.url, headers={"Authorization": f"Bearer {token}"}) as http,
        http.get("/api/log?uid=bob") as answer,
    ):
        logged = (await answer.json())["calls"]
    assert [call["status"] for call in logged] == ["cancelled", "rejected"]


async def test_who_logs_out_is_rung_no_more(people: People) -> None:
    """Nor who logs in as somebody else: another person's rings are nobody's to hear or to answer."""
    (ada, _), (bob, his) = [await online(people, uid) for uid in ("ada", "bob")]
    await bob.logout()
    assert not bob.is_online
    await bob.login("carol", name="Carol")
    await ada.ring("bob")
    await bob.go_online()
    await ada.ring("carol")
    await until(lambda: his, "her ring")
    assert [event.ring.answers for event in his] == [{"carol": "ringing"}]
    await bob.login("dora", name="Dora")
    assert not bob.is_online


async def test_what_is_asked_as_the_line_breaks_is_not_waited_for(people: People) -> None:
    """Nobody sends its answer any more: that is said at once, and not after ten seconds."""
    (ada, _) = await online(people, "ada")
    line = ada._line
    assert line is not None
    assert line._socket is not None
    asked = line._asked[99] = asyncio.get_running_loop().create_future()
    await line._socket.close()
    async with asyncio.timeout(2):
        with pytest.raises(NetworkError, match="broke"):
            await asked


async def test_a_line_that_breaks_is_opened_anew_and_still_rings(people: People) -> None:
    """What rings meanwhile is heard once it is back."""
    (ada, _), (bob, his) = [await online(people, uid) for uid in ("ada", "bob")]
    assert bob._line is not None
    assert bob._line._socket is not None
    first = bob._line._socket
    await first.close()
    await ada.ring("bob")
    await until(lambda: names(his) == ["incoming_ring"], "the ring on the new line")
    assert bob._line._socket is not first


async def test_mistakes_are_said_in_words(people: People) -> None:
    """Nobody logged in, not online, wrong uids and types; on the wire, garbage, a wrong token and silence."""
    ada = people.phone()
    with pytest.raises(AuthTokenError, match="call login first"):
        await ada.go_online()
    await ada.login("ada")
    with pytest.raises(NetworkError, match="go_online"):
        await ada.ring("bob")
    await ada.go_online()
    for wrong, words in ((["ada"], "1 to 50 others"), ([], "no list of uids"), (["with space"], "space")):
        with pytest.raises((NotAllowed, LogInError, Exception), match=words):
            await ada.ring(wrong)
    with pytest.raises(Exception, match="VIDEO or VOICE"):
        await ada.ring("bob", type="SMELL")
    async with aiohttp.ClientSession(people.place.url) as http:
        async with http.get("/api/ring") as plain:
            assert (plain.status, "WebSocket" in await plain.text()) == (400, True)
        for hello, words in (("garbage", "blank"), (json.dumps({"auth_token": "no"}), "no log-in")):
            async with http.ws_connect("/api/ring") as socket:
                await socket.send_str(hello)
                assert words in (await socket.receive_json(timeout=5))["error"]["message"]
        async with http.ws_connect("/api/ring") as socket:
            await socket.send_str(json.dumps({"auth_token": ada.auth_token}))
            assert await socket.receive_json(timeout=5) == {"online": "ada", "ringing": []}
            await socket.send_str('{"do": "burn", "n": 7}')
            answer = await socket.receive_json(timeout=5)
            assert (answer["done"], answer["error"]["code"]) == (7, "VALIDATION_ERROR")
            for _ in range(40):
                await socket.send_str("[]")
            async with asyncio.timeout(5):
                while not (await socket.receive()).type.name.startswith("CLOS"):
                    pass
