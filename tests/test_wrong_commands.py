"""Wrong things on the command line: an exit code and words in each case, never a traceback, a secret or a hang."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from jackfield import Calls, links, runtime, tokens
from jackfield.cli.frame import commands
from jackfield.cli.frame.exits import Exit
from jackfield.server.app import Server
from jackfield.testing import install
from tests.lab.embedded import KEY, LOGIN_KEY, SECRET, silent_server

LIMIT_S = 30.0
DEAD = "http://127.0.0.1:9"
OTHER_SECRET = "secret-of-another-server-32-letters"
QUIET = {"camera": "none", "microphone": "none", "speaker": "none"}


@frozen
class Ended:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str

    def events(self) -> list[dict[str, Any]]:
        """Its lines of JSON."""
        return [json.loads(line) for line in self.out.splitlines() if line.startswith("{")]


class Running:
    """One command that is running."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self._lines: list[str] = []

    async def line(self, wanted: str) -> str:
        """The first line from now on that holds this."""
        assert self.process.stdout
        async with asyncio.timeout(LIMIT_S):
            while line := (await self.process.stdout.readline()).decode():
                self._lines.append(line)
                if wanted in line:
                    return line
        raise AssertionError(f"it ended without {wanted!r}: {''.join(self._lines)}")

    async def ended(self, limit_s: float = LIMIT_S) -> Ended:
        out, err = await asyncio.wait_for(self.process.communicate(), limit_s)
        assert self.process.returncode is not None
        ended = Ended(self.process.returncode, "".join(self._lines) + out.decode(), err.decode())
        assert "Traceback" not in ended.out + ended.err
        assert [secret for secret in (SECRET, OTHER_SECRET, LOGIN_KEY) if secret in ended.out + ended.err] == []
        return ended


Start = Callable[..., Any]


@pytest.fixture
async def start(own_state: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Start]:
    """Starts `python -m jackfield` with these arguments; what is left of it, and its server, end with the test."""
    monkeypatch.setenv("JACKFIELD_LOCAL_IDLE_S", "1")
    monkeypatch.setenv("PYTHONUNBUFFERED", "1")
    started: list[Running] = []

    async def begin(*arguments: str, **environment: str) -> Running:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "jackfield", *arguments),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, **environment},
        )
        started.append(Running(process))
        return started[-1]

    yield begin
    for running in started:
        if running.process.returncode is None:
            running.process.kill()
        await running.process.communicate()
    record = runtime.read()
    if record is not None:
        await gone(record.pid)


async def gone(pid: int) -> None:
    """This machine's own server, which is nobody's child, is told to end and ends."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        async with asyncio.timeout(LIMIT_S):
            while Path(f"/proc/{pid}").exists() and " Z " not in Path(f"/proc/{pid}/stat").read_text():
                await asyncio.sleep(0.05)


#: Runs commands in turn, as `python -m jackfield` does but for the time that a Python takes to start.
IN_TURN = """
import contextlib, io, json, sys
from jackfield.cli import main

for line in sys.stdin:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(json.loads(line))
    print(json.dumps([code, out.getvalue(), err.getvalue()]), flush=True)
"""


async def run(*commands: Sequence[str], **environment: str) -> list[Ended]:
    """How each of these commands ended: the first as people start it, the others one after the other in a process."""
    first = await _run(["-m", "jackfield", *commands[0]], b"", environment)
    ended = [first]
    if commands[1:]:
        given = "".join(json.dumps(list(command)) + "\n" for command in commands[1:])
        others = await _run(["-c", IN_TURN], given.encode(), environment)
        assert others.code == 0, others
        ended += [Ended(*json.loads(line)) for line in others.out.splitlines()]
    for each in ended:
        assert "Traceback" not in each.out + each.err, each
        assert [secret for secret in (SECRET, OTHER_SECRET, LOGIN_KEY) if secret in each.out + each.err] == []
    assert len(ended) == len(commands)
    return ended


async def _run(python: Sequence[str], given: bytes, environment: dict[str, str]) -> Ended:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *python),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **environment},
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(given), LIMIT_S)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return Ended(process.returncode, out.decode(), err.decode())


#: Arguments, exit code, and what stderr says.
Wrong = tuple[Sequence[str], Exit, Sequence[str]]

#: ``{url}`` is that of a server that runs and wants the log-in key which ``{here}`` gives, with its address.
HERE = ("--server", "{url}", "--api-key", "{key}")
WRONG: dict[str, list[Wrong]] = {
    "": [
        ([], Exit.USAGE, ["Usage:"]),
        (["frobnicate"], Exit.USAGE, ["no command 'frobnicate'; jackfield --help lists them"]),
        (["recrod"], Exit.USAGE, ["did you mean record?"]),
        (["--colour", "join"], Exit.USAGE, ["No such option '--colour'"]),
    ],
    "serve": [
        (["--port", "99999"], Exit.USAGE, ["99999 is not in the range"]),
        (["--announce", "here"], Exit.SETTINGS, ["announce: 'here' is no address; give the IP address"]),
        (
            ["--tls-cert", "a", "--tls-key", "b"],
            Exit.SETTINGS,
            ["tls-cert: there is no file a", "tls-key: there is no"],
        ),
        (["--keys-file", "none"], Exit.SETTINGS, ["none cannot be read: No such file", "name a file"]),
        (["--port", "{taken}", "--udp-port", "0"], Exit.SETTINGS, ["{taken} is in use"]),
    ],
    "join": [
        ([], Exit.USAGE, ["Missing argument 'SESSION'"]),
        ([""], Exit.SETTINGS, ["session id is empty; everyone who gives"]),
        (["room", "--server", "nonsense"], Exit.SETTINGS, ["found 'nonsense'; give an address such as"]),
        (["room", "--server", "http://[::1"], Exit.SETTINGS, ["found 'http://[::1'; give an address such as"]),
        (["http://h/join/"], Exit.SETTINGS, ["http://h/join/ is not a link to a session: https://SERVER/join/SESSION"]),
        (["http://[::1/join/x"], Exit.SETTINGS, ["http://[::1/join/x is not a link to a session"]),
        (["room", "--server", DEAD], Exit.NETWORK, ["Connection refused; check the address"]),
        (["room", *HERE[:2]], Exit.NETWORK, ["wants a log-in key: give it to login, or set JACKFIELD_LOGIN_KEY"]),
        (["room", "--server", DEAD, "--api-key", "k"], Exit.NETWORK, ["Connection refused; check the address"]),
        (["http://127.0.0.1:9/join/room#invite=x"], Exit.NETWORK, ["Connection refused; check the address"]),
        (
            ["room", "--server", DEAD, "--token", "garbage"],
            Exit.NETWORK,
            ["this is no call token; get one", "`jackfield token`"],
        ),
        (["room", "--server", DEAD, "--token", "{token}"], Exit.NETWORK, ["no call server can be reached", "refused"]),
        (["room", *HERE[:3], "wrong"], Exit.NETWORK, ["the log-in key is wrong"]),
        (["room", "--uid", "a b"], Exit.SETTINGS, ["has a space in it; use letters"]),
        (["room", "--uid", ""], Exit.SETTINGS, ["uid is empty; give a text"]),
        (["room", *HERE, "--set", "layuot=TILE"], Exit.SETTINGS, ["layuot: is no setting", "did you mean layout?"]),
        (["room", *HERE, "--set", "foo=1"], Exit.SETTINGS, ["foo: is no setting", "docs/reference/settings.md"]),
        (["room", "--set", "nonsense"], Exit.USAGE, ["'nonsense' is not KEY=VALUE"]),
        (["room", "--video", "big"], Exit.USAGE, ["'big' is not of the form 1280x720@30"]),
        (
            ["room", *HERE, "--render", "hologram"],
            Exit.SETTINGS,
            ["no renderer here is called 'hologram'; pip install"],
        ),
        (["room", *HERE, "--camera", "periscope"], Exit.DEVICE, ["no camera matches 'periscope'; there are"]),
        (["room", *HERE, "--camera", "synthetic:busy"], Exit.DEVICE, ["in use by another program: close that"]),
        (["room", *HERE, "--camera", "synthetic:denied"], Exit.DEVICE, ["may not be opened by this user: allow it"]),
        (["room", *HERE, "--watch-only", "--speaker", "x"], Exit.DEVICE, ["no speaker", "matches 'x'; there are"]),
    ],
    "record": [
        (["room", "--server", DEAD, "--api-key", "k"], Exit.NETWORK, ["Connection refused; check the address"]),
        (["http:///join/x"], Exit.SETTINGS, ["is not a link to a session"]),
        (["room", *HERE, "--to", "/proc/none/x"], Exit.DEVICE, ["nothing can be recorded", "/proc/none", "--to"]),
    ],
    "token": [
        (["room"], Exit.USAGE, ["Missing option '--uid'"]),
        (["room", "--uid", "ada"], Exit.NETWORK, ["no server runs on this machine; start one with `jackfield serve`"]),
        (["room", "--uid", "a b", "--url", DEAD], Exit.SETTINGS, ["has a space in it; use letters"]),
        (["", "--uid", "ada", "--url", DEAD], Exit.SETTINGS, ["session id is empty"]),
        (["room", "--uid", "ada", "--ttl", "0"], Exit.USAGE, ["0.0 is not in the range"]),
        (["room", "--uid", "ada", "--role", "king"], Exit.USAGE, ["'king' is not one of 'moderator', 'participant'"]),
        (["room", "--uid", "ada", "--url", "nonsense"], Exit.SETTINGS, ["found 'nonsense'; give an address"]),
    ],
    "invite": [
        (["room"], Exit.NETWORK, ["no server runs on this machine; start one with `jackfield serve`"]),
        (["", "--url", DEAD], Exit.SETTINGS, ["session id is empty"]),
        (["room", "--url", "nonsense"], Exit.SETTINGS, ["found 'nonsense'; give an address"]),
        (["room", "--uid", "a b", "--url", DEAD], Exit.SETTINGS, ["has a space in it"]),
    ],
    "log": [
        ([], Exit.NETWORK, ["no server runs on this machine; start one with `jackfield serve`"]),
        (["--since", "yesterday"], Exit.USAGE, ["'yesterday' is no span of time; write 30m, 12h or 7d"]),
        (["--status", "gone"], Exit.USAGE, ["'gone' is not one of"]),
        (["--url", DEAD], Exit.NETWORK, ["no call server can be reached at http://127.0.0.1:9"]),
    ],
    "devices": [
        (["toaster"], Exit.USAGE, ["'toaster' is not one of"]),
        (["camera", "--wish", "periscope"], Exit.DEVICE, ["no camera matches 'periscope'; there are"]),
        (["--wish", "periscope"], Exit.USAGE, ["--wish needs a kind"]),
    ],
    "plugins": [(["--all"], Exit.USAGE, ["No such option '--all'"])],
    "doctor": [(["--all"], Exit.USAGE, ["No such option '--all'"])],
    "bench": [
        (["flight"], Exit.USAGE, ["'flight' is not one of 'latency'"]),
        (["latency", "--seconds", "0"], Exit.USAGE, ["0 is not in the range"]),
    ],
    "demo": [
        (["--seconds", "0"], Exit.USAGE, ["0.0 is not in the range"]),
        (["--session", " "], Exit.SETTINGS, ["session id is empty"]),
        (["--video", "big"], Exit.USAGE, ["'big' is not of the form 1280x720@30"]),
        (["--port", "{taken}"], Exit.SETTINGS, ["port: {taken}: Address already in use; name another"]),
        (["--port", "0", "--camera", "periscope"], Exit.DEVICE, ["no camera matches 'periscope'; there are"]),
    ],
}


def test_every_command_is_tried() -> None:
    """A new command comes with its wrong things."""
    assert set(WRONG) - {""} == set(commands.found())


@pytest.mark.parametrize("command", WRONG, ids=lambda name: name or "jackfield")
async def test_bad_input_is_an_exit_code_and_words(command: str, embedded: Server) -> None:
    """A line or two on stderr say what was found and what to do."""
    token = tokens.mint_call_token(KEY, SECRET, uid="ada", name="", session_id="room").token
    with socket.create_server(("127.0.0.1", 0)) as taken:
        facts = {"url": embedded.url, "key": LOGIN_KEY, "token": token, "taken": str(taken.getsockname()[1])}
        asked = [
            [*filter(None, [command]), *(argument.format(**facts) for argument in arguments)]
            for arguments, _, _ in WRONG[command]
        ]
        ended = await run(*asked, JACKFIELD_SYNTHETIC_ERRORS="true")
    for arguments, (_, code, words), each in zip(asked, WRONG[command], ended, strict=True):
        assert each.code == code, (arguments, each)
        assert [word for word in words if word.format(**facts) not in each.err] == [], each.err
        assert "eyJ" not in each.err, "a token is nobody's to read"


async def test_with_json_every_error_is_json() -> None:
    """A program reads the code of the error table, the message, and whether trying again can help."""
    asked: dict[tuple[str, ...], tuple[str, bool]] = {
        ("join", "room", "--server", DEAD, "--api-key", "k", "--json"): ("ERROR_NETWORK", True),
        ("record", "", "--server", DEAD, "--api-key", "k", "--json"): ("ERROR_CALL_SESSION_ID", False),
        ("token", "room", "--uid", "", "--json"): ("ERROR_INVALID_UID", False),
    }
    for facts, ended in zip(asked.values(), await run(*asked, JACKFIELD_URL=DEAD), strict=True):
        error = json.loads(ended.err)["error"]
        assert (error["code"], error["retryable"]) == facts
        assert error["message"]


async def test_a_state_directory_that_cannot_be_is_named() -> None:
    """It says which, why, and how to name another."""
    asked = (("join", "room"), ("token", "room", "--uid", "ada"), ("serve", "--port", "0"), ("demo",))
    for ended in await run(*asked, JACKFIELD_STATE_DIR="/proc/none"):
        assert ended.code == Exit.DEVICE, ended
        assert "/proc/none cannot be made" in ended.err
        assert "name another in JACKFIELD_STATE_DIR" in ended.err


async def test_three_mistakes_in_a_file_are_three_lines(own_state: Path) -> None:
    """Every command that does something refuses it with 3 and shows all of them; those that look show them too."""
    (own_state / "jackfield.toml").write_text('[call]\nlayuot = "TILE"\ntype = "HOLOGRAM"\n[server]\nport = "x"\n')
    mistakes = ("[call] layuot: is no setting", "[call] type: found 'HOLOGRAM'", "[server] port: found 'x'")
    asked = {
        **dict.fromkeys(("serve", "demo", "devices", "plugins"), Exit.SETTINGS),
        **{f"{name} room": Exit.SETTINGS for name in ("join", "record", "invite", "token --uid ada")},
        "doctor": Exit.FAILED,
    }
    ended = await run(*(line.split() for line in asked))
    for (line, code), each in zip(asked.items(), ended, strict=True):
        assert each.code == code, (line, each)
        said = each.out if line == "doctor" else each.err
        assert [mistake for mistake in mistakes if mistake not in said] == [], line
        if code == Exit.SETTINGS:
            assert len(each.err.splitlines()) == 3, line


async def test_a_plugin_that_raises_on_import_costs_nothing_else(site: Path, embedded: Server) -> None:
    """It is a row with its reason; devices are listed and calls are made."""
    install(site, "broken", "raise OSError('no licence')")
    joining = ("join", "room", "--server", embedded.url, "--api-key", LOGIN_KEY, "--seconds", "0.5", "--json")
    plugins, devices, doctor, joined = await run(["plugins"], ["devices", "camera"], ["doctor"], joining)
    assert plugins.code == Exit.DEVICE
    assert "no licence" in next(line for line in plugins.out.splitlines() if "broken" in line)
    assert (devices.code, "synthetic:card-front" in devices.out) == (Exit.OK, True)
    assert "✗ plugin broken" in doctor.out
    assert joined.code == Exit.OK
    assert joined.events()[0]["event"] == "session_joined"
    async with Calls(embedded.url, remember=False) as calls:
        await calls.login("ada", LOGIN_KEY)
        assert (await calls.join_session(session_id="room", settings=QUIET)).is_active


# --- links ----------------------------------------------------------------------------------------------------------
async def test_who_has_no_good_link_stays_out(embedded: Server) -> None:
    """An expired invite, another server's, another session's and garbage are refused in words; a good one is in."""
    invites = {
        "the invite has expired; get a new one": tokens.mint_invite(KEY, SECRET, "room", ttl_s=-1)[0],
        "not signed by this server's key; get one": tokens.mint_invite(KEY, OTHER_SECRET, "room")[0],
        "for another session; ask for a link to this one": tokens.mint_invite(KEY, SECRET, "other")[0],
        "this is no invite; get a new one": "garbage",
    }
    given = {words: str(links.JoinLink(embedded.url, "room", invite)) for words, invite in invites.items()}
    good = str(links.JoinLink(embedded.url, "room", tokens.mint_invite(KEY, SECRET, "room")[0]))
    asked = [[command, link] for command in ("join", "record") for link in given.values()]
    *ended, joined = await run(*asked, ["join", good, "--watch-only", "--seconds", "0.2", "--json"])
    for words, each in zip([*given, *given], ended, strict=True):
        assert each.code == Exit.NETWORK
        assert words in each.err, each
        assert "eyJ" not in each.err
    assert joined.code == Exit.OK
    assert joined.events()[0]["role"] == "participant"


# --- the server goes ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("command", ["join", "record"])
async def test_a_server_that_is_killed_ends_the_command(command: str, start: Start) -> None:
    """It says that the connection was lost, and, with its patience at an end, its exit code says so."""
    serving = await start("serve", "--json", "--port", "0", "--udp-port", "0", JACKFIELD_LOGIN_KEY=LOGIN_KEY)
    url = json.loads(await serving.line("url"))["url"]
    patience = {"JACKFIELD_CALL_RECONNECT_S": "1"}
    ada = await start(command, "room", "--server", url, "--json", JACKFIELD_LOGIN_KEY=LOGIN_KEY, **patience)
    await ada.line('"stats"')
    serving.process.kill()
    ended = await ada.ended(limit_s=20)
    assert ended.code == Exit.NETWORK
    told = [line for line in ended.events() if "event" in line]
    assert [line["event"] for line in told][-2:] == ["connection_lost", "session_left"]
    assert told[-1]["reason"] == "network"


# --- nobody serves yet ----------------------------------------------------------------------------------------------
async def test_two_that_join_at_the_same_moment_meet(start: Start) -> None:
    """No server runs: one of them starts it, both are in the same call, and it ends when they have left."""
    joining = ("join", "stand-up", "--watch-only", "--speaker", "none", "--json", "--uid")
    both = await asyncio.gather(start(*joining, "ada"), start(*joining, "bob"))
    await asyncio.gather(*(each.line('"participants": 2') for each in both))
    record = runtime.read()
    assert record is not None
    for each in both:
        each.process.send_signal(signal.SIGINT)
    for ended in await asyncio.gather(*(each.ended() for each in both)):
        assert ended.code == Exit.OK
    async with asyncio.timeout(LIMIT_S):
        while runtime.read() is not None:
            await asyncio.sleep(0.05)


# --- Ctrl-C ---------------------------------------------------------------------------------------------------------
async def test_ctrl_c_during_a_join_ends_it(start: Start) -> None:
    """The server takes connections and says nothing: nobody has to wait for it."""
    token = tokens.mint_call_token(KEY, SECRET, uid="ada", name="", session_id="room").token
    for arguments in (("join", "room", "--token", token), ("record", "room", "--api-key", "k")):
        async with silent_server() as (url, asked):
            joining = await start(*arguments, "--server", url)
            await asyncio.wait_for(asked.wait(), LIMIT_S)
            joining.process.send_signal(signal.SIGINT)
            ended = await joining.ended()
            assert (ended.code, ended.err.strip(), ended.out) == (Exit.INTERRUPTED, "interrupted", "")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
async def test_ctrl_c_in_a_call_leaves_it(how: int, start: Start, embedded: Server) -> None:
    """Leaving is what it is for there: others see us go at once, and nothing went wrong."""
    async with Calls(embedded.url, remember=False) as calls:
        await calls.login("ada", LOGIN_KEY)
        session = await calls.join_session(session_id="room", settings=QUIET)
        arguments = ("room", "--server", embedded.url, "--uid", "bob", "--json")
        bob = await start("join", *arguments, JACKFIELD_LOGIN_KEY=LOGIN_KEY)
        await bob.line('"stats"')
        assert list(session.participants) == ["bob"]
        bob.process.send_signal(how)
        async with asyncio.timeout(3):
            while session.participants:
                await asyncio.sleep(0.01)
        ended = await bob.ended()
    assert ended.code == Exit.OK
    assert ended.err == ""
    assert ended.events()[-1] == {"event": "session_left", "reason": "left"}


async def test_ctrl_c_in_a_demo_ends_all_of_it(start: Start) -> None:
    """With --seconds it was not what was asked for: 130; its server and second process are gone."""
    demo = await start("demo", "--port", "0", "--seconds", "30", "--video", "320x180@15", "--json")
    facts = json.loads(await demo.line('"server"'))["server"]
    await demo.line('"publishes"')
    demo.process.send_signal(signal.SIGINT)
    ended = await demo.ended(limit_s=20)
    assert (ended.code, ended.err.strip()) == (Exit.INTERRUPTED, "interrupted")
    assert not Path(f"/proc/{facts['pid']}").exists()
    with pytest.raises(OSError):
        await asyncio.open_connection("127.0.0.1", facts["port"])


async def test_a_reader_that_goes_away_ends_the_command_quietly(embedded: Server, own_state: Path) -> None:
    """`jackfield join … | head -n 1`: one line, the call is left, and stderr is silent."""
    command = f'"{sys.executable}" -m jackfield join room --server {embedded.url} --json | head -n 1'
    environment = {**os.environ, "JACKFIELD_LOGIN_KEY": LOGIN_KEY}
    process = await asyncio.create_subprocess_shell(
        command, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await asyncio.wait_for(process.communicate(), LIMIT_S)
    assert json.loads(out)["event"] == "session_joined"
    assert err == b""


# --- who is logged in -----------------------------------------------------------------------------------------------
REMEMBERS = """
import asyncio, sys, jackfield

async def main(url, *acts):
    await jackfield.init(url)
    for act in acts:
        verb, *given = act.split()
        try:
            if verb != "who":
                await getattr(jackfield, verb)(*given)
            print(jackfield.logged_in_user.uid if jackfield.logged_in_user else "nobody")
        except jackfield.CallError as error:
            print(error.code)

asyncio.run(main(*sys.argv[1:]))
"""


async def test_a_log_in_outlasts_its_process(own_state: Path, embedded: Server) -> None:
    """Until logout: the same user again asks nobody, another one logs the first out, and the file is private."""

    async def then(*acts: str) -> list[str]:
        ended = await _run(["-c", REMEMBERS, embedded.url, *acts], b"", {})
        assert (ended.code, ended.err) == (0, "")
        return ended.out.split()

    first = await then("who", "generate_token room", f"login ada {LOGIN_KEY}")
    assert first == ["nobody", "ERROR_AUTH_TOKEN", "ada"]
    kept = own_state / "state" / "login.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert LOGIN_KEY not in kept.read_text()
    # There is no key in the second log-in: nobody was asked. At another server, nobody is logged in.
    second = await then("who", "generate_token room", "login ada", f"init {DEAD}")
    assert second == ["ada", "ada", "ada", "nobody"]
    assert await then(f"login bob {LOGIN_KEY}") == ["bob"]
    # A log-in that fails changes nothing.
    assert await then("who", "login ada", "who", "logout") == ["bob", "ERROR_API_KEY_NOT_FOUND", "bob", "nobody"]
    assert await then("who", "logout") == ["nobody", "ERROR_NO_USER_LOGGED_IN"]
