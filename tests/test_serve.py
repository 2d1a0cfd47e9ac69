"""`jackfield serve` as people run it: who may join, what is printed, how it ends, and that no secret is in any log."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from jackfield import Calls, links, local, state, tokens
from jackfield.cli import invite as invite_cli
from jackfield.cli import serve as serve_cli
from jackfield.cli import token as token_cli
from jackfield.plugins import Config, load

KEY, SECRET, LOGIN_KEY = "APIseen", "secret-of-this-server-32-letters!", "login-key-0123456789"
OTHER_SECRET = "secret-of-other-server-32-letters"
LIMIT_S = 20.0


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("JACKFIELD_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("JACKFIELD_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Serving:
    """One `jackfield serve`, and what it printed."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.facts: dict[str, Any] = {}
        self.printed = ""

    @property
    def url(self) -> str:
        return str(self.facts["url"])

    async def started(self) -> None:
        assert self.process.stdout is not None
        line = await asyncio.wait_for(self.process.stdout.readline(), LIMIT_S)
        self.printed = line.decode()
        if line.startswith(b"{"):
            self.facts = json.loads(line)

    async def ended(self) -> int:
        out, err = await asyncio.wait_for(self.process.communicate(), LIMIT_S)
        self.printed += out.decode() + err.decode()
        assert self.process.returncode is not None
        return self.process.returncode

    async def stop(self) -> int:
        if self.process.returncode is None:
            self.process.terminate()
        return await self.ended()


Serve = Callable[..., Any]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Runs `jackfield serve` with these arguments on free ports, and ends it after the test."""
    running: list[Serving] = []

    async def start(*arguments: str, **environment: str) -> Serving:
        ports = [] if "--port" in arguments else ["--port", "0", "--udp-port", "0"]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "jackfield", "serve", "--json", *ports, *arguments),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, **environment},
        )
        serving = Serving(process)
        running.append(serving)
        await serving.started()
        return serving

    yield start
    for serving in running:
        if serving.process.returncode is None:
            serving.process.kill()
            await serving.ended()


def call_token(secret: str = SECRET, key: str = KEY, **changed: Any) -> str:
    return tokens.mint_call_token(key, secret, **{"uid": "ada", "name": "", "session_id": "s1"} | changed).token


async def asked(method: str, url: str, **options: Any) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.request(method, url, **options) as response:
        return response.status, await response.text()


async def test_who_may_not_join_is_told_why_and_no_secret_is_logged(serve: Serve) -> None:
    """An expired token, one of another key, garbage and none; wrong log-ins and invites; then every log is read."""
    serving = await serve("--verbose", JACKFIELD_KEYS=f"{KEY}: {SECRET}", JACKFIELD_LOGIN_KEY=LOGIN_KEY)
    good = call_token()
    log_in = tokens.mint_log_in(KEY, SECRET, "ada").auth_token
    invite, _ = tokens.mint_invite(KEY, SECRET, "s1")
    validate = serving.url + "/rtc/validate"
    assert (await asked("GET", validate, params={"access_token": good}))[0] == 200
    reasons = set()
    for token in (
        call_token(ttl_s=-60),
        call_token(OTHER_SECRET),
        call_token(key="APIelse"),
        log_in,
        invite,
        "garbage",
        "",
    ):
        status, reason = await asked("GET", validate, params={"access_token": token})
        assert status in (401, 403)
        assert reason.strip()
        reasons.add(reason)
    assert any("expired" in reason for reason in reasons)
    for body in ({"uid": "ada", "api_key": KEY}, {"uid": "ada", "api_key": SECRET}, {"uid": "ada"}):
        status, answer = await asked("POST", serving.url + "/api/login", json=body)
        assert (status, json.loads(answer)["code"]) == (401, "ERROR_API_KEY_NOT_FOUND")
    foreign, _ = tokens.mint_invite(KEY, OTHER_SECRET, "s1")
    expired, _ = tokens.mint_invite(KEY, SECRET, "s1", ttl_s=-1)
    elsewhere, _ = tokens.mint_invite(KEY, SECRET, "s2")
    for text in (foreign, expired, elsewhere, good, "garbage", None):
        status, answer = await asked("POST", serving.url + "/api/token", json={"session_id": "s1", "invite": text})
        assert (status, json.loads(answer)["code"]) == (401, "ERROR_AUTH_TOKEN")
        assert json.loads(answer)["message"]
    body = {"session_id": "s1", "invite": invite, "name": "Bob"}
    assert (await asked("POST", serving.url + "/api/token", json=body))[0] == 200
    login = {"uid": "ada", "api_key": LOGIN_KEY}
    assert (await asked("POST", serving.url + "/api/login", json=login))[0] == 200
    links_printed = serving.printed
    assert await serving.stop() == 0
    logged = serving.printed.removeprefix(links_printed)
    assert "jackfield.server" in logged, "--verbose logs what happens"
    for secret in (SECRET, OTHER_SECRET, LOGIN_KEY, good, log_in, invite, "eyJ"):
        assert secret not in logged


async def test_moderator_of_one_room_has_no_say_in_another(serve: Serve) -> None:
    """A token for one session is refused for another."""
    serving = await serve(JACKFIELD_KEYS=f"{KEY}: {SECRET}")
    headers = {"Authorization": f"Bearer {call_token(role='moderator')}"}
    url = serving.url + "/twirp/livekit.RoomService/ListParticipants"
    status, answer = await asked("POST", url, json={"room": "s2"}, headers=headers)
    assert status in (401, 403)
    assert "s2" in answer or "room" in answer


async def test_secrets_are_not_in_the_list_of_processes() -> None:
    """A server that is started for a call has no secret among its arguments."""
    found = await local.local_server(idle_s=1.0)
    keys = state.development_keys()
    command = Path(f"/proc/{found.pid}/cmdline")
    if command.exists():
        arguments = command.read_bytes().decode()
        assert "--local" in arguments
        assert keys.api_secret not in arguments
        assert keys.login_key not in arguments
    status, _ = await asked("GET", found.place.url + "/join/s1")
    assert status in (200, 503)  # 503: the web client was not built
    os.kill(found.pid, signal.SIGTERM)
    for _ in range(int(LIMIT_S / 0.05)):
        if all(child.poll() is not None for child in local._children):
            break
        await asyncio.sleep(0.05)
    with pytest.raises(OSError):
        await asyncio.open_connection("127.0.0.1", int(found.place.url.rpartition(":")[2]))


async def test_keys_on_the_command_line_are_warned_of(serve: Serve) -> None:
    """They work, and the warning says where they belong."""
    serving = await serve("--keys", f"{KEY}: {SECRET}", "--login-key", LOGIN_KEY)
    assert sum("list of processes" in warning for warning in serving.facts["warnings"]) == 2
    assert SECRET not in json.dumps(serving.facts)


async def test_printed_link_lets_somebody_in(serve: Serve) -> None:
    """The invite of the link that `serve` prints is good for that session."""
    serving = await serve("--session", "stand up")
    link = links.parse(serving.facts["links"][0])
    assert link.session_id == "stand up"
    body = {"session_id": "stand up", "invite": link.invite}
    assert (await asked("POST", serving.url + "/api/token", json=body))[0] == 200


async def test_lan_over_https(serve: Serve) -> None:
    """--lan: https with the pinned certificate, a link for other machines, and plain http gets nowhere."""
    serving = await serve("--lan")
    assert serving.url.startswith("https://")
    pin = aiohttp.Fingerprint(bytes.fromhex(serving.facts["fingerprint"]))
    assert (await asked("GET", serving.url + "/healthz", ssl=pin))[0] == 200
    with pytest.raises(aiohttp.ClientConnectorCertificateError):
        await asked("GET", serving.url + "/healthz", ssl=ssl.create_default_context())
    with pytest.raises(aiohttp.ClientError):
        await asked("GET", serving.url.replace("https", "http") + "/healthz")
    for text in serving.facts["links"]:
        assert links.parse(text).fingerprint == serving.facts["fingerprint"]
    found = await local.local_server(start=False)
    assert found.place.url == serving.url
    assert found.place.fingerprint == serving.facts["fingerprint"]
    await asyncio.sleep(0.05)  # transports of refused connections end on the next turns of the loop


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--host", "0.0.0.0"], "--lan"),
        (["--keys", "tell-nobody"], "entry 1"),
        (["--keys", "APIx: 0123456789", "--login-key", "APIx"], "login-key"),
        (["--tls-cert", "none.pem"], "--tls-key"),
        (["--host", "203.0.113.99"], "--lan"),
        (["--host", "203.0.113.99", "--keys", "k: s"], "not an address of this machine"),
        (["--config", "none.toml"], "none.toml"),
        (["--turn", "tell-nobody"], "turn:"),
    ],
)
async def test_what_must_not_be_opened_is_refused_in_words(serve: Serve, arguments: list[str], words: str) -> None:
    """Each says what to do, shows no secret and no traceback, and ends with 3."""
    serving = await serve(*arguments)
    assert await serving.ended() == 3
    assert words in serving.printed
    assert "nobody" not in serving.printed
    assert "Traceback" not in serving.printed


async def test_port_in_use_is_one_clear_error(serve: Serve) -> None:
    """TCP or UDP: one line says which port, and what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        serving = await serve("--port", port, "--udp-port", "0")
        assert await serving.ended() == 3
        assert f"127.0.0.1:{port} is in use" in serving.printed
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as busy:
        busy.bind(("127.0.0.1", 0))
        port = str(busy.getsockname()[1])
        serving = await serve("--port", "0", "--udp-port", port)
        assert await serving.ended() == 3
        assert f"127.0.0.1:{port} is in use" in serving.printed
        assert "--udp-port" in serving.printed


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
async def test_a_server_that_is_started_again_has_its_port_and_its_people(serve: Serve, how: signal.Signals) -> None:
    """Whoever is in a call on it waits for it: they start no server of their own, which would stand in its place."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    arguments = ("--port", port, "--udp-port", "0", "--drain-seconds", "0")
    first = await serve(*arguments)
    keys = state.development_keys()
    token = call_token(keys.api_secret, keys.api_key, url=None)
    quiet = {"speaker": "none", "camera": "none", "microphone": "none"}
    async with Calls(plugins=load(Config()), remember=False) as calls:
        session = await calls.join_session(call_token=token, settings=quiet)
        first.process.send_signal(how)
        await first.ended()
        await asyncio.sleep(2.5)
        assert session.connection_state == "reconnecting"
        again = await serve(*arguments)
        assert again.facts.get("port") == int(port), again.printed
        async with asyncio.timeout(LIMIT_S):
            while session.connection_state != "connected":
                await asyncio.sleep(0.05)
        assert (await local.local_server(start=False)).pid == again.process.pid
    assert local._children == []


async def test_this_machines_own_server_leaves_the_known_port_alone() -> None:
    """Whoever starts one by hand finds it free."""
    found = await local.local_server(idle_s=0.5)
    assert not found.place.url.endswith(":7880")
    assert not found.run_by_hand
    await asyncio.to_thread(local._children.pop().wait, LIMIT_S)


async def test_file_then_environment_then_flags(serve: Serve, folder: Path) -> None:
    """[server] is read, the environment is over it, and a flag over both."""
    (folder / "jackfield.toml").write_text(
        '[server]\nkeys = "fromfile: 0123456789abcdef0123456789abcdef"\npublic_url = "https://calls.example.com"\n'
    )
    serving = await serve(JACKFIELD_KEYS=f"{KEY}: {SECRET}")
    assert serving.facts["links"][0].startswith("https://calls.example.com/join/lobby#")
    assert (await asked("GET", serving.url + "/rtc/validate", params={"access_token": call_token()}))[0] == 200
    await serving.stop()
    serving = await serve("--public-url", "https://flag.example", JACKFIELD_KEYS=f"{KEY}: {SECRET}")
    assert serving.facts["links"][0].startswith("https://flag.example/")


def test_guide_names_options_that_exist() -> None:
    """Every option that the guide mentions is one of the commands'."""
    guide = (Path(__file__).parents[1] / "docs" / "who-may-join.md").read_text()
    named = set(re.findall(r"--[a-z][a-z-]+", guide))
    known = {
        option for command in (serve_cli, token_cli, invite_cli) for p in command.command.params for option in p.opts
    }
    assert len(named) > 8
    assert named - known == set()


async def test_guides_requests_are_answered(serve: Serve) -> None:
    """The table of requests in the guide holds: each body's keys are taken, each answer's keys are there."""
    guide = (Path(__file__).parents[1] / "docs" / "who-may-join.md").read_text()
    serving = await serve(JACKFIELD_KEYS=f"{KEY}: {SECRET}", JACKFIELD_LOGIN_KEY=LOGIN_KEY)
    log_in = json.loads((await asked("POST", serving.url + "/api/login", json={"uid": "a", "api_key": LOGIN_KEY}))[1])
    headers = {"Authorization": f"Bearer {log_in['auth_token']}"}
    invite = (await asked("POST", serving.url + "/api/invite", json={"session_id": "s"}, headers=headers))[1]
    token = (await asked("POST", serving.url + "/api/token", json={"session_id": "s"}, headers=headers))[1]
    for answer in (log_in, json.loads(invite), json.loads(token)):
        shown = re.findall(r"`\{([a-z_, ]+)\}`", guide)
        assert any(set(keys.split(", ")) <= set(answer) for keys in shown if len(keys.split(", ")) >= 4)
