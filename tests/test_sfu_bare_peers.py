"""Peers without a codec through the SFU on loopback: what they may get wrong, and what the server says on the wire."""

from __future__ import annotations

import asyncio
import os
import random
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import jwt
import pytest
from aiohttp import web
from livekit.protocol import models, rtc

from jackfield.door import http_logger
from jackfield.rtc import rtcp, rtp, sdp
from jackfield.server.sfu import Sfu
from tests.lab.machine import ROOT
from tests.peers.bare import BarePeer, until

SECRET = "a-secret-that-is-long-enough-for-hs256"
KEY, DELTA = b"\x10\x00\x9d\x01\x2a", b"\x10\x01\x00\x00"


def token(identity: str, **video: Any) -> str:
    grants = {"roomJoin": True, "room": "room", **video}
    return jwt.encode({"iss": "key", "sub": identity, "exp": 4e9, "video": grants}, SECRET, algorithm="HS256")


class House:
    """A server and a client session on loopback."""

    def __init__(self, sfu: Sfu, url: str, session: aiohttp.ClientSession) -> None:
        self.sfu, self.url, self.session = sfu, url, session

    def peer(self, identity: str, **video: Any) -> BarePeer:
        return BarePeer(self.session, self.url, token(identity, **video))


@asynccontextmanager
async def housed() -> AsyncIterator[House]:
    """A house until the end of the block."""
    sfu = Sfu(keys={"key": SECRET})
    await sfu.start()
    application = web.Application()
    application.add_routes(sfu.routes())
    runner = web.AppRunner(
        application, handle_signals=False, shutdown_timeout=1, logger=http_logger("jackfield.server")
    )
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with aiohttp.ClientSession() as session:
        yield House(sfu, f"http://127.0.0.1:{runner.addresses[0][1]}", session)
    await sfu.close()
    await runner.cleanup()


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with housed() as house:
        yield house


async def flow(sender: BarePeer, receiver: BarePeer, ssrc: int = 77) -> None:
    """Sends keyframes until the receiver gets one."""
    count = len(receiver.packets)
    for sequence in sender.sequences:
        sender.send(rtp.RtpPacket(96, sequence, sequence * 3000, ssrc, KEY, True))
        await asyncio.sleep(0.02)
        if len(receiver.packets) > count:
            return


async def test_media_flows_on_loopback_alone(house: House) -> None:
    """With nothing but 127.0.0.1: RTP arrives rewritten, data arrives stamped."""
    async with house.peer("ada") as ada, house.peer("bob") as bob:
        await until(lambda: bob.subscriber.transport.state == "connected")
        await ada.publish("video")
        await flow(ada, bob)
        assert bob.packets[0].payload == KEY
        channel = ada.publisher.transport.channels.open("_reliable")
        await until(lambda: channel.state == "open")
        packet = models.DataPacket(user=models.UserPacket(payload=b"hi"), participant_identity="forged")
        channel.send(packet.SerializeToString())
        await until(lambda: bob.messages)
        assert (bob.messages[0].participant_identity, bob.messages[0].user.payload) == ("ada", b"hi")
        assert bob.messages[0].user.participant_sid.startswith("PA_")


def test_the_server_loads_no_codec() -> None:
    """In a process that has served a call there is no codec library, and PyAV was not imported."""
    command = [sys.executable, "-m", "tests.peers.without_av"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    assert "loaded: [] av: False" in done.stdout


async def test_no_packet_before_the_answer(house: House) -> None:
    """Media waits for the answer to the offer that has it, however long (gotcha 3)."""
    async with house.peer("ada") as ada, house.peer("bob") as bob:
        await until(lambda: bob.subscriber.transport.state == "connected")
        bob.answers = False
        await ada.publish("video")
        for sequence in range(20):
            ada.send(rtp.RtpPacket(96, sequence, 0, 77, KEY, True))
            await asyncio.sleep(0.01)
        assert bob.subscriber.transport.packets_received > 0
        assert bob.packets == []
        await bob.answer(bob.offers[-1])
        await flow(ada, bob)


async def test_a_handshake_that_comes_before_the_answer_is_kept(house: House) -> None:
    """A client may begin DTLS before its answer is here: the ClientHello waits for the fingerprint (gotcha 6)."""
    bob = house.peer("bob")
    bob.answers = False
    async with bob:
        await until(lambda: bob.offers)
        await bob.answer(bob.offers[0], connect_first_s=0.3)
        await until(lambda: bob.subscriber.transport.state == "connected", 2)
        (participant,) = house.sfu.rooms.participants()
        assert participant.subscriber.transport.srtp_profile == "SRTP_AEAD_AES_128_GCM"


async def test_an_ice_restart_keeps_media_and_handshake(house: House) -> None:
    """A publisher that comes back on another port with new credentials goes on under the same DTLS."""
    async with house.peer("ada") as ada, house.peer("bob") as bob:
        before = await ada.publish("video")
        await flow(ada, bob)
        after = await ada.restart_ice()
        assert after.media[0].ice_ufrag != before.media[0].ice_ufrag
        await flow(ada, bob)


async def test_data_channels_of_one_publisher_are_bounded(house: House) -> None:
    """Who opens them by the dozen is sent away."""
    async with house.peer("mallory") as mallory:
        await mallory.publish()
        for number in range(60):
            mallory.publisher.transport.channels.open(f"c{number}")
        await until(lambda: mallory.left)


async def test_feedback_comes_from_the_first_second(house: House) -> None:
    """Arrivals for a publisher that counts them, reports every second, and a keyframe request when somebody comes."""
    async with house.peer("ada") as ada, house.peer("bob") as bob:
        await ada.publish("video", extensions={3: sdp.TRANSPORT_CC})
        for sequence in range(60):
            extensions = {3: sequence.to_bytes(2, "big")}
            ada.send(rtp.RtpPacket(96, sequence, sequence * 3000, 77, KEY, True, extensions))
            await asyncio.sleep(0.02)
        await until(lambda: bob.packets)
        feedback = [packet for data in ada.feedback for packet in rtcp.parse(data)]
        arrivals = [one for packet in feedback if isinstance(packet, rtcp.TransportFeedback) for one in packet.arrivals]
        assert {sequence for sequence, arrival in arrivals if arrival is not None} >= set(range(50))
        assert any(isinstance(packet, rtcp.Pli) and packet.media_ssrc == 77 for packet in feedback)
        assert any(isinstance(packet, rtcp.ReceiverReport) for packet in feedback)
        assert not any(isinstance(packet, rtcp.Remb) for packet in feedback)


async def test_a_publisher_without_transport_wide_feedback_gets_estimates(house: House) -> None:
    """REMB, where no transport-wide sequence numbers were offered."""
    async with house.peer("ada") as ada:
        await ada.publish("video")
        ada.send(rtp.RtpPacket(96, 1, 0, 77, KEY, True))
        await until(lambda: any(isinstance(p, rtcp.Remb) for data in ada.feedback for p in rtcp.parse(data)))
        estimate = next(p for data in ada.feedback for p in rtcp.parse(data) if isinstance(p, rtcp.Remb))
        assert estimate.bitrate_bps > 2_000_000
        assert estimate.ssrcs == (77,)


async def test_nacks_on_the_wire(house: House) -> None:
    """A subscriber's NACK is answered as RTX; a gap from the publisher is asked for."""
    async with house.peer("ada") as ada, house.peer("bob") as bob:
        await ada.publish("video")
        await until(lambda: bob.offered is not None and len(bob.offered.media) == 2)
        await flow(ada, bob)
        wanted = bob.packets[-1]
        nack = rtcp.Nack(1, wanted.ssrc, (wanted.sequence,))
        bob.subscriber.transport.send_rtcp(rtcp.serialise(rtcp.ReceiverReport(1), nack))
        await until(lambda: bob.packets[-1].payload_type == 97)
        assert bob.packets[-1].payload == wanted.sequence.to_bytes(2, "big") + wanted.payload


HOSTILE_RTP = [
    b"\x80\x60",
    b"\x80\x60" + bytes(9),
    b"\x8f\x60" + bytes(10),
    b"\x90\x60" + bytes(10) + b"\xbe\xde\xff\xff",
    b"\x90\x60" + bytes(10) + b"\xbe\xde\x00\x01\xff\xff\xff\xff",
    b"\x90\x60" + bytes(10) + b"\x10\x00\x00\x01\x03\xff\x00\x00" + KEY,
    b"\x90\x60\x00\x09" + bytes(8) + b"\xbe\xde\x00\x01\x30\x01\x00\x00" + KEY,  # a transport-cc of one byte
    b"\xa0\x60\x00\x01" + bytes(8) + KEY + b"\xff",
    b"\xa0\x60\x00\x02" + bytes(8) + KEY + b"\x00",
    b"\x80\x61\x00\x03" + bytes(8),
    b"\x80\x61\x00\x04" + bytes(8) + b"\x01",
    b"\x80\x60\x00\x05" + bytes(8),
    b"\x80\x60\x00\x06" + bytes(8) + b"\x80",
    b"\x80\x60\x00\x07" + bytes(8) + b"\xff" * 3,
]
HOSTILE_RTCP = [
    b"\x80\xc8\x00\x00",
    b"\x9f\xc9\x00\x01" + bytes(4),
    b"\x81\xcd\x00\x03" + bytes(12),
    b"\x8f\xcd\x00\x04" + bytes(8) + b"\x00\x00\xff\xff" + bytes(4),
    b"\x81\xce\xff\xff" + bytes(8),
    b"\x84\xce\x00\x04" + bytes(16),
    b"\xbf\xca\x00\x02" + b"\xff" * 8,
]


async def test_hostile_media_harms_only_its_sender(house: House) -> None:
    """Malformed RTP and RTCP inside valid SRTP, forged SRTP and garbage DTLS: the others' media goes on."""
    async with house.peer("mallory") as mallory, house.peer("ada") as ada, house.peer("bob") as bob:
        await mallory.publish("video", "audio", extensions={3: sdp.TRANSPORT_CC, 4: sdp.MID})
        await ada.publish("video")
        await flow(ada, bob)
        for data in HOSTILE_RTP:
            mallory.publisher.transport._send(data, mallory.publisher.transport._dtls.protect)
        rng = random.Random(7)
        for _ in range(300):
            data = bytes([0x80 | rng.randrange(64), rng.choice((96, 97, 111, 224))]) + rng.randbytes(rng.randrange(60))
            mallory.publisher.transport._send(data, mallory.publisher.transport._dtls.protect)
        for data in [*HOSTILE_RTCP, *(b"\x81" + bytes([200 + n % 7]) + rng.randbytes(4 + n % 40) for n in range(200))]:
            for side in (mallory.publisher, mallory.subscriber):
                side.transport.send_rtcp(data)
        for first in (0x16, 0x14, 0x17, 0x80, 0xFF, 0x00, 0x3F):
            mallory.publisher.agent.send(bytes([first]) + rng.randbytes(200))
        await asyncio.sleep(0.2)
        await flow(ada, bob)
        assert house.sfu.participant_count == 3


async def test_sources_of_one_publisher_are_bounded(house: House) -> None:
    """Thousands of SSRCs make no thousands of layers."""
    async with house.peer("mallory") as mallory:
        await mallory.publish("video")
        for ssrc in range(1000, 4000):
            mallory.send(rtp.RtpPacket(96, 1, 0, ssrc, KEY))
            if ssrc % 100 == 0:
                await asyncio.sleep(0)
        await asyncio.sleep(0.2)
        (participant,) = house.sfu.rooms.participants()
        assert len(participant.publisher._routes) <= house.sfu.limits.sources_per_publisher
        assert len(participant.publisher.layers()) == 1


async def test_hostile_data_packets(house: House) -> None:
    """Garbage, too much, and packets of somebody without the grant reach nobody; what holds does."""
    async with house.peer("mallory", canPublishData=False) as mute, house.peer("ada") as ada, house.peer("bob") as bob:
        await until(lambda: bob.subscriber.transport.state == "connected")
        good = models.DataPacket(user=models.UserPacket(payload=b"good")).SerializeToString()
        for peer, packets in ((mute, [good]), (ada, [b"\xff\xff\xff", os.urandom(300), bytes(70000), b"", good])):
            await peer.publish()
            channel = peer.publisher.transport.channels.open("_reliable")
            await until(lambda channel=channel: channel.state == "open")
            for data in packets:
                channel.send(data)
        await until(lambda: any(message.user.payload == b"good" for message in bob.messages))
        assert {message.participant_identity for message in bob.messages} == {"ada"}


async def test_a_stranger_with_datagrams_is_not_heard(house: House) -> None:
    """Noise to the media port from an address nobody knows changes nothing."""
    async with house.peer("ada") as ada, house.peer("bob") as bob:
        await ada.publish("video")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for size in (0, 1, 19, 20, 100, 1400, 9000):
                for first in (0, 1, 20, 63, 128, 191, 255):
                    stranger.sendto(bytes([first]) * size, ("127.0.0.1", house.sfu.udp_port))
        await flow(ada, bob)


async def test_candidates_of_clients_are_not_needed(house: House) -> None:
    """Trickled candidates of any kind are passed over."""
    async with house.peer("ada") as ada:
        for init in ("", "{}", '{"candidate": 5}', "x" * 1000):
            await ada.ask(trickle=rtc.TrickleRequest(candidateInit=init, target=rtc.SignalTarget.SUBSCRIBER))
        await until(lambda: ada.subscriber.transport.state == "connected")


async def test_participants_become_active(house: House) -> None:
    """Others hear that the connection stands."""
    async with house.peer("ada") as ada, house.peer("bob"):
        await until(
            lambda: any(
                one.identity == "bob" and one.state == models.ParticipantInfo.State.ACTIVE
                for response in ada.responses
                for one in response.update.participants
            )
        )


async def test_reconnecting_over_and_over_leaves_nothing(house: House) -> None:
    """Thirty media connections later there are no more tasks, descriptors or links than before."""

    async def once() -> None:
        async with house.peer("ada") as ada:
            await until(lambda: ada.subscriber.transport.state == "connected")
            await ada.publish("audio", "video")
        await until(lambda: house.sfu.participant_count == 0)
        await house.sfu.rooms.ended(3)

    for _ in range(3):
        await once()
    before = len(asyncio.all_tasks()), len(os.listdir("/proc/self/fd"))
    for _ in range(30):
        await once()
    await asyncio.sleep(0.1)
    assert len(asyncio.all_tasks()) <= before[0] + 1
    assert len(os.listdir("/proc/self/fd")) <= before[1] + 1
    assert house.sfu._sockets._by_ufrag == {}
    assert not any(house.sfu._sockets._by_address.values())
