"""The log of calls: what is written of what happens, found again, and closed after a server was killed."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from jackfield import tokens
from jackfield.server.call_log.call_log import CallLog
from jackfield.server.call_log.store import Store, Wanted
from jackfield.server.happenings import Came, Kept, Over, Rang, Told, Went
from jackfield.testing import service
from jackfield.values.errors import NetworkError


class Wall:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
async def log(tmp_path: Path, wall: Wall) -> AsyncIterator[CallLog]:
    kept = CallLog(tmp_path / "kept" / "calls.sqlite3", days=1, clock=wall)
    await kept.start()
    yield kept
    await kept.close()


def came(uid: str, at: float, call: str = "RM_1", session: str = "stand-up", **changed: Any) -> Came:
    values: dict[str, Any] = {"pid": f"PA_{uid}_{call}", "role": "moderator", "dependent": False}
    return Came(call_id=call, session_id=session, uid=uid, name=uid.title(), at=at, **(values | changed))


def went(uid: str, at: float, call: str = "RM_1", reason: str = "left") -> Went:
    return Went(call, f"PA_{uid}_{call}", reason, at)


async def test_a_call_is_told_from_its_first_to_its_last(log: CallLog) -> None:
    """Who was in it and when, who only recorded it was not; it lasts until the last has left."""
    happened = [came("ada", 100.0), came("RC_1", 101.0, dependent=True), came("bob", 102.0), went("bob", 110.0)]
    happened += [came("bob", 111.0, pid="PA_again"), Kept("stand-up", "RC_1", "ada", 101.0)]
    for each in happened:
        log.hear(each)
    (going,) = await log.calls(Wanted())
    assert (going["status"], going["ended_at"], going["duration_s"]) == ("ongoing", None, None)
    ending = [Kept("stand-up", "RC_1", "ada", 101.0, 120.0, "over"), Went("RM_1", "PA_again", "removed", 118.0)]
    for each in [*ending, went("ada", 130.0), Over("RM_1", "over", 150.0)]:
        log.hear(each)
    (call,) = await log.calls(Wanted())
    assert (call["session_id"], call["status"], call["reason"]) == ("stand-up", "ended", "over")
    assert (call["started_at"], call["ended_at"], call["duration_s"]) == (100.0, 130.0, 30.0)
    assert [(who["uid"], who["joined_at"], who["left_at"], who["reason"]) for who in call["people"]] == [
        ("ada", 100.0, 130.0, "left"),
        ("bob", 102.0, 110.0, "left"),
        ("bob", 111.0, 118.0, "removed"),
    ]
    (recording,) = call["recordings"]
    assert (recording["id"], recording["started_by"], recording["ended_at"]) == ("RC_1", "ada", 120.0)


async def test_a_ring_that_nobody_answered_is_no_call_to_record(log: CallLog) -> None:
    """The recording stands with the call, whatever rang into its session since."""
    log.hear(came("ada", 100.0))
    log.hear(Rang("RI_1", "stand-up", "ada", "Ada", {"bob": "rejected"}, 105.0, 106.0))
    log.hear(Kept("stand-up", "RC_1", "ada", 110.0))
    found = {call["id"]: [each["id"] for each in call["recordings"]] for call in await log.calls(Wanted())}
    assert found == {"RI_1": [], "RM_1": ["RC_1"]}


async def test_a_call_that_outlived_its_service_goes_on(log: CallLog, wall: Wall) -> None:
    """Before a LiveKit server, calls go on while the service is started anew: who is told of again is in it still."""
    log.hear(came("ada", 100.0))
    await log.calls(Wanted())
    store = log._store
    assert store is not None
    wall.now = 190.0
    await store.beat([])
    (call,) = await log.calls(Wanted())
    assert call["status"] == "interrupted"
    log.hear(came("ada", 100.0))
    (call,) = await log.calls(Wanted())
    assert (call["status"], call["ended_at"], call["people"][0]["left_at"]) == ("ongoing", None, None)
    wall.now = 230.0
    await store.beat([])
    (call,) = await log.calls(Wanted())
    assert call["status"] == "ongoing"


async def test_calls_are_found_by_what_is_known_of_them_page_by_page(log: CallLog) -> None:
    """By session, person, status and time; a page goes on where the one before ended, equal times too."""
    for number in range(7):
        call, at = f"RM_{number}", 100.0 + number // 2
        log.hear(came("ada" if number % 2 else "bob", at, call, "odd" if number % 2 else "even"))
        if number < 6:
            log.hear(Over(call, "ended", at + 1))
    every = [call["id"] for call in await log.calls(Wanted())]
    assert every == ["RM_6", "RM_5", "RM_4", "RM_3", "RM_2", "RM_1", "RM_0"]
    pages: list[str] = []
    while page := await log.calls(Wanted(limit=3, before=pages[-1] if pages else None)):
        pages += [call["id"] for call in page]
    assert pages == every

    async def ids(**wish: Any) -> list[str]:
        return [call["id"] for call in await log.calls(Wanted(**wish))]

    assert await ids(session_id="odd") == ["RM_5", "RM_3", "RM_1"]
    assert await ids(uid="bob", since=101.0) == ["RM_6", "RM_4", "RM_2"]
    assert await ids(status="ongoing") == ["RM_6"]
    assert await ids(until=101.0, session_id="even") == ["RM_0"]
    assert await ids(uid="' OR 1=1 --") == []


async def test_calls_of_a_server_that_was_killed_are_closed_and_those_of_another_go_on(
    log: CallLog, wall: Wall, tmp_path: Path
) -> None:
    """Of which nobody says that they go on: for a minute they may, then they were interrupted when last heard of."""
    wall.now = 100.0
    log.hear(came("ada", 100.0, "RM_killed"))
    log.hear(came("bob", 100.0, "RM_alive"))
    await log.calls(Wanted())
    other = await Store.open(tmp_path / "kept" / "calls.sqlite3", wall)
    for wall.now in (140.0, 190.0):
        await other.beat(["RM_alive"])
    found = {call["id"]: call for call in await other.calls(Wanted())}
    await other.close()
    assert (found["RM_killed"]["status"], found["RM_killed"]["ended_at"]) == ("interrupted", 100.0)
    assert [(who["left_at"], who["reason"]) for who in found["RM_killed"]["people"]] == [(100.0, "interrupted")]
    assert found["RM_alive"]["status"] == "ongoing"


async def test_what_is_old_is_forgotten_with_all_that_belongs_to_it(tmp_path: Path, wall: Wall) -> None:
    """After so many days, people and recordings too."""
    store = await Store.open(tmp_path / "calls.sqlite3", wall)
    at = wall.now
    await store.take([came("ada", at), Kept("stand-up", "RC_1", "ada", at), Over("RM_1", "over", at + 1)])
    await store.forget(1)
    assert len(await store.calls(Wanted())) == 1
    wall.now += 2 * 24 * 3600
    await store.forget(1)
    await store.close()
    with sqlite3.connect(tmp_path / "calls.sqlite3") as file:
        counts = [
            file.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0] for table in ("calls", "presence", "recordings")
        ]
    file.close()
    assert counts == [0, 0, 0]


async def test_a_file_that_cannot_be_opened_costs_no_call(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is said once, and who asks for the log is told."""
    (tmp_path / "calls.sqlite3").write_bytes(b"no database at all" * 100)
    log = CallLog(tmp_path / "calls.sqlite3")
    await log.start()
    log.hear(came("ada", 1.0))
    assert "cannot be opened" in caplog.text
    with pytest.raises(NetworkError, match="cannot be opened"):
        await log.calls(Wanted())
    await log.close()


def test_who_listens_badly_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """The others hear of it, and the log says who failed."""
    told, heard = Told(), list[Any]()
    told.listen(lambda happening: 1 / 0)
    told.listen(heard.append)
    told(Over("RM_1", "over", 1.0))
    assert len(heard) == 1
    assert "Over was not taken" in caplog.text


async def test_the_log_is_read_by_those_who_may(tmp_path: Path) -> None:
    """Over HTTP: all with a log-in, its own session's with a moderator's token; what is wrong is said in words."""
    async with service.running(service.settings(log_file=tmp_path / "calls.sqlite3")) as server:
        assert server._log is not None
        for session in ("stand-up", "lobby"):
            server._told(came("ada", time.time(), f"RM_{session}", session))
        pair = service.API_KEY, service.API_SECRET
        operator = tokens.mint_log_in(*pair, "operator").auth_token
        mine = tokens.mint_call_token(*pair, uid="ada", name="", session_id="lobby", role="moderator").token
        guest = tokens.mint_call_token(*pair, uid="eve", name="", session_id="lobby").token
        async with aiohttp.ClientSession(server.url) as http:

            async def get(query: str, token: str) -> tuple[int, Any]:
                headers = {"Authorization": f"Bearer {token}"} if token else {}
                async with http.get(f"/api/log{query}", headers=headers) as answer:
                    return answer.status, await answer.json()

            status, found = await get("", operator)
            assert (status, len(found["calls"])) == (200, 2)
            status, found = await get("?session_id=stand-up", mine)  # whatever it asks for
            assert [call["session_id"] for call in found["calls"]] == ["lobby"]
            assert (await get("", guest))[0] == 403
            assert (await get("", ""))[0] == 401
            for query, word in (
                ("?limit=0", "1 to 500"),
                ("?since=yesterday", "since"),
                ("?status=gone", "interrupted"),
            ):
                status, found = await get(query, operator)
                assert (status, word in found["message"]) == (400, True)
    async with (
        service.running(service.settings(log_file=None)) as server,
        aiohttp.ClientSession(server.url, headers={"Authorization": f"Bearer {operator}"}) as http,
        http.get("/api/log") as answer,
    ):
        assert (answer.status, "--no-log" in await answer.text()) == (403, True)
