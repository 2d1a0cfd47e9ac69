"""The call as a module in somebody else's page: the vendor's JavaScript example with only its import changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from playwright.async_api import Page, expect

from jackfield import Calls, Place
from jackfield.plugins import Config, load
from jackfield.server.app import Server
from jackfield.testing.service import LOGIN_KEY
from tests.lab.browser import Chromium
from tests.lab.meeting import QUIET, heard, names, until
from tests.lab.web import KEY, SECRET, button, flaws, serious, serving, watch_picture

pytestmark = pytest.mark.needs("chromium")
#: A page with styles of its own, which are to change nothing of ours, nor ours of them.
HOST = """<!doctype html><html lang="en"><head><title>A page of somebody else's</title><style>
button {{ background: red; font-size: 40px; text-transform: uppercase }} h1 {{ color: rgb(1, 2, 3); font-size: 9px }}
</style></head><body><main><h1 id="theirs">Our intranet</h1>
<div id="call-container" style="width: 100%; height: 80vh;"></div></main>
<script type="module">
import * as CometChatCalls from '{server}/jackfield.js';
window.calls = CometChatCalls;
</script></body></html>"""
#: The seed's complete example, as it stands there.
EXAMPLE = """
const sessionId = "SESSION_ID";
const container = document.getElementById("call-container");

// Step 1: Generate token
try {
  const tokenResult = await CometChatCalls.generateToken(sessionId);

  // Step 2: Configure session settings
  const callSettings = {
    sessionType: "VIDEO",
    layout: "TILE",
    startAudioMuted: false,
    startVideoPaused: false,
  };

  // Step 3: Join session
  const joinResult = await CometChatCalls.joinSession(
    tokenResult.token,
    callSettings,
    container
  );

  if (joinResult.error) {
    console.error("Failed to join session:", joinResult.error);
  } else {
    console.log("Joined session successfully");
  }
} catch (error) {
  console.error("Error:", error);
}
"""
RUN = "(text) => Object.getPrototypeOf(async () => 0).constructor('CometChatCalls', text)(calls)"


@pytest.fixture
async def places(chromium: Chromium) -> AsyncIterator[tuple[Server, Page]]:
    """A server, and a page of another origin that may use it."""
    app = web.Application()
    runner = web.AppRunner(app)
    found: dict[str, Server] = {}

    async def host(_: web.Request) -> web.Response:
        return web.Response(text=HOST.format(server=found["server"].url), content_type="text/html")

    app.router.add_get("/", host)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with serving(drain_s=0.1, allow_origins=(origin,)) as server:
        found["server"] = server
        page = await chromium.context.new_page()
        chromium.watch(page)
        await page.goto(origin)
        await page.wait_for_function("() => window.calls")
        yield server, page
        await page.close()
    await runner.cleanup()


async def failure(page: Page, expression: str) -> Any:
    """The code that this rejects with, or answers as its error."""
    found = (
        f"async () => {{ try {{ return (await {expression})?.error?.errorCode }} catch (e) {{ return e.errorCode }} }}"
    )
    return await page.evaluate(found)


async def test_the_seeds_example_runs_in_a_page_of_another_origin(
    places: tuple[Server, Page], chromium: Chromium
) -> None:
    """Joined and drawn into the container; seen by a Python participant; acted on and heard about by the page."""
    server, page = places
    await page.evaluate("async (key) => { await calls.init(); await calls.login('ada', key); }", LOGIN_KEY)
    listen = "() => { window.told = []; for (const name of ['onSessionJoined', 'participant_joined', 'session_left',"
    listen += " 'video_paused', 'chat_message', 'participant_hand_raised', 'toggle_audio_button_clicked'])"
    listen += " calls.on(name, (event) => told.push([event.name, event.participant?.id ?? event.reason ?? ''])); }"
    await page.evaluate(listen)
    await page.evaluate(RUN, EXAMPLE)
    async with Calls(Place(server.url, KEY, SECRET), plugins=load(Config()), remember=False) as calls:
        await calls.login("bob")
        quiet = {"camera": "synthetic:card-front", "microphone": "none", "speaker": "none"}
        bob = await calls.join_session(
            session_id="SESSION_ID", settings={**quiet, "video": {"width": 320, "height": 180}}
        )
        await until(lambda: "ada" in bob.participants, "Ada at Bob's")
        assert await watch_picture(page, "bob", frames=10) == (320, 180)
        await page.evaluate("() => calls.pauseVideo()")
        await until(lambda: bob.participants["ada"].video_paused, "Ada's camera off")
        await page.evaluate("() => calls.raiseHand()")
        await until(lambda: bob.participants["ada"].raised_hand_at, "Ada's hand")
        await page.evaluate("() => calls.sendChat('from the page')")
        await until(lambda: [each.text for each in bob.chat] == ["from the page"], "the message")
        by = "() => calls.on('audio_muted', ({ byModerator }) => { window.byModerator = byModerator; })"
        await page.evaluate(by)
        await bob.mute_participant("ada")
        await page.wait_for_function("() => window.byModerator === true")
        await page.evaluate("() => calls.unmuteAudio()")
        await page.evaluate("() => calls.muteAudio()")
        await page.wait_for_function("() => window.byModerator === false")
        await page.evaluate("() => calls.unmuteAudio()")
        await page.evaluate("() => calls.on('toggle_audio_button_clicked', (event) => event.preventDefault())")
        await button(page, "Mute microphone").click()
        await expect(button(page, "Mute microphone")).to_be_visible()
        assert not bob.participants["ada"].audio_muted
        await expect(button(page, "Open the chat")).to_have_count(0)
        assert await failure(page, "calls.joinSession('x', {}, document.body)") == "ERROR_SESSION_ACTIVE"
        await page.evaluate("() => calls.setLayout('SPOTLIGHT')")
        await expect(page.locator(".jf-stage")).to_have_attribute("data-layout", "SPOTLIGHT")
        assert await flaws(page) == []
        await page.evaluate("() => calls.leaveSession()")
        await until(lambda: "ada" not in bob.participants, "Ada's leaving")
        token = await page.evaluate("async () => (await calls.generateToken('SESSION_ID')).token")
        again = f"calls.joinSession('{token}', {{ displayName: 'Ada L.' }}, document.getElementById('call-container'))"
        assert await failure(page, again) is None
        await until(lambda: "ada" in bob.participants and bob.participants["ada"].name == "Ada L.", "her name")
        await page.wait_for_function("() => calls.participants().some(({ id }) => id === 'bob')")
        await page.evaluate("() => calls.removeParticipant('bob')")  # of another origin: asked with CORS
        assert await bob.until_left() == "removed"
        await page.evaluate("() => calls.leaveSession()")
    told = await page.evaluate("() => told")
    assert [each for each in told if each[0] != "participant_joined"][:6] == [
        ["session_joined", ""],
        ["video_paused", ""],
        ["participant_hand_raised", "ada"],
        ["chat_message", ""],
        ["toggle_audio_button_clicked", ""],
        ["session_left", "left"],
    ]
    assert ["participant_joined", "bob"] in told
    assert await page.evaluate("() => document.getElementById('call-container').childElementCount") == 0
    colour = "() => getComputedStyle(document.getElementById('theirs')).fontSize"
    assert await page.evaluate(colour) == "9px"
    assert serious(chromium.errors) == []


async def test_each_mistake_has_the_code_of_the_seeds_table(places: tuple[Server, Page], chromium: Chromium) -> None:
    """In the order in which somebody makes them; nothing is left behind."""
    _, page = places
    assert await failure(page, "calls.generateToken('s')") == "ERROR_SDK_NOT_INITIALIZED"
    assert await failure(page, "calls.joinSession('t', {}, document.body)") == "ERROR_SDK_NOT_INITIALIZED"
    await page.evaluate("() => calls.init()")
    assert await failure(page, "calls.generateToken('s')") == "ERROR_AUTH_TOKEN_MISSING"
    assert await failure(page, "calls.login('ada', 'wrong-key-of-the-tests')") == "ERROR_API_KEY_NOT_FOUND"
    assert await failure(page, "calls.login('a da', 'k')") == "ERROR_UID_WITH_SPACE"
    await page.evaluate("async (key) => calls.login('ada', key)", LOGIN_KEY)
    assert await failure(page, "calls.generateToken('  ')") == "ERROR_SESSION_ID_MISSING"
    assert await failure(page, "calls.joinSession('', {}, document.body)") == "ERROR_CALL_TOKEN"
    assert await failure(page, "calls.joinSession('nonsense', {}, document.body)") == "ERROR_CALL_TOKEN"
    token = await page.evaluate("async () => (await calls.generateToken('s')).token")
    assert await failure(page, f"calls.joinSession('{token}', {{}}, 'body')") == "ERROR_CONTAINER"
    settings = "{layout: 'ROUND', hideChatButton: 1, colour: 'red'}"
    assert await failure(page, f"calls.joinSession('{token}', {settings}, document.body)") == "VALIDATION_ERROR"
    assert await failure(page, "calls.muteAudio()") == "ERROR_NETWORK"
    assert serious(chromium.errors) == []


async def test_a_page_that_may_not_ask_cannot_import_it(chromium: Chromium) -> None:
    """Without --allow-origin the browser keeps the module from it."""
    async with serving() as server:
        page = await chromium.context.new_page()
        await page.goto("about:blank")
        found = f"import('{server.url}/jackfield.js').then(() => 'imported', () => 'refused')"
        assert await asyncio.wait_for(page.evaluate(found), 10) == "refused"


async def test_a_page_is_rung_and_rings(places: tuple[Server, Page], chromium: Chromium) -> None:
    """A dialog asks; answered, the call is drawn; declined, the caller hears it; the page rings back."""
    server, page = places
    assert await failure(page, "calls.goOnline()") == "ERROR_SDK_NOT_INITIALIZED"
    await page.evaluate("() => calls.init()")
    assert await failure(page, "calls.goOnline()") == "ERROR_AUTH_TOKEN_MISSING"
    assert await failure(page, "calls.ring('bob')") == "ERROR_NETWORK"
    await page.evaluate("async (key) => calls.login('ada', key)", LOGIN_KEY)
    listen = "() => { window.told = []; for (const name of ['incoming_ring', 'ring_accepted', 'ring_rejected',"
    listen += " 'ring_cancelled']) calls.on(name, ({ name, ring, uid, busy }) => told.push([name, ring, uid, busy])); }"
    await page.evaluate(listen)
    assert await failure(page, "calls.goOnline({ container: 'x' })") == "ERROR_CONTAINER"
    settings = "{ startVideoPaused: true }"
    container = "document.getElementById('call-container')"
    await page.evaluate(f"() => calls.goOnline({{ container: {container}, callSettings: {settings} }})")
    dialog = page.get_by_role("dialog", name="Bob is calling")
    async with Calls(Place(server.url, KEY, SECRET), plugins=load(Config()), remember=False) as calls:
        await calls.login("bob", name="Bob")
        answers = heard(calls)
        await calls.go_online()
        await calls.ring("ada")
        await expect(dialog).to_be_visible()
        assert await page.title() == "Bob is calling"
        assert await flaws(page) == []
        await dialog.get_by_role("button", name="Decline").click()
        await until(lambda: names(answers) == ["ring_rejected"], "the answer")
        await expect(dialog).to_have_count(0)
        gone = await calls.ring("ada")
        await expect(dialog).to_be_visible()
        await calls.cancel(gone)
        await expect(dialog).to_have_count(0)
        ring = await calls.ring("ada")
        bob = await calls.join_session(session_id=ring.session_id, settings=QUIET)
        await dialog.get_by_role("button", name="Answer").click()
        await until(lambda: "ada" in bob.participants, "Ada at Bob's")
        await expect(dialog).to_have_count(0)
        await expect(page.locator("#call-container .jf-stage")).to_be_visible()
        assert await page.title() == "A page of somebody else's"
        await page.evaluate("() => calls.leaveSession()")
        await bob.leave()
        mine = await page.evaluate("() => calls.ring('bob', { type: 'VOICE' })")
        await until(lambda: "incoming_ring" in names(answers), "the page's ring")
        rung = next(each.ring for each in answers if each.name == "incoming_ring")
        assert (rung.id, rung.uid, rung.type) == (mine["id"], "ada", "VOICE")
        await calls.reject(rung, busy=True)
        await page.wait_for_function("() => told.at(-1)[0] === 'ring_rejected'")
        assert await page.evaluate("() => told.at(-1).slice(2)") == ["bob", True]
        assert await failure(page, f"calls.acceptRing({{ id: 'RI_0', sessionId: 's' }}, {{}}, {container})") == (
            "ERROR_PERMISSION"
        )
        await page.evaluate("() => calls.goOffline()")
        assert await failure(page, "calls.cancelRing({ id: 'RI_0' })") == "ERROR_NETWORK"
    assert [each[0] for each in await page.evaluate("() => told")] == [
        *("incoming_ring", "incoming_ring", "ring_cancelled", "incoming_ring", "ring_rejected")
    ]
    assert serious(chromium.errors) == []


async def test_a_pages_line_that_breaks_is_opened_anew(places: tuple[Server, Page], chromium: Chromium) -> None:
    """The network goes and comes; what rings meanwhile is heard."""
    server, page = places
    await page.evaluate("async (key) => { await calls.init(); await calls.login('ada', key); }", LOGIN_KEY)
    await page.evaluate("() => { window.rings = []; calls.on('incoming_ring', ({ ring }) => rings.push(ring.name)); }")
    await page.evaluate("() => calls.goOnline()")
    async with Calls(Place(server.url, KEY, SECRET), plugins=load(Config()), remember=False) as calls:
        await calls.login("bob", name="Bob")
        await calls.go_online()
        (line,) = server._rings._devices["ada"]
        await line._socket.close()  # type: ignore[attr-defined]
        await calls.ring("ada")
        await page.wait_for_function("() => rings.length === 1")
