"""One hostile participant, or stranger, of a live server: the others' media goes on, and little is logged.

Each kind of garbage goes over the transport that it is for: before ICE, before DTLS, under valid SRTP keys, as SCTP, in
data channels, over the WebSocket, over HTTP. The short form sends some hundred of each; `make soak` thousands.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from urllib.parse import quote

import aiohttp
import pytest
from OpenSSL import SSL

from jackfield.rtc import rtp, sdp
from tests.hostile.mutations import Chance
from tests.hostile.parsers import PARSERS
from tests.peers.bare import BarePeer, until
from tests.test_sfu_bare_peers import KEY, House, housed, token

SAMPLES = {parser.name: parser.samples for parser in PARSERS}
#: A record of DTLS with a ClientHello that is none, an alert, and application data.
DTLS = [
    b"\x16\xfe\xff" + bytes(8) + b"\x00\x40\x01\x00\x00\x34" + bytes(5) + b"\x00\x34\xfe\xfd" + bytes(60),
    b"\x15\xfe\xfd" + bytes(8) + b"\x00\x02\x02\x28",
    b"\x17\xfe\xfd\x00\x01" + bytes(6) + b"\x00\x20" + bytes(32),
]
#: SCTP common header, then INIT, DATA, SACK, FORWARD-TSN, HEARTBEAT, RE-CONFIG with lengths as they should be.
SCTP = [
    b"\x13\x88\x13\x88" + bytes(8) + chunk
    for chunk in (
        b"\x01\x00\x00\x14" + bytes(16),
        b"\x00\x03\x00\x14" + bytes(12) + b"abcd",
        b"\x03\x00\x00\x14" + bytes(10) + b"\x00\x01\x00\x00\xff\xff",
        b"\xc0\x00\x00\x08" + bytes(4),
        b"\x04\x00\x00\x0c\x00\x01\x00\x08" + bytes(4),
        b"\x82\x00\x00\x10\x00\x0d\x00\x0c" + bytes(8),
    )
]
HTTP = b"GET /rtc/validate?access_token=x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"
#: Lines at INFO and above that all of one kind may bring about, however many were sent.
LINES_MAX = 60


@asynccontextmanager
async def flowing(sender: BarePeer, receiver: BarePeer) -> AsyncIterator[None]:
    """Media all the time; each packet that was sent has come, in order and once, when the block ends."""
    sent = 0

    async def send() -> None:
        nonlocal sent
        for number in range(60_000):
            sender.send(rtp.RtpPacket(96, number, number * 1800, 77, KEY, True))
            sent += 1
            await asyncio.sleep(0.02)

    sender.send(rtp.RtpPacket(96, 0xFFFF, 0, 77, KEY, True))
    await until(lambda: receiver.packets, 10)
    ours = receiver.packets[0].ssrc
    receiver.packets.clear()
    task = asyncio.create_task(send())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})

    def came() -> list[int]:
        return [packet.sequence for packet in receiver.packets if packet.ssrc == ours]

    await until(lambda: len(came()) >= sent, 10)
    assert [number - came()[0] & 0xFFFF for number in came()] == list(range(sent))


async def before_ice(house: House, chance: Chance, count: int) -> None:
    """Whatever looks like a connectivity check of somebody's, from an address nobody knows."""
    ufrag = next(iter(house.sfu._sockets._by_ufrag)).encode()
    checks = [*SAMPLES["STUN"], *(each.replace(b"ours", ufrag[:4]) for each in SAMPLES["STUN"]), *SAMPLES["RTP"]]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for number in range(count):
            stranger.sendto(chance.spoil(checks)[:9000], ("127.0.0.1", house.sfu.udp_port))
            if number % 20 == 0:
                await asyncio.sleep(0.01)


async def before_dtls(house: House, chance: Chance, count: int) -> None:
    """A path, and then handshakes that are none."""
    mallory = house.peer("mallory")
    mallory.publisher.transport.start = _nothing  # type: ignore[method-assign]
    async with mallory:
        await mallory.publish("video")
        for number in range(count):
            mallory.publisher.agent.send(chance.spoil([*DTLS, *SAMPLES["RTP"]])[:1400])
            if number % 20 == 0:
                await asyncio.sleep(0.01)


async def _nothing(*_: object) -> None:
    return


async def under_srtp(house: House, chance: Chance, count: int) -> None:
    """RTP and RTCP that hold as SRTP and as nothing else, on both connections."""
    async with house.peer("mallory") as mallory:
        await until(lambda: mallory.subscriber.transport.state == "connected", 10)
        extensions = {1: sdp.DEPENDENCY_DESCRIPTOR, 3: sdp.TRANSPORT_CC, 4: sdp.MID, 5: sdp.RID}
        await mallory.publish("video", "audio", extensions=extensions)
        payloads = [*SAMPLES["payload VP8"], *SAMPLES["RED"], *SAMPLES["payload opus"]]
        for number in range(count):
            transport = mallory.publisher.transport
            sample = chance.spoil(SAMPLES["RTP"])[:1200]
            packet = rtp.RtpPacket(
                (96, 97, 111, 63)[number % 4], number & 0xFFFF, number, 9, chance.spoil(payloads)[:900]
            )
            for data in (sample, rtp.serialise(packet)):
                transport._send(b"\x80" + data[1:], transport._dtls.protect)
            for side in (mallory.publisher, mallory.subscriber):
                side.transport.send_rtcp(chance.spoil(SAMPLES["RTCP"])[:1200])
            if number % 10 == 0:
                await asyncio.sleep(0.01)


async def as_sctp(house: House, chance: Chance, count: int) -> None:
    """SCTP chunks of no association, under valid DTLS."""
    async with house.peer("mallory") as mallory:
        await mallory.publish("audio")
        for number in range(count):
            try:
                await mallory.publisher.transport._dtls.inner._send_data(chance.spoil(SCTP)[:1100])
            except (ConnectionError, SSL.Error):  # the server has had enough
                break
            if number % 10 == 0:
                await asyncio.sleep(0.01)


async def in_channels(house: House, chance: Chance, count: int) -> None:
    """Data packets that are none, streams that do not fit together, calls of nobody's methods."""
    async with house.peer("mallory") as mallory:
        await mallory.publish("audio")
        channel = mallory.publisher.transport.channels.open("_reliable")
        await until(lambda: channel.state == "open", 10)
        for _ in range(count):
            await channel.drained(200_000)
            channel.send(chance.spoil(SAMPLES["data packets"])[:60_000] or b"x")


async def over_signalling(house: House, chance: Chance, count: int) -> None:
    """Requests in both forms and of all kinds; who is sent away comes again."""
    sent = 0
    while sent < count:
        query = f"access_token={token('mallory')}"
        async with house.session.ws_connect(f"{house.url}/rtc?{query}", max_msg_size=0) as websocket:
            with suppress(ConnectionError, RuntimeError):
                for _ in range(20):
                    sent += 1
                    if sent % 2:
                        await websocket.send_bytes(chance.spoil(SAMPLES["requests"]))
                    else:
                        await websocket.send_str(chance.spoil(SAMPLES["requests as JSON"]).replace("\ud800", "?"))
                    await asyncio.sleep(0)
                    if websocket.closed:
                        break


async def over_http(house: House, chance: Chance, count: int) -> None:
    """Requests to every endpoint with tokens and bodies that are none, and connections that speak no HTTP."""
    port = int(house.url.rpartition(":")[2])
    for number in range(count // 2):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(chance.spoil([HTTP]))
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        del reader
        wrong = quote(chance.spoil([token("mallory"), *SAMPLES["tokens"]])[:3000].replace("\ud800", "?"))
        path = ("/rtc", "/rtc/validate", "/rtc/v1", "/twirp/livekit.RoomService/SendData")[number % 4]
        headers = {"Content-Type": ("application/json", "application/protobuf")[number // 4 % 2]}
        method = "POST" if path.startswith("/twirp") else "GET"
        body = chance.spoil(SAMPLES["Twirp as JSON"]) if method == "POST" else None
        url = f"{house.url}{path}?access_token={wrong}"
        async with house.session.request(method, url, data=body, headers=headers) as answer:
            assert answer.status < 500, await answer.text()


KINDS = [before_ice, before_dtls, under_srtp, as_sctp, in_channels, over_signalling, over_http]


def _left_over(house: House) -> tuple[int, int, int]:
    gc.collect()
    return len(asyncio.all_tasks()), len(os.listdir("/proc/self/fd")), len(house.sfu._sockets._by_ufrag)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("count", [100, pytest.param(10_000, marks=pytest.mark.soak)])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
async def test_others_are_not_disturbed(
    kind: Callable[[House, Chance, int], Awaitable[None]], count: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Every packet between two others arrives, no traceback, few lines, and nothing is left when it is over."""
    unexpected: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unexpected.append(context))
    async with housed() as house, house.peer("ada") as ada, house.peer("bob") as bob:
        await until(lambda: bob.subscriber.transport.state == "connected", 10)
        await ada.publish("video")
        await until(lambda: bob.offered is not None and len(bob.offered.media) == 2, 10)
        before = _left_over(house)
        with caplog.at_level(logging.INFO):
            async with flowing(ada, bob):
                try:
                    await kind(house, Chance(1), count)
                except (ConnectionError, aiohttp.ClientError) as exc:
                    pytest.fail(f"the server hung up on everybody: {exc!r}")
            await until(lambda: house.sfu.participant_count == 2, 30)
            await house.sfu.rooms.ended(10)
        await until(lambda: _left_over(house)[0] <= before[0] + 1, 10)
        assert _left_over(house)[1] <= before[1] + 8  # connections that HTTP keeps for the next request
        assert _left_over(house)[2] == before[2]
    ours = [record for record in caplog.records if record.name.startswith(("jackfield", "aiohttp", "asyncio"))]
    assert [record.getMessage() for record in ours if record.exc_info and record.levelno >= logging.ERROR] == []
    assert len([record for record in ours if record.name != "aiohttp.access"]) <= LINES_MAX
    assert unexpected == []
