"""The page of a call on this machine: the contract of renderers, who may look, what is told and what may be asked."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import av
import pytest
from jackfield_render_web.options import Options
from jackfield_render_web.plugin import plugin
from jackfield_render_web.viewer import WAITING_MAX, Viewer

from jackfield.testing import FakeCall, FakeTrack, samples
from jackfield.testing.contracts.plugin import PluginContract
from jackfield.testing.contracts.renderer import RendererContract
from jackfield.values.errors import PluginError
from jackfield.values.events import AudioMuted, VideoPaused
from jackfield.values.media import EncodedFrame
from jackfield.values.settings import SessionSettings

LIMIT_S = 5.0


class TestPlugin(PluginContract):
    """It loads, is named and is configured as plugins are."""

    plugin = plugin


class TestRenderer(RendererContract):
    """With a page that looks at everything."""

    plugin = plugin
    wrong_container = object()

    async def _open(self, factory: Any, call: FakeCall) -> Any:
        renderer = await super()._open(factory, call)
        page = Page(renderer.view)
        await page.enter()
        await page.socket.send_json({"want": [f"TR_{uid}_v" for uid in ("early", "late", "ada", "bob")]})
        await asyncio.sleep(0.05)
        close = renderer.close

        async def both() -> None:
            await close()
            await page.close()

        renderer.close = both
        return renderer


class Page:
    """A page as far as Python can be one."""

    def __init__(self, view: str) -> None:
        self.address, _, self.secret = view.partition("#")
        self.session = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))
        self.said: list[dict[str, Any]] = []
        self.frames: list[bytes] = []
        self.state: dict[str, Any] = {}
        self._task: asyncio.Task[None] | None = None

    async def enter(self, secret: str | None = None, **headers: str) -> int:
        """With the secret; looks from then on where it opens."""
        data = self.secret if secret is None else secret
        async with self.session.post(self.address + "enter", data=data, headers=headers) as answer:
            if answer.status == 200:
                self.socket = await self.session.ws_connect(self.address + "call")
                self._task = asyncio.create_task(self._read())
            return answer.status

    async def _read(self) -> None:
        async for message in self.socket:
            if message.type == aiohttp.WSMsgType.BINARY:
                self.frames.append(message.data)
            else:
                said = json.loads(message.data)
                self.said.append(said)
                self.state = said.get("state", self.state)

    async def wants_all(self) -> None:
        pictures = [each["id"] for person in self.state.get("people", []) for each in person["pictures"]]
        await self.socket.send_json({"want": pictures})

    async def asks(self, name: str, *values: Any) -> dict[str, Any]:
        """What comes of it."""
        number = len(self.said) + 1000
        await self.socket.send_json({"do": name, "with": values, "id": number})
        await until(lambda: any(each.get("done") == number for each in self.said))
        return next(each for each in self.said if each.get("done") == number)

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
        await self.session.close()


async def until(condition: Any) -> Any:
    async with asyncio.timeout(LIMIT_S):
        while not (found := condition()):
            await asyncio.sleep(0.01)
        return found


@asynccontextmanager
async def shown(call: FakeCall, **options: Any) -> AsyncIterator[tuple[Any, Page]]:
    """The call, and a page of it that is not let in yet."""
    (factory,) = plugin.register_renderers(Options(**options))
    renderer = await factory.open(call, None)
    page = Page(renderer.view)
    yield renderer, page
    await renderer.close()
    await page.close()


def test_what_settings_hide_is_hidden_by_somebody() -> None:
    """Nobody is warned of a setting on which the page acts."""
    (factory,) = plugin.register_renderers(Options())
    assert {"title", "hide_leave_session_button", "hide_chat_button"} <= factory.acts_on
    assert "layout" not in factory.acts_on


async def test_nobody_looks_without_the_links_secret() -> None:
    """Neither with another one, nor from another origin, nor under another name; and no file tells anything."""
    async with shown(FakeCall()) as (_, page):
        assert await page.enter("another") == 403
        assert await page.enter(Origin="https://elsewhere.example") == 403
        assert await page.enter(Host="rebound.example") == 403
        async with page.session.get(page.address + "call") as answer:
            assert answer.status == 403
        async with page.session.get(page.address) as answer:
            assert answer.status == 200
            policy = answer.headers["Content-Security-Policy"]
            assert "frame-ancestors 'self';" in policy + ";"
            assert "'unsafe" not in policy
        assert await page.enter() == 200
        (cookie,) = page.session.cookie_jar
        assert (cookie["httponly"], cookie["samesite"]) == (True, "Strict")


async def test_a_frame_of_another_site_brings_the_secret_with_the_socket() -> None:
    """Browsers keep the cookie from it; half a secret, or the cookie's, opens nothing."""
    async with shown(FakeCall(), origins=("https://kiosk.example",)) as (_, page):
        async with page.session.get(page.address) as answer:
            assert "frame-ancestors 'self' https://kiosk.example" in answer.headers["Content-Security-Policy"]
        for secret in ("x", page.secret[:-1], ""):
            with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
                await page.session.ws_connect(page.address + "call", protocols=("jackfield", secret or "jackfield"))
        socket = await page.session.ws_connect(page.address + "call", protocols=("jackfield", page.secret))
        assert socket.protocol == "jackfield"
        assert "chat" in await socket.receive_json()
        await socket.close()


async def test_what_the_program_wants_looked_at_is_told_and_what_the_page_chose_is_taken() -> None:
    """Pins, the badge, the list, the small picture: both ways."""
    call = FakeCall()
    call.join("carol")
    async with shown(call) as (_, page):
        await page.enter()
        await until(lambda: page.state.get("people"))
        assert (page.state["pinned"], page.state["unread"]) == ("", 0)
        assert (page.state["showsPeople"], page.state["isSmall"]) == (False, False)
        call.pin_participant("carol")
        call.write("carol", "hello")
        call.show_participant_list()
        call.enable_picture_in_picture_layout()
        await until(lambda: page.state["isSmall"])
        assert (page.state["pinned"], page.state["unread"], page.state["showsPeople"]) == ("carol", 1, True)
        await page.asks("read")
        await page.asks("pin", "")
        await until(lambda: (page.state["pinned"], page.state["unread"]) == ("", 0))
        await page.asks("pin", "carol")
        assert call.pinned.uid == "carol"
        assert "error" in await page.asks("pin", "nobody")


async def test_two_calls_in_one_browser_keep_their_own_doors_open() -> None:
    """A cookie knows no port; what is no text and no address is refused in words."""
    async with shown(FakeCall()) as (_, page), shown(FakeCall("other")) as (_, other):
        await page.enter()
        other.session, kept = page.session, other.session
        assert await other.enter() == 200
        again = await page.session.ws_connect(page.address + "call")
        await again.close()
        for headers in ({"Host": "["}, {"Cookie": "jackfield_screen=\udcff"}):
            async with kept.get(page.address + "call", headers=headers) as answer:
                assert answer.status in (400, 403)
        other.session = kept
        await other.socket.close()


async def test_pages_that_may_hold_it_in_a_frame_are_named() -> None:
    """And what names none is refused when the options are read."""
    async with (
        shown(FakeCall(), origins=["http://127.0.0.1:8080"]) as (_, page),
        page.session.get(page.address) as answer,
    ):
        assert "frame-ancestors 'self' http://127.0.0.1:8080" in answer.headers["Content-Security-Policy"]
    with pytest.raises(ValueError, match="origins"):
        Options(origins=["everybody; script-src *"])


async def test_a_port_that_is_taken_says_so() -> None:
    """With what to set."""
    async with shown(FakeCall()) as (renderer, _):
        (factory,) = plugin.register_renderers(Options(port=int(renderer.view.split(":")[2].split("/")[0])))
        with pytest.raises(PluginError, match=r"cannot be listened on.*\[render-web\]"):
            await factory.open(FakeCall(), None)


async def test_what_changes_is_told_and_what_is_asked_is_done() -> None:
    """People, hands, chat; buttons by `press`, so that a program hears of them and may prevent them."""
    call = FakeCall()
    async with shown(call) as (_, page):
        await page.enter()
        call.join("ada", "Ada")
        await until(lambda: [each["id"] for each in page.state.get("people", [])] == ["ada", "bob"])
        call.write("ada", "<b>hello</b>")
        await until(lambda: any(each.get("chat") and each["chat"][0]["text"] == "<b>hello</b>" for each in page.said))
        assert (await page.asks("press", "raise_hand"))["answer"] is True
        await until(lambda: page.state["people"][1]["raisedHandAt"])
        call.on("raise_hand_button_clicked", lambda event: event.prevent_default())
        assert (await page.asks("press", "raise_hand"))["answer"] is False
        assert call.is_hand_raised
        await page.asks("chat", "from the page")
        assert [each.text for each in call.chat] == ["<b>hello</b>", "from the page"]
        assert (await page.asks("layout", "round"))["error"]["code"] == "VALIDATION_ERROR"
        await page.asks("layout", "SPOTLIGHT")
        await until(lambda: page.state["layout"] == "SPOTLIGHT")
        assert (await page.asks("press", "bell"))["error"]["code"] == "VALIDATION_ERROR"
        assert (await page.asks("chat"))["error"]["code"] == "VALIDATION_ERROR"


async def test_what_is_behind_us_is_chosen_on_the_page(tmp_path: Path) -> None:
    """A blur, a picture that it sends, or nothing; not where no plugin can; what is no picture changes nothing."""
    call = FakeCall()
    with av.open(str(tmp_path / "blue.png"), "w", format="image2", options={"update": "1"}) as file:
        stream = file.add_stream("png", width=320, height=180, pix_fmt="rgb24")
        file.mux([*stream.encode(samples.picture(0).reformatted("rgb24").picture), *stream.encode(None)])
    octets = base64.b64encode((tmp_path / "blue.png").read_bytes()).decode()
    async with shown(call) as (_, page):
        await page.enter()
        await until(lambda: page.state.get("background") == {"kind": "none"})
        for level in (0.7, 1):
            assert "error" not in await page.asks("blur", level)
            await until(lambda level=level: page.state["background"] == {"kind": "blur", "level": level})
        for wrong in ("", "no base64", base64.b64encode(b"no picture").decode()):
            assert (await page.asks("picture", wrong))["error"] == {
                "code": "VALIDATION_ERROR",
                "message": "that is no picture that can be read: choose a JPEG, PNG or WebP",
            }
        assert page.state["background"]["kind"] == "blur"
        assert "error" not in await page.asks("picture", octets)
        await until(lambda: page.state["background"] == {"kind": "image"})
        assert call.background
        assert call.background.picture
        assert call.background.picture.width == 320
        await page.asks("as it is")
        await until(lambda: page.state["background"] == {"kind": "none"})
        call.can_set_background = False
        await until(lambda: page.state["background"] is None)


async def test_the_page_hears_why_it_is_over_and_what_is_left_out() -> None:
    """Who was removed did not leave; what the settings hide is told by the page's own names."""
    call = FakeCall(settings=SessionSettings(hide_chat_button=False, hide_raise_hand_button=True))
    async with shown(call) as (renderer, page):
        await page.enter()
        await until(lambda: page.state)
        assert "raise_hand_button" in page.state["hidden"]
        assert "chat_button" not in page.state["hidden"]
        call.end("removed")
        await renderer.close()
        await until(lambda: any(each.get("over") == "removed" for each in page.said))


def port_of(page: Page) -> int:
    return int(page.address.split(":")[2].split("/")[0])


async def test_names_can_be_seen_and_turn_nothing() -> None:
    """Of people, of who wrote and of who speaks."""
    call = FakeCall()
    call.join("ada", "\u200b\u2060")
    call.join("dan", "\u202enaD")
    async with shown(call) as (_, page):
        await page.enter()
        await until(lambda: page.state.get("people"))
        assert [each["name"] for each in page.state["people"]][:2] == ["ada", "naD"]
        call.write("ada", "hello")
        await until(lambda: any(each.get("chat") and each["chat"][0]["name"] == "ada" for each in page.said))


async def test_the_page_hears_what_a_moderator_turned_off() -> None:
    """And nothing of what we turn off ourselves."""
    call = FakeCall()
    async with shown(call) as (_, page):
        await page.enter()
        await until(lambda: page.state)
        call.emit(AudioMuted())
        call.emit(AudioMuted(by_moderator=True))
        call.emit(VideoPaused(by_moderator=True))
        await until(lambda: sum("turnedOff" in each for each in page.said) == 2)
        assert [each["turnedOff"] for each in page.said if "turnedOff" in each] == ["microphone", "camera"]


async def broken(*_: Any, **__: Any) -> None:
    raise OSError("a disk is full")


async def test_nothing_but_what_is_listed_can_be_asked_for() -> None:
    """Names of attributes, garbage and wrong types reach nothing, and the page is still told."""
    call = FakeCall()
    async with shown(call) as (_, page):
        await page.enter()
        for garbage in ("__class__", "send_bytes", "_stage"):
            assert "there is nothing to do by the name of" in (await page.asks(garbage))["error"]["message"]
        for text in ("{", "[]", "3", '{"want": 5}', '{"want": [1, {}]}', '{"broken": []}', '{"do": [], "id": {}}'):
            await page.socket.send_str(text)
        await page.socket.send_str("[" * 200_000)
        call.send_chat = broken  # type: ignore[method-assign]
        assert (await page.asks("chat", "x"))["error"]["code"] == "ERROR_INTERNAL"
        assert (await page.asks("press", "toggle_audio"))["done"]


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("chat", [None], "'chat' takes a text; null was given"),
        ("chat", [], "'chat' takes a text; 0 were given"),
        ("chat", ["\ud800"], "'chat' takes a text; what was given has half a character in it"),
        ("chat", ["x" * 200_000], "a chat message has 100000 characters at most; this one has 200000: shorten it"),
        ("stay", [1, 2], "'stay' takes nothing; 2 were given"),
        ("people", ["yes"], "'people' takes true or false; a text was given"),
        ("use", ["pen", "x"], "there is no device of kind 'pen'; there are camera, microphone, speaker"),
        ("pin", [[]], "'pin' takes a text; a list was given"),
        ("mute", [{}], "'mute' takes a text; an object was given"),
    ],
)
async def test_odd_wishes_are_answered_in_words_for_people(name: str, given: list[Any], said: str) -> None:
    """One error each, with nothing of Python's in it, and nothing is done."""
    call = FakeCall()
    async with shown(call) as (_, page):
        await page.enter()
        assert (await page.asks(name, *given))["error"] == {"code": "VALIDATION_ERROR", "message": said}
        assert (call.written, call.asked) == ([], [])


async def test_what_fails_inside_tells_the_page_nothing_of_python() -> None:
    """The log has it all; the page hears that it failed."""
    call = FakeCall()
    call.send_chat = broken  # type: ignore[method-assign]
    async with shown(call) as (_, page):
        await page.enter()
        said = (await page.asks("chat", "x"))["error"]["message"]
        assert said == "that failed; the log of the program says why, and the call goes on"


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n"])
async def test_a_connection_that_asks_nothing_is_closed(begun: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Silent from the start, or in the midst of a request; a page that looks stays."""
    monkeypatch.setattr("jackfield_render_web.renderer.IDLE_S", 0.2)
    async with shown(FakeCall()) as (_, page):
        await page.enter()
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(page))
        writer.write(begun)
        async with asyncio.timeout(LIMIT_S):
            await reader.read()
        writer.close()
        assert (await page.asks("read"))["answer"] is None


async def test_there_are_so_many_connections_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages that look do not count, and a place is free again when its connection has gone."""
    monkeypatch.setattr("jackfield_render_web.renderer.CONNECTIONS_MAX", 3)
    async with shown(FakeCall()) as (_, page):
        await page.enter()
        silent = [await asyncio.open_connection("127.0.0.1", port_of(page)) for _ in range(4)]
        async with asyncio.timeout(LIMIT_S):
            with suppress(ConnectionError):  # one place is the page's own, that it asked its first question with
                assert await silent[3][0].read() == b""
        for _, writer in silent:
            writer.close()
        assert (await page.asks("read"))["answer"] is None


async def test_a_secret_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The request is given up."""
    monkeypatch.setattr("jackfield_render_web.door.SECRET_S", 0.1)
    async with shown(FakeCall()) as (_, page):
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(page))
        writer.write(b"POST /enter HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n")
        async with asyncio.timeout(LIMIT_S):
            assert b" 408 " in await reader.readline()
        writer.close()


async def test_a_wish_that_cannot_be_carried_out_is_logged_and_costs_no_other_page(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The page that sent it is let go of; another one goes on."""
    call = FakeCall()
    async with shown(call) as (renderer, page):
        other = Page(renderer.view)
        await page.enter()
        await other.enter()
        heard = Viewer._heard

        def fails(viewer: Viewer, text: str) -> None:
            if "odd" in text:
                raise LookupError("an odd wish")
            heard(viewer, text)

        monkeypatch.setattr(Viewer, "_heard", fails)
        await page.socket.send_str("odd")
        await until(lambda: page.socket.closed)
        assert "LookupError: an odd wish" in caplog.text
        assert (await other.asks("press", "toggle_audio"))["done"]
    await other.close()


@pytest.mark.parametrize("fails", ["looking", "writing"])
async def test_a_fault_in_what_a_page_is_told_ends_its_connection(
    fails: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It can be looked again at once, in place of a page that never changes any more."""
    call = FakeCall()
    async with shown(call) as (renderer, page):
        await page.enter()
        await until(lambda: page.state)
        with monkeypatch.context() as patch:
            if fails == "looking":
                patch.setattr("jackfield_render_web.viewer.state_of", lambda _: {"an odd thing"})
            else:
                patch.setattr(Viewer, "_write_next", broken)
                call.join("ada")
            await until(lambda: page.socket.closed)
        assert "a page is let go of after a fault of ours" in caplog.text
        again = Page(renderer.view)
        await again.enter()
        await until(lambda: again.state)
        await again.close()


async def test_a_connection_that_breaks_off_is_not_told(caplog: pytest.LogCaptureFixture) -> None:
    """Browsers break off all day: no traceback, and no line."""
    async with shown(FakeCall()) as (_, page):
        for begun in (
            b"POST /enter HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\nabc",
            b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        ):
            torn = socket.create_connection(("127.0.0.1", port_of(page)))
            torn.sendall(begun)
            await asyncio.sleep(0.1)
            torn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            torn.close()
            await asyncio.sleep(0.1)
    assert caplog.text == ""


async def test_a_page_that_takes_no_words_is_let_go_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits for it is bounded; of how everything stands only the newest waits."""
    monkeypatch.setattr("jackfield_render_web.viewer.WORDS_MAX", 1000)
    monkeypatch.setattr("jackfield_render_web.viewer.LOOK_S", 0.01)
    call = FakeCall()
    viewer = Viewer(call, StuckSocket())  # type: ignore[arg-type]
    running = asyncio.create_task(viewer.run())
    for index in range(20):
        call.join(f"p{index}")
        await asyncio.sleep(0.02)
    assert not viewer.is_behind, "a state takes the place of the one before it"
    call.join("ada")
    for _ in range(20):
        call.write("ada", "x" * 100)
    async with asyncio.timeout(LIMIT_S):
        await running
    assert viewer.is_behind
    assert not viewer._texts
    assert call.listeners == 0


async def test_pictures_are_sent_as_they_are_and_only_what_is_wanted() -> None:
    """Nothing is decoded; a keyframe comes first, with whose it is; what is not to be seen is let go of."""
    call = FakeCall()
    call.join("ada", "Ada")
    track = call.send("ada")
    async with shown(call) as (_, page):
        await page.enter()
        await until(lambda: any(person["pictures"] for person in page.state.get("people", [])))
        assert track.encoded == []
        await page.wants_all()
        await until(lambda: track.encoded)
        assert track.keyframe_requests >= 1
        frames = samples.encoded("VP8", 4)
        track.feed(frames[1])
        for frame in frames:
            track.feed(frame)
        await until(lambda: len(page.frames) == 4)
        number = next(each["picture"]["number"] for each in page.said if "picture" in each)
        version, flags, codec, told, _ = struct.unpack(">BBBxIQ", page.frames[0][:16])
        assert (version, flags, codec, told) == (1, 1, 1, number)
        assert [data[16:] for data in page.frames] == [frame.data for frame in frames]
        assert track.decoded == []
        await page.socket.send_json({"want": []})
        await until(lambda: not track.encoded)


class StuckSocket:
    """A page that takes nothing before the gate is opened."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.sent: list[bytes | str] = []

    async def send_bytes(self, data: bytes) -> None:
        await self.gate.wait()
        self.sent.append(data)

    async def send_str(self, data: str) -> None:
        await self.gate.wait()
        self.sent.append(data)

    def __aiter__(self) -> Any:
        return self

    async def __anext__(self) -> Any:
        await asyncio.sleep(60)


async def test_a_page_that_does_not_keep_up_misses_pictures_and_holds_nothing() -> None:
    """What waits is bounded; it goes on with a keyframe."""
    call = FakeCall()
    track = call.subscribe(FakeTrack(participant=call.join("ada", "Ada")))
    socket = StuckSocket()
    viewer = Viewer(call, socket)  # type: ignore[arg-type]
    running = asyncio.create_task(viewer.run())
    await asyncio.sleep(0)
    viewer._heard(json.dumps({"want": [track.sid]}))
    big = EncodedFrame(bytes(500_000), "VP8", True)
    for index in range(100):
        track.feed(big if index in (0, 99) else EncodedFrame(bytes(500_000), "VP8", False))
    assert sum(len(data) for _, data in viewer._frames) <= WAITING_MAX + 500_016
    await asyncio.sleep(0)
    waiting = len(viewer._frames)
    viewer._say(chat=["words"])
    socket.gate.set()
    await until(lambda: not viewer._frames)
    assert socket.sent.index(json.dumps({"chat": ["words"]})) < len(socket.sent) - waiting
    assert all(each.startswith(b"\x01\x01") for each in socket.sent if isinstance(each, bytes)), "only a keyframe"
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert track.encoded == []
    assert call.listeners == 0
