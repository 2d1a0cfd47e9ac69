"""Calls that lose their connection, on the embedded server and on a real LiveKit: what both sides see, how long."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from jackfield import CallSession, NetworkError, Place
from jackfield.plugins import Plugins
from jackfield.server.app import Server
from jackfield.server.launch import make_sfu
from jackfield.server.settings import ServerSettings
from tests.lab.livekit import free_port, livekit
from tests.lab.meeting import KEY, QUIET, SECRET, People, heard, names, until

SMALL = {**QUIET, "camera": None, "video": {"width": 320, "height": 180, "fps": 15}}
LOST = ("connection_lost", "connection_restored", "connection_closed", "session_left")


class Watch:
    """When pictures of somebody came, and the longest time without one."""

    def __init__(self, session: CallSession, uid: str) -> None:
        self.at: list[float] = []
        self._task = asyncio.create_task(self._look(session, uid))

    async def _look(self, session: CallSession, uid: str) -> None:
        person = await until(lambda: session.participants.get(uid), "their coming")
        async for _ in person.video.frames():
            self.at.append(time.monotonic())

    async def more(self, count: int = 5) -> None:
        """So many more pictures have come."""
        had = len(self.at)
        await until(lambda: len(self.at) >= had + count, f"{count} more pictures")

    def gap_s(self, since: float) -> float:
        """The longest time without a picture since then."""
        times = [since, *(at for at in self.at if at >= since)]
        return max(after - before for before, after in itertools.pairwise(times))

    def end(self) -> None:
        self._task.cancel()


def cut_signalling(session: CallSession) -> None:
    """The TCP connection under its WebSocket breaks."""
    connection = session._connection.signal._websocket._response.connection
    assert connection is not None
    assert connection.transport is not None
    connection.transport.abort()


async def test_a_broken_websocket_is_resumed_and_nobody_notices(people: People) -> None:
    """Lost and restored within a moment; pictures flow on both ways, and the other hears of nothing."""
    ada, bob = await people.join("ada", SMALL), await people.join("bob", SMALL)
    looks = Watch(ada, "bob"), Watch(bob, "ada")
    for look in looks:
        await look.more(10)
    ours, theirs, pid = heard(ada), heard(bob), ada.local.pid
    began = time.monotonic()
    cut_signalling(ada)
    await until(lambda: "connection_restored" in names(ours), "the resume")
    lost, restored = (event for event in ours if event.name in LOST)
    assert (lost.cause, restored.rejoined, restored.attempts) == ("signalling", False, 1)
    for look in looks:
        await look.more(15)
    await ada.set_attributes({"mood": "fine"})
    await until(lambda: bob.participants["ada"].attributes.get("mood") == "fine", "what was said after it")
    await ada.mute_audio()
    gaps = [round(look.gap_s(began), 2) for look in looks]
    print(f"WebSocket broken: restored after {restored.after_s} s; longest gaps between pictures {gaps} s")
    assert not {"participant_left", "participant_joined", "track_unsubscribed"} & set(names(theirs) + names(ours))
    assert (ada.local.pid, ada.connection_state) == (pid, "connected")
    assert ada._doorway.token != ada.token.token, "the server's new token is not the one that is used"
    for look in looks:
        look.end()


@pytest.mark.parametrize("place", ["embedded"], indirect=True)
async def test_what_is_asked_meanwhile_waits_and_what_changed_meanwhile_holds(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While we are away: muting holds here at once and there afterwards, an attribute waits, somebody leaves."""
    ada, bob = await people.join("ada", SMALL), await people.join("bob")
    eve = await people.join("eve")
    await until(lambda: bob.tracks() and not bob.participants["ada"].video_paused, "her picture")
    await until(lambda: "eve" in ada.participants and "eve" in bob.participants, "her coming")
    back, resume = asyncio.Event(), ada._doorway.resume

    async def slow(*arguments: Any) -> Any:
        await back.wait()
        return await resume(*arguments)

    monkeypatch.setattr(ada._doorway, "resume", slow)
    events = heard(ada)
    cut_signalling(ada)
    await until(lambda: ada.connection_state == "reconnecting", "the loss")
    await ada.pause_video()
    asked = asyncio.create_task(ada.set_attributes({"mood": "away"}))
    await eve.leave()
    await until(lambda: "eve" not in bob.participants, "her leaving")
    assert not asked.done()
    back.set()
    await asyncio.wait_for(asked, 10)
    await until(lambda: bob.participants["ada"].video_paused, "the pause")
    assert bob.participants["ada"].attributes["mood"] == "away"
    await until(lambda: "eve" not in ada.participants, "her leaving, told afterwards")
    assert names(events).count("participant_left") == 1


@pytest.mark.parametrize("how", ["removed", "ended"])
async def test_who_is_sent_away_does_not_come_back(people: People, how: str) -> None:
    """Over at once, with the reason, and no attempt."""
    ada, bob = await people.join("ada"), await people.join("bob")
    events = heard(bob)
    await (ada.remove_participant("bob") if how == "removed" else ada.end_for_all())
    assert await asyncio.wait_for(bob.until_left(), 10) == how
    assert [event.name for event in events if event.name in LOST] == ["connection_closed", "session_left"]


async def test_joining_anew_is_not_disturbed_by_who_we_were(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server sends our former self away as replaced, and that is no end; the other sees us go and come."""
    ada, bob = await people.join("ada", SMALL), await people.join("bob")
    look = Watch(bob, "ada")
    await look.more()
    await ada.raise_hand()
    ada.set_layout("SPOTLIGHT")
    await until(lambda: "bob" in ada.participants, "Bob at hers")
    ada.pin_participant("bob")
    await ada.send_chat("before")
    await until(lambda: bob.participants["ada"].raised_hand_at, "her hand")
    events, theirs = heard(ada), heard(bob)
    former, join_again = ada._connection.signal, ada._doorway.join_again

    async def overtaken() -> Any:
        signal = await join_again()
        await until(lambda: not former.is_open, "the goodbye to who she was")
        return signal

    monkeypatch.setattr(ada._doorway, "join_again", overtaken)
    ada._connection._trouble("server", "it is asked for")
    await until(lambda: "connection_restored" in names(events), "the comeback")
    await until(lambda: "participant_joined" in names(theirs), "her coming, at his")  # who is there till then was she
    again = Watch(bob, "ada")
    await again.more()
    assert [event.name for event in events if event.name in LOST] == ["connection_lost", "connection_restored"]
    assert names(theirs).count("participant_left") == names(theirs).count("participant_joined") == 1
    assert ada.connection_state == "connected"
    await until(lambda: bob.participants["ada"].raised_hand_at == ada.local.raised_hand_at, "her hand, up as before")
    assert (ada.layout, ada.pinned, [each.text for each in ada.chat]) == (
        "SPOTLIGHT",
        ada.participants["bob"],
        ["before"],
    )
    assert not [name for name in names(events) if "hand" in name or "pinned" in name]
    for each in (look, again):
        each.end()


@asynccontextmanager
async def embedded(port: int) -> AsyncIterator[Place]:
    """The embedded server on this port."""
    server = Server(
        ServerSettings(keys={KEY: SECRET}, login_key="log-in-key-of-the-tests", port=port, udp_port=0), make_sfu
    )
    await server.start()
    yield Place(server.url, KEY, SECRET)
    await server.close()


@asynccontextmanager
async def real(port: int) -> AsyncIterator[Place]:
    """A LiveKit server on this port, which is killed in the end."""
    with livekit(port=port) as server:
        yield Place(server.url, server.key, server.secret)
        server.process.kill()


@pytest.mark.parametrize(
    "serving", [embedded, pytest.param(real, marks=[pytest.mark.soak, pytest.mark.needs("livekit-server")])]
)
async def test_a_server_that_is_restarted_is_joined_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plugins: Plugins, serving: Any
) -> None:
    """Everybody comes back with the same devices, mutes, attributes; readers read on, and nobody has left or come."""
    monkeypatch.setattr("jackfield.session.reconnect.ACTION_WAIT_S", 0.5)
    monkeypatch.setenv("JACKFIELD_STATE_DIR", str(tmp_path))
    port = free_port("127.0.0.1")
    async with AsyncExitStack() as first:
        people = People(await first.enter_async_context(serving(port)), plugins)
        ada, bob = await people.join("ada", {**SMALL, "microphone": None}), await people.join("bob", SMALL)
        looks = Watch(ada, "bob"), Watch(bob, "ada")
        for look in looks:
            await look.more()
        await ada.set_attributes({"hand": "up"})
        await ada.mute_audio()
        captures = [each.supply._feed.capture for each in ada.publications]
        own, ourselves = ada.own_tracks(), list[Any]()
        own[0].take_decoded(ourselves.append)
        events, began = heard(bob), time.monotonic()
    await until(lambda: ada.connection_state == bob.connection_state == "reconnecting", "the loss")
    for sending in (ada.send_data("into the void"), ada.send_text("into the void"), ada.send_file(__file__)):
        with pytest.raises(NetworkError, match="connection_restored"):
            await sending
    monkeypatch.setattr("jackfield.session.reconnect.ACTION_WAIT_S", 10.0)
    await until(lambda: ada.local.network_quality == "lost", "our network's rating")
    assert ada.stats()["connection"]["state"] == "reconnecting"
    waiting = asyncio.create_task(ada.send_text("written while nobody was there"))
    async with serving(port):
        up = time.monotonic()
        await until(lambda: ada.connection_state == bob.connection_state == "connected", "the comeback")
        back_s = time.monotonic() - up
        await asyncio.wait_for(waiting, 10)
        for look in looks:
            await look.more(10)
        await until(lambda: bob.participants["ada"].attributes.get("hand") == "up", "the raised hand")
        gaps = [round(look.gap_s(began), 2) for look in looks]
        print(f"server restarted: back {back_s:.2f} s after it; longest gaps between pictures {gaps} s")
        assert bob.participants["ada"].audio_muted
        assert ada.is_audio_muted
        assert [each.supply._feed.capture for each in ada.publications][:1] == captures[:1]
        seen = len(ourselves)
        await until(lambda: len(ourselves) > seen, "seeing ourselves again")
        assert ada.own_tracks() == own
        assert not {"participant_left", "participant_joined"} & set(names(events))
        (restored,) = [event for event in events if event.name == "connection_restored"]
        assert restored.rejoined
        await until(lambda: ada.local.network_quality != "lost", "our network's rating")
        for look in looks:
            look.end()
        await asyncio.gather(*(calls.close() for calls in people.calls))


@pytest.mark.parametrize("place", ["embedded"], indirect=True)
async def test_a_process_that_was_stopped_goes_on(people: People, tmp_path: Path) -> None:
    """SIGSTOP and SIGCONT: for a moment, of which nobody need notice anything but a still picture."""
    await stopped(people, tmp_path, 2.0)


@pytest.mark.soak
@pytest.mark.timeout(180)
async def test_a_process_that_was_stopped_for_a_minute_comes_back(people: People, tmp_path: Path) -> None:
    """For longer than a server waits: it joins anew by itself."""
    await stopped(people, tmp_path, 60.0)


async def stopped(people: People, tmp_path: Path, stopped_s: float) -> None:
    """A process of its own is stopped for so long; when its pictures come again, and what it told, is printed."""
    bob = await people.join("bob")
    command = [
        sys.executable,
        "-m",
        "jackfield",
        "join",
        people.session_id,
        "--server",
        people.place.url or "",
        "--json",
    ]
    command += ["--token", people.token("ada").token]
    command += [
        "--camera",
        "synthetic:card-front",
        "--microphone",
        "none",
        "--speaker",
        "none",
        "--video",
        "320x180@15",
    ]
    environment = {**os.environ, "JACKFIELD_STATE_DIR": str(tmp_path)}
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=asyncio.subprocess.PIPE)
    try:
        look = Watch(bob, "ada")
        await look.more()
        process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(stopped_s)
        events, went_on = heard(bob), time.monotonic()
        process.send_signal(signal.SIGCONT)
        if stopped_s > 30:  # she was seen to leave, and the reader ended
            look.end()
            look = Watch(bob, "ada")
        had = len(look.at)
        await until(lambda: len(look.at) > had, "a picture of hers")
        print(f"stopped for {stopped_s:g} s: a picture {time.monotonic() - went_on:.2f} s later; {names(events)}")
        await look.more(10)
        look.end()
    finally:
        process.terminate()
        said, _ = await asyncio.wait_for(process.communicate(), 20)
    told = [json.loads(line) for line in said.splitlines() if b"connection_" in line]
    print(*told, sep="\n")
    assert not any(each.get("event") == "session_left" and each.get("reason") == "network" for each in told)


async def test_a_token_that_is_refused_is_fetched_anew_where_there_is_a_source(people: People) -> None:
    """Whoever joined by session id had their token from a provider, which is asked again; nobody notices."""
    ada = people.phone()
    await ada.login("ada")
    call = await ada.join_session(session_id=people.session_id, settings=QUIET)
    events = heard(call)
    call._doorway.token = "garbage"
    cut_signalling(call)
    await until(lambda: "connection_restored" in names(events), "the resume")
    assert call.connection_state == "connected"


async def test_a_token_that_is_refused_ends_the_call(people: People) -> None:
    """It is not tried again and again, for the two minutes that a lost connection has."""
    ada = await people.join("ada")
    ada._doorway.token = "garbage"
    cut_signalling(ada)
    assert await asyncio.wait_for(ada.until_left(), 30) == "server"
