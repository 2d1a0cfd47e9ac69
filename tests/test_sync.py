"""The same calls for threads and scripts: no `await` in any of it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import jackfield.sync
from jackfield import CallError, Participant, RpcError, VideoSource
from jackfield.server.app import Server
from jackfield.server.launch import make_sfu
from jackfield.server.settings import ServerSettings
from jackfield.sync.thread import LoopThread
from jackfield.values.errors import NetworkError, NotAllowed, NotInitialized
from jackfield.values.events import EVENTS, ParticipantHandRaised
from tests.lab.embedded import LOGIN_KEY
from tests.lab.meeting import QUIET
from tests.test_docs import blocks
from tests.test_house_rules import ROOT

LIMIT_S = 10.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server on a thread of its own, and its address."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JACKFIELD_STATE_DIR", str(tmp_path_factory.mktemp("state")))
        thread = LoopThread()
        keys = {"APIcalls": "secret-of-the-whole-call-tests-32"}
        settings = ServerSettings(keys=keys, login_key=LOGIN_KEY, port=0, udp_port=0)

        async def started() -> Server:
            running = Server(settings, make_sfu)
            await running.start()
            return running

        running = thread.run(started())
        yield running.url
        thread.run(running.close())
        thread.close()


def calls(server: str, uid: str) -> jackfield.sync.Calls:
    """Somebody's calls, who is logged in."""
    made = jackfield.sync.Calls(server, remember=False)
    made.login(uid, LOGIN_KEY, name=uid.title())
    return made


def until(condition: Any, what: str = "it") -> Any:
    """Waits for something to become true."""
    end = time.monotonic() + LIMIT_S
    while not (found := condition()):
        assert time.monotonic() < end, f"{what} did not happen within {LIMIT_S} s"
        time.sleep(0.01)
    return found


def test_a_call_without_a_loop(server: str) -> None:
    """Two scripts in one call: pictures, a hand, chat, a question and its answer, callbacks that block, and the end."""
    before = set(threading.enumerate())
    with calls(server, "ada") as hers, calls(server, "bob") as his:
        ada = hers.join_session(session_id="sync", settings=QUIET)
        heard: list[str] = []

        @ada.on("participant_hand_raised")
        def raised(event: Any) -> None:
            assert isinstance(event, ParticipantHandRaised)
            heard.append(f"{event.participant.uid} {ada.send_chat('I see it').text}")  # it may wait, as anything may

        ada.rpc_method("half", lambda call: str(int(call.payload) // 2))
        with his.join_session(session_id="sync", settings=QUIET) as bob:
            until(lambda: "bob" in ada.participants and "ada" in bob.participants, "meeting")
            person = bob.participants["ada"]
            assert isinstance(person, Participant)
            assert (person.name, person == bob.participants["ada"]) == ("Ada", True)
            source = VideoSource(320, 180, 10)
            publication = ada.publish(source, name="made")
            pictures = person.video_named("made").frames(format="gray")
            pushing = threading.Thread(target=push, args=(source, lambda: publication.muted))
            pushing.start()
            assert next(pictures).width == 320
            pictures.close()
            publication.mute()
            pushing.join(LIMIT_S)
            assert bob.rpc("ada", "half", "42") == "21"
            bob.raise_hand()
            assert bob.is_hand_raised
            until(lambda: heard == ["bob I see it"], "the callback")
            until(lambda: [each.text for each in bob.chat] == ["I see it"], "the answer")
            events = iter(ada.events())
            bob.pin_participant(person)
            assert bob.pinned == person
            with pytest.raises(RpcError, match="not supported"):
                bob.rpc("ada", "quarter")
        assert next(event for event in events if event.name == "participant_left").participant.uid == "bob"
        assert bob.until_left() == "left"
        assert not bob.is_active
    assert not ada.is_active
    until(lambda: set(threading.enumerate()) - before == set(), "the end of every thread")


def test_every_event_is_delivered_on_the_thread_that_the_page_names(server: str) -> None:
    """By callbacks of `Calls` from the first event on, by those of a session from then on, in order; iterators have
    theirs where they are iterated."""
    told: list[tuple[str, str, str]] = []

    def hear(whose: str) -> Any:
        return lambda event: told.append((whose, event.name, threading.current_thread().name))

    with calls(server, "ada") as hers, calls(server, "bob") as his:
        for name in EVENTS:
            hers.on(name, hear("calls"))
        ada = hers.join_session(session_id="events", settings=QUIET)
        for name in EVENTS:
            ada.on(name, hear("session"))
        events = iter(ada.events())
        with his.join_session(session_id="events", settings=QUIET) as bob:
            bob.send_chat("hello")
            until(lambda: "chat_message" in [name for _, name, _ in told], "the message")
        until(lambda: ("session", "participant_left") in [each[:2] for each in told], "his leaving")
        assert next(event for event in events if event.name == "chat_message").participant.uid == "bob"
        ada.leave()
    assert {thread for *_, thread in told} == {"jackfield.sync callbacks"}
    hers_of_all = [name for whose, name, _ in told if whose == "calls"]
    of_session = [name for whose, name, _ in told if whose == "session"]
    assert hers_of_all[0] == "session_joined"
    assert "session_joined" not in of_session
    assert [name for name in hers_of_all if name in of_session][-1] == of_session[-1] == "session_left"
    order = ["participant_joined", "chat_message", "participant_left", "session_left"]
    assert [name for name in of_session if name in order] == order


def push(source: VideoSource, is_over: Any) -> None:
    """Pictures until it is over."""
    end = time.monotonic() + LIMIT_S
    while not is_over() and time.monotonic() < end:
        source.push(np.full((180, 320), 120, np.uint8), format="gray")
        time.sleep(0.05)


def test_a_button_may_be_prevented_by_a_callback_that_blocks(server: str) -> None:
    """It runs on its own thread, and the button waits for it."""
    with calls(server, "ada") as hers, hers.join_session(session_id="buttons", settings=QUIET) as ada:
        stop = ada.on("raise_hand_button_clicked", lambda event: (ada.layout, event.prevent_default()))
        assert not ada.press("raise_hand")
        assert not ada.is_hand_raised
        stop()
        assert ada.press("raise_hand")
        assert ada.is_hand_raised


def test_text_that_comes_bit_by_bit_is_read_in_a_loop(server: str) -> None:
    """A writer is a `with`, a reader a `for`."""
    with calls(server, "ada") as hers, calls(server, "bob") as his:
        ada = hers.join_session(session_id="texts", settings=QUIET)
        bob = his.join_session(session_id="texts", settings=QUIET)
        got: list[Any] = []
        bob.on_text_stream("words", lambda reader, person: got.append((person.uid, list(reader))))
        until(lambda: "bob" in ada.participants, "Bob")
        with ada.stream_text(topic="words") as writer:
            for word in ("as ", "it ", "comes"):
                writer.write(word)
        until(lambda: got, "the text")
        assert got == [("ada", ["as ", "it ", "comes"])]
        shares: list[float] = []
        ada.send_text("x" * 40_000, topic="words", on_progress=shares.append)
        until(lambda: len(got) == 2 and shares[-1:] == [1.0], "the second")


def test_errors_come_where_they_are_asked_for(server: str) -> None:
    """Raised here, or given to `on_error`; after the end everything says so, and nothing is waited for."""
    with pytest.raises(NotInitialized, match="init"):
        jackfield.sync.join_session(session_id="x")
    with jackfield.sync.init(server, remember=False) as default:
        errors: list[CallError] = []
        assert jackfield.sync.join_session(session_id="x", on_error=errors.append) is None
        assert errors[0].matches("ERROR_AUTH_TOKEN_MISSING")
        jackfield.sync.login("ada", LOGIN_KEY)
        joined: list[Any] = []
        token = jackfield.sync.generate_token("errors")
        session = jackfield.sync.join_session(call_token=token, settings=QUIET, on_success=joined.append)
        assert joined == [session] == [default.session]
        with pytest.raises(CallError, match="leave it first"):
            jackfield.sync.join_session(session_id="another", settings=QUIET)
        with pytest.raises(ValueError, match="did you mean 'participant_joined'"):
            session.on("participant_join", print)
        with pytest.raises(AttributeError):
            _ = session.nothing_of_that_name
    assert session.participants == {}
    with pytest.raises(NetworkError, match="after `close`"):
        session.raise_hand()
    default.close()


def test_a_wait_ends_in_time_and_not_on_the_loop_itself() -> None:
    """What takes too long is cancelled and told; what could never end is refused."""
    thread, ended = LoopThread(), []

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    with pytest.raises(NetworkError, match=r"waiting was not done within 0\.05 s"):
        thread.run(endless(), limit_s=0.05, what="waiting")
    until(lambda: ended, "its end")

    async def waits_for_itself() -> None:
        thread.run(endless(), what="leave")

    with pytest.raises(RuntimeError, match="leave waits for the thread that it was called on"):
        thread.run(waits_for_itself())
    thread.close()
    thread.close()


def test_the_page_about_threads_runs(server: str) -> None:
    """Its robot raises its hand and answers in the chat."""
    (block,) = blocks(ROOT / "docs" / "threads.md", "python")
    names: dict[str, Any] = {}
    exec(compile(block.text, block.title, "exec"), names)
    said: list[str] = []
    robot = threading.Thread(target=lambda: said.append(names["drive"](server, LOGIN_KEY, "page")))
    with calls(server, "ada") as hers, hers.join_session(session_id="page", settings=QUIET) as ada:
        robot.start()
        until(lambda: any(each.raised_hand_at for each in ada.participants.values()), "the robot's hand")
        ada.send_chat("come here")
        robot.join(LIMIT_S)
        assert said == ["come here? I will."]


SCRIPT = """
import sys
import jackfield.sync as jackfield

calls = jackfield.init(sys.argv[1], remember=False)
calls.login("eve", sys.argv[2])
session = calls.join_session(session_id="script", settings=dict(camera="none", microphone="none", speaker="none"))
session.on("session_left", lambda event: print("left:", event.reason, flush=True))
print("joined", flush=True)
session.until_left()
"""


def test_ctrl_c_ends_a_script_in_order(server: str, tmp_path: Path) -> None:
    """Raised where it waits, and the call is left before the program ends."""
    with calls(server, "ada") as hers, hers.join_session(session_id="script", settings=QUIET) as ada:
        environment = {**os.environ, "JACKFIELD_STATE_DIR": str(tmp_path)}
        command = [sys.executable, "-c", SCRIPT, server, LOGIN_KEY]
        script = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=ROOT
        )
        try:
            until(lambda: "eve" in ada.participants, "Eve")
            assert script.stdout is not None
            assert script.stdout.readline() == "joined\n"
            script.send_signal(signal.SIGINT)
            said, failed = script.communicate(timeout=LIMIT_S)
        finally:
            script.kill()
        assert said == "left: left\n"
        assert failed.rstrip().endswith("KeyboardInterrupt"), failed
        until(lambda: "eve" not in ada.participants, "her leaving")


def test_scripts_ring_and_answer(server: str) -> None:
    """Rung on another thread, answered, met; and somebody who does not come."""
    with calls(server, "ada") as hers, calls(server, "bob") as his:
        rings: list[Any] = []
        his.on("incoming_ring", lambda event: rings.append(event.ring))
        answers: list[tuple[str, str]] = []
        hers.on("ring_accepted", lambda event: answers.append(("accepted", event.uid)))
        hers.on("ring_rejected", lambda event: answers.append(("rejected", event.uid)))
        hers.go_online()
        his.go_online()
        assert his.is_online
        asked = hers.ring("bob", type="VOICE")
        until(lambda: rings, "the ring")
        assert rings[0] == asked
        his.reject(rings[0])
        until(lambda: answers == [("rejected", "bob")], "the answer")
        second = hers.ring(["bob"], session_id="sync-ring")
        until(lambda: len(rings) == 2, "the second ring")
        bob = his.accept(rings[1], settings=QUIET)
        until(lambda: answers[1:] == [("accepted", "bob")], "the second answer")
        ada = hers.join_session(session_id=second.session_id, settings=QUIET)
        until(lambda: "bob" in ada.participants and "ada" in bob.participants, "each other")
        third = hers.ring("carol")
        hers.cancel(third)
        with pytest.raises(NotAllowed, match="under way"):
            hers.cancel(third)
        his.go_offline()
        assert not his.is_online
