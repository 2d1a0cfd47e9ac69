"""Two people in two pages, and a Python participant, in one real call through the embedded server."""

from __future__ import annotations

import asyncio
import re
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from livekit import api
from livekit.protocol import models, rtc
from playwright.async_api import Page, expect

from jackfield import Calls, CallTokenError, Place, tokens
from jackfield.plugins import Config, load
from jackfield.server.app import MediaServer, Server
from jackfield.server.launch import make_sfu
from jackfield.server.settings import ServerSettings
from jackfield.server.sfu import Sfu
from jackfield.server.sfu.participant import Reason
from jackfield.testing import service
from tests.lab.browser import Chromium, Launch
from tests.lab.web import KEY, SECRET, button, flaws, join, link, serious, serving, tile, watch_picture

pytestmark = pytest.mark.needs("chromium")
SPEAKING = re.compile(r"\bjf-speaking\b")


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving(drain_s=0.1) as server:
        yield server


def made() -> tuple[Server, list[Sfu]]:
    """A server that does not listen yet, and its SFU once it does."""
    sfu: list[Sfu] = []

    def make(settings: ServerSettings, udp_port: int) -> MediaServer:
        sfu.append(make_sfu(settings, udp_port))  # type: ignore[arg-type]
        return sfu[0]

    return Server(service.settings(drain_s=0.1), make), sfu


async def two(server: Server, chromium: Chromium, query: str = "") -> tuple[Page, Page]:
    """Ada, who moderates, and Grace, who was invited, each on a page of her own in one session."""
    ada, grace = await chromium.context.new_page(), await chromium.context.new_page()
    await join(ada, link(server, role="moderator").replace("#", f"{query}#"), "Ada")
    await join(grace, link(server).replace("#", f"{query}#"), "Grace")
    return ada, grace


def babble(path: Path) -> Path:
    """Three seconds of syllables that a browser takes for speech, as a WAV file."""
    rate = 48_000
    time_s = np.arange(3 * rate) / rate
    pitch = 120 + 20 * np.sin(2 * np.pi * 0.7 * time_s)
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    voice = sum(np.sin(harmonic * phase) / harmonic for harmonic in range(1, 20))
    loud = np.clip(np.sin(2 * np.pi * 3 * time_s) + 0.6, 0, 1)
    samples = (voice / np.abs(voice).max() * loud * 24_000).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(samples.tobytes())
    return path


@pytest.mark.parametrize("codec", ["vp8", "h264"])
async def test_two_pages_see_and_hear_each_other(
    server: Server, launch_chromium: Launch, tmp_path: Path, codec: str
) -> None:
    """Pictures play on both, whoever speaks is marked as speaking, and nothing is complained of, with either codec."""
    chromium = await launch_chromium([f"--use-file-for-fake-audio-capture={babble(tmp_path / 'babble.wav')}"])
    ada, grace = await two(server, chromium, f"?codec={codec}")
    await expect(ada.get_by_role("log")).to_contain_text("Grace joined")
    for page, other in ((ada, "Grace"), (grace, "Ada")):
        await page.bring_to_front()
        width, _ = await watch_picture(page, other)
        assert width >= 320
        await expect(tile(page, other)).to_have_class(SPEAKING)
    assert chromium.errors == []


async def test_what_one_turns_off_is_off_for_the_other(server: Server, chromium: Chromium) -> None:
    """Muting shows beside the name, a camera that is off shows initials, and both come back."""
    ada, grace = await two(server, chromium)
    await ada.bring_to_front()
    await watch_picture(ada, "Grace", frames=5)
    await button(grace, "Mute microphone").click()
    await button(grace, "Turn camera off").click()
    await expect(tile(ada, "Grace").get_by_role("img", name="Microphone off")).to_be_visible()
    await expect(tile(ada, "Grace").locator(".jf-avatar")).to_be_visible()
    await button(grace, "Unmute microphone").click()
    await button(grace, "Turn camera on").click()
    await expect(tile(ada, "Grace").get_by_role("img", name="Microphone off")).to_be_hidden()
    await expect(tile(ada, "Grace").locator(".jf-avatar")).to_be_hidden()
    assert chromium.errors == []


async def test_a_name_of_500_emoji_breaks_nothing(server: Server, chromium: Chromium) -> None:
    """So many are refused in words; as many as may be are one line on a tile, in the list and in every notice; nothing
    is wider than the page, and who has them can be removed."""
    name = "👩‍🚀🎉" * 64
    page = await chromium.context.new_page()
    await join(page, link(server, role="moderator"), "Ada")
    async with Calls(Place(server.url, KEY, SECRET), plugins=load(Config()), remember=False) as calls:
        quiet = {"camera": "none", "microphone": "none", "speaker": "none"}
        token = tokens.mint_call_token(KEY, SECRET, uid="robot", name="🎉" * 500, session_id="stand-up")
        with pytest.raises(CallTokenError, match="256 characters at most"):
            await calls.join_session(call_token=token, settings=quiet)
        token = tokens.mint_call_token(KEY, SECRET, uid="robot", name=name, session_id="stand-up")
        call = await calls.join_session(call_token=token, settings=quiet)
        await expect(page.get_by_role("log", name="Notices")).to_contain_text("… joined")
        their = tile(page, "👩‍🚀🎉")
        await expect(their).to_be_visible()
        box = await their.locator(".jf-name").bounding_box()
        assert box is not None
        assert box["height"] < 40
        await call.send_chat("it is me")
        await button(page, "Open the chat (1 unread)").click()
        await expect(page.locator(".jf-toast-message")).to_have_count(0)
        await page.get_by_role("tab", name="People").click()
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert await flaws(page) == []
        row = page.locator(".jf-row").filter(has_text="👩‍🚀🎉")
        await row.get_by_role("button", name=re.compile("^Remove")).click()
        await page.get_by_role("dialog").get_by_role("button", name="Remove").click()
        assert await call.until_left() == "removed"
    assert serious(chromium.errors) == []


async def test_who_leaves_may_come_back(server: Server, chromium: Chromium) -> None:
    """The others see it, the camera is released, and joining again takes two clicks."""
    ada, grace = await two(server, chromium)
    await button(grace, "Leave").click()
    await expect(grace.get_by_role("heading")).to_have_text("You left the session")
    await expect(ada.get_by_role("log")).to_contain_text("Grace left")
    await expect(ada.get_by_text("You are the only one here.")).to_be_visible()
    await button(grace, "Join again").click()
    await expect(grace.get_by_label("Your name")).to_have_value("Grace")
    await button(grace, "Turn camera off").wait_for()
    await button(grace, "Join").click()
    await ada.bring_to_front()
    await watch_picture(ada, "Grace")
    assert chromium.errors == []


async def test_a_moderator_copies_a_link_that_works(server: Server, chromium: Chromium) -> None:
    """The link lets somebody else in; who was only invited is not offered one."""
    await chromium.context.grant_permissions(["clipboard-read", "clipboard-write", "camera", "microphone"])
    ada, grace = await two(server, chromium)
    await ada.bring_to_front()
    await button(ada, "More").click()
    await ada.get_by_role("menuitem", name="Copy invite link").click()
    await expect(ada.get_by_role("log")).to_contain_text("Invite link copied")
    copied = await ada.evaluate("navigator.clipboard.readText()")
    assert copied.startswith(f"{server.url}/join/stand-up#invite=")
    await grace.bring_to_front()  # a page behind another one is drawn rarely, and a click waits for that
    await button(grace, "More").click()
    await expect(grace.get_by_role("menuitem", name="Settings")).to_be_visible()
    await expect(grace.get_by_role("menuitem", name="Copy invite link")).to_have_count(0)
    hedy = await chromium.context.new_page()
    await join(hedy, copied, "Hedy")
    await expect(tile(ada, "Hedy")).to_be_visible()  # the notice may be gone by now


@pytest.mark.parametrize(("act", "said"), [("remove", "You were removed"), ("end", "The session is over")])
async def test_who_is_put_out_is_told_why(server: Server, chromium: Chromium, act: str, said: str) -> None:
    """Removed by a moderator, or the session ended for everyone."""
    page = await chromium.context.new_page()
    await join(page, link(server), "Grace")
    async with api.LiveKitAPI(server.url, KEY, SECRET) as rooms:
        (person,) = (await rooms.room.list_participants(api.ListParticipantsRequest(room="stand-up"))).participants
        if act == "remove":
            identity = api.RoomParticipantIdentity(room="stand-up", identity=person.identity)
            await rooms.room.remove_participant(identity)
        else:
            await rooms.room.delete_room(api.DeleteRoomRequest(room="stand-up"))
    await expect(page.get_by_role("heading")).to_have_text(said)
    await expect(button(page, "Join again")).to_be_visible()


async def test_a_server_that_shuts_down_ends_the_call_in_words(server: Server, chromium: Chromium) -> None:
    """The person reads that it was the server, and may try again."""
    page = await chromium.context.new_page()
    await join(page, link(server), "Grace")
    await server.close()
    await expect(page.get_by_role("heading")).to_have_text("The server went away", timeout=15_000)


async def test_a_server_that_is_restarted_is_joined_anew_by_pages(server: Server, chromium: Chromium) -> None:
    """Drained and started again, as service managers do: both pages come back by themselves and see each other."""
    ada, grace = await two(server, chromium)
    await watch_picture(ada, "Grace")
    veil = "The connection was interrupted. Reconnecting…"
    await server.drain()
    await server.close()
    await expect(ada.get_by_text(veil)).to_be_visible(timeout=15_000)
    async with serving(drain_s=0.1, port=server.port):
        for page, other in ((ada, "Grace"), (grace, "Ada")):
            await expect(page.get_by_text(veil)).to_be_hidden(timeout=30_000)
            await watch_picture(page, other)


async def test_a_broken_connection_is_veiled_until_it_is_back(server: Server, chromium: Chromium) -> None:
    """While the network is gone a veil says so; afterwards the call goes on by itself."""
    page = await chromium.context.new_page()
    sockets: list[object] = []
    await page.route_web_socket("**/rtc?**", lambda socket: sockets.append((socket, socket.connect_to_server())))
    await join(page, link(server), "Grace")
    # The veil may be gone within a blink: what was ever shown is noted.
    await page.evaluate(
        """() => new MutationObserver(() => {
            window.seen = (window.seen || "") + document.body.innerText;
        }).observe(document.body, {subtree: true, childList: true, attributes: true, characterData: true})"""
    )
    near, far = sockets[-1]  # type: ignore[misc]
    await far.close()
    await near.close(code=3001)
    await page.wait_for_function("() => (window.seen || '').includes('Connected again')", timeout=20_000)
    assert "The connection was interrupted. Reconnecting…" in await page.evaluate("() => window.seen")
    await expect(page.get_by_text("The connection was interrupted. Reconnecting…")).to_be_hidden()


async def test_a_page_and_a_python_participant_meet(server: Server, chromium: Chromium) -> None:
    """The page shows the synthetic camera, and the Python side decodes the page's picture and hears its sound."""
    page = await chromium.context.new_page()
    await join(page, link(server), "Grace")
    calls = Calls(Place(server.url, KEY, SECRET), plugins=load(Config()), remember=False)
    token = tokens.mint_call_token(KEY, SECRET, uid="robot", name="Robot 7", session_id="stand-up", role="participant")
    wish = {"speaker": "none", "video": {"width": 640, "height": 360, "fps": 15}}
    try:
        call = await calls.join_session(call_token=token, settings=wish)
        await watch_picture(page, "Robot 7")
        (grace,) = [person for person in call.participants.values() if person.name == "Grace"]
        async with asyncio.timeout(20):
            assert grace.video
            assert grace.audio
            frames = aiter(grace.video.frames())
            sizes = [(frame.width, frame.height) for frame in [await anext(frames) for _ in range(20)]]
            assert min(sizes) >= (160, 90)
            await anext(block async for block in grace.audio.blocks() if abs(block.samples).max() > 1000)
    finally:
        await calls.close()
    await expect(page.get_by_role("log")).to_contain_text("Robot 7 left")
    assert serious(chromium.errors) == []


async def test_a_picture_that_the_server_paused_is_marked(chromium: Chromium) -> None:
    """It stands still, and is not to be taken for live; the mark goes when it moves again."""
    server, sfu = made()
    await server.start()
    _, grace = await two(server, chromium)
    await grace.bring_to_front()
    await watch_picture(grace, "Ada", frames=5)
    mark = tile(grace, "Ada").get_by_role("img", name="Poor connection")
    await expect(mark).to_be_hidden()
    people = {each.name: each for room in sfu[0].rooms for each in room.participants.values()}
    (camera,) = [each for each in people["Ada"].info().tracks if each.type == models.TrackType.VIDEO]
    for state in (rtc.StreamState.PAUSED, rtc.StreamState.ACTIVE):
        told = rtc.StreamStateInfo(participant_sid=people["Ada"].sid, track_sid=camera.sid, state=state)
        update = rtc.StreamStateUpdate(stream_states=[told])
        people["Grace"].send(response=rtc.SignalResponse(stream_state_update=update))
        await expect(mark).to_be_visible(visible=state == rtc.StreamState.PAUSED)
    await server.close()


async def test_who_is_muted_by_a_moderator_is_told(server: Server, chromium: Chromium) -> None:
    """A notice says that it was a moderator, and none comes of one's own press."""
    ada, grace = await two(server, chromium)
    await button(grace, "Mute microphone").click()
    await button(grace, "Unmute microphone").click()
    await button(ada, "Show who is here").click()
    await expect(grace.get_by_role("log", name="Notices")).not_to_contain_text("moderator")
    await button(ada, "Mute Grace").click()
    await expect(grace.get_by_role("log", name="Notices")).to_contain_text("A moderator muted you")
    await expect(button(grace, "Unmute microphone")).to_be_visible()
    await button(ada, "Turn off camera of Grace").click()
    await expect(grace.get_by_role("log", name="Notices")).to_contain_text("A moderator turned off your camera")


async def test_a_call_that_is_joined_anew_is_quiet_about_it(chromium: Chromium) -> None:
    """Whoever is still there has neither left nor joined, and nothing of one's own was turned off."""
    server, sfu = made()
    await server.start()
    _, grace = await two(server, chromium)
    await expect(tile(grace, "Ada")).to_be_visible()
    await grace.evaluate(
        """() => new MutationObserver(() => {
            const labels = [...document.querySelectorAll(".jf-round")].map((each) => each.title);
            window.seen = (window.seen || "") + document.body.innerText + labels;
        }).observe(document.body, {subtree: true, childList: true, attributes: true, characterData: true})"""
    )
    there = next(each for room in sfu[0].rooms for each in room.participants.values() if each.name == "Grace")
    there.end(Reason.STATE_MISMATCH, rtc.LeaveRequest.Action.RECONNECT)
    await grace.wait_for_function("() => (window.seen || '').includes('Connected again')", timeout=20_000)
    await expect(tile(grace, "Ada")).to_be_visible()
    await watch_picture(grace, "Ada", frames=5)
    await asyncio.sleep(5.5)  # whoever was missed for longer would be told of as having left
    seen = await grace.evaluate("() => window.seen")
    for wrong in ("Ada left", "Ada joined", "Unmute microphone", "Turn camera on", "could not be sent"):
        assert wrong not in seen, wrong
    await server.close()


# Media finds no way, as behind a firewall.
NO_WAY = """
RTCPeerConnection.prototype.addIceCandidate = () => Promise.resolve();
const set = RTCPeerConnection.prototype.setRemoteDescription;
RTCPeerConnection.prototype.setRemoteDescription = function ({ type, sdp }) {
  return set.call(this, { type, sdp: sdp.replace(/a=candidate:.*\\r\\n/g, '') });
};
"""


@pytest.mark.parametrize("what", ["removed", "ended"])
async def test_who_is_sent_away_while_joining_reads_what_happened_at_once(
    server: Server, chromium: Chromium, what: str
) -> None:
    """Nothing of firewalls, and long before one would be suspected; the camera stays the page's own."""
    page = await chromium.context.new_page()
    await page.add_init_script(NO_WAY)
    await page.goto(link(server))
    await page.get_by_label("Your name").fill("Grace")
    await page.locator("button[data-face=on]", has_text="camera").wait_for()
    await button(page, "Join").click()
    async with api.LiveKitAPI(server.url, KEY, SECRET) as service:
        async with asyncio.timeout(10):
            while not any(
                room.num_participants for room in (await service.room.list_rooms(api.ListRoomsRequest())).rooms
            ):
                await asyncio.sleep(0.1)
        there = (await service.room.list_participants(api.ListParticipantsRequest(room="stand-up"))).participants
        if what == "removed":
            identity = api.RoomParticipantIdentity(room="stand-up", identity=there[0].identity)
            await service.room.remove_participant(identity)
        else:
            await service.room.delete_room(api.DeleteRoomRequest(room="stand-up"))
    said = "You were removed" if what == "removed" else "The session is over"
    await expect(page.get_by_role("alert")).to_contain_text(said, timeout=5000)
    await expect(button(page, "Join")).to_be_enabled()
