"""A participant with no codec and no manners: it signals, connects, and sends whatever bytes a test gives it."""

from __future__ import annotations

import asyncio
import itertools
import json
from typing import Any

import aiohttp
from livekit.protocol import models, rtc

from jackfield.rtc import codecs, rtp, sdp
from jackfield.rtc.aioice_shim import IceAgent
from jackfield.rtc.sdp import MediaSection, SessionDescription
from jackfield.rtc.transport import Certificate, DataChannel, Transport


class Side:
    """One peer connection of ours."""

    def __init__(self, controlling: bool = True) -> None:
        self.agent = IceAgent(controlling=controlling, loopback=True)
        self.certificate = Certificate.generate()
        self.transport = Transport(self.agent, self.certificate)
        self.started = False

    def describe(self, section: MediaSection, setup: sdp.Setup) -> MediaSection:
        section.ice_ufrag, section.ice_pwd = self.agent.local_ufrag, self.agent.local_pwd
        section.fingerprints, section.setup = self.certificate.fingerprints, setup
        return section

    async def connect(self, remote: SessionDescription) -> None:
        """ICE and DTLS with what the server says; only once."""
        if self.started:
            return
        self.started = True
        section = remote.transport_section
        assert section
        self.transport.channels.start(5000, 1 << 20)
        await self.agent.gather()
        self.agent.set_remote(section.ice_ufrag, section.ice_pwd, lite=True)
        for line in [*section.candidates, None]:
            await self.agent.add_remote_candidate(line)
        await self.agent.connect()
        await self.transport.start(section.fingerprints, "client")


class BarePeer:
    """``packets`` and ``feedback`` are what came; `publish` begins sending, `send` sends RTP."""

    def __init__(self, session: aiohttp.ClientSession, url: str, token: str) -> None:
        self._session, self._url, self._token = session, url, token
        self.publisher, self.subscriber = Side(), Side()
        self.subscriber.transport.on_rtp = lambda data, _: self.packets.append(rtp.parse(data))
        self.publisher.transport.on_rtcp = lambda data: self.feedback.append(data)
        self.subscriber.transport.channels.on_channel = self._channel
        self.packets: list[rtp.RtpPacket] = []
        self.feedback: list[bytes] = []
        self.messages: list[models.DataPacket] = []
        self.responses: list[rtc.SignalResponse] = []
        self.offered: SessionDescription | None = None
        self.answers = True
        self.sequences = itertools.count(1000)
        self.left: rtc.LeaveRequest | None = None
        self.offers: list[rtc.SessionDescription] = []
        self._published: list[tuple[str, str]] = []
        self._answered: asyncio.Future[str] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> BarePeer:
        self._websocket = await self._session.ws_connect(f"{self._url}/rtc?access_token={self._token}", max_msg_size=0)
        self._keep(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._websocket.close()
        for side in (self.publisher, self.subscriber):
            await side.transport.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _keep(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def ask(self, **message: Any) -> None:
        """Sends a signal request."""
        await self._websocket.send_bytes(rtc.SignalRequest(**message).SerializeToString())

    async def _read(self) -> None:
        async for frame in self._websocket:
            response = rtc.SignalResponse.FromString(frame.data)
            self.responses.append(response)
            match response.WhichOneof("message"):
                case "offer" if not self.answers:
                    self.offers.append(response.offer)
                case "offer":
                    await self.answer(response.offer)
                case "answer" if self._answered is not None:
                    self._answered.set_result(response.answer.sdp)
                case "leave":
                    self.left = response.leave

    async def break_signalling(self) -> None:
        """The connection is cut, with no goodbye; media goes on."""
        connection = self._websocket._response.connection
        assert connection
        assert connection.transport
        connection.transport.abort()
        await self._websocket.close()

    async def resume(self, sid: str) -> None:
        """Another connection, for the participant of this sid."""
        query = f"access_token={self._token}&reconnect=1&sid={sid}"
        self.responses.clear()
        self._websocket = await self._session.ws_connect(f"{self._url}/rtc?{query}", max_msg_size=0)
        self._keep(self._read())

    def heard(self, kind: str) -> list[Any]:
        """What came of this kind since the beginning or the last `resume`."""
        return [getattr(each, kind) for each in self.responses if each.WhichOneof("message") == kind]

    async def answer(self, offer: rtc.SessionDescription, *, connect_first_s: float = 0.0) -> None:
        """Answers an offer; with ``connect_first_s`` only that long after ICE and DTLS have begun."""
        if connect_first_s:
            self._keep(self.subscriber.connect(sdp.parse(offer.sdp)))
            await asyncio.sleep(connect_first_s)
        description = sdp.parse(offer.sdp)
        self.offered = sdp.parse(offer.sdp)
        for section in description.media:
            section.candidates = []
            section.ssrcs, section.ssrc_groups, section.msid = [], [], None
            if section.port:
                self.subscriber.describe(section, "active")
                section.direction = "recvonly" if section.direction == "sendonly" else section.direction
        description.ice_lite = False
        await self.ask(answer=rtc.SessionDescription(type="answer", sdp=str(description), id=offer.id))
        self._keep(self.subscriber.connect(sdp.parse(offer.sdp)))

    def _channel(self, channel: DataChannel) -> None:
        channel.on_message = lambda data: self.messages.append(models.DataPacket.FromString(data))

    async def publish(self, *kinds: str, extensions: dict[int, str] | None = None) -> SessionDescription:
        """Announces and offers these tracks, VP8 or opus, and is connected; the server's answer."""
        for kind in kinds:
            cid = f"{kind}{len(self._published)}"
            self._published.append((kind, cid))
            number = models.TrackType.AUDIO if kind == "audio" else models.TrackType.VIDEO
            await self.ask(add_track=rtc.AddTrackRequest(cid=cid, type=number))
        offer = SessionDescription([], origin_id=1)
        for index, (kind, cid) in enumerate(self._published):
            section = MediaSection(kind, str(index), direction="sendonly", msid=f"s {cid}")
            section.codecs = codecs.parameters_for("opus" if kind == "audio" else "VP8")
            section.header_extensions = dict(extensions or {})
            offer.media.append(self.publisher.describe(section, "actpass"))
        application = MediaSection("application", "data", protocol="UDP/DTLS/SCTP", sctp_port=5000)
        offer.media.append(self.publisher.describe(application, "actpass"))
        offer.bundle = [section.mid for section in offer.media]
        self._answered = asyncio.get_running_loop().create_future()
        await self.ask(offer=rtc.SessionDescription(type="offer", sdp=str(offer)))
        answer = sdp.parse(await asyncio.wait_for(self._answered, 5))
        self._answered = None
        await self.publisher.connect(answer)
        return answer

    async def restart_ice(self) -> SessionDescription:
        """The publisher connection gets new credentials and another port; DTLS goes on over it."""
        old, self.publisher.agent = self.publisher.agent, IceAgent(controlling=True, loopback=True)
        agent = self.publisher.agent
        await agent.gather()
        answer = await self.publish()
        section = answer.transport_section
        assert section
        agent.set_remote(section.ice_ufrag, section.ice_pwd, lite=True)
        for line in [*section.candidates, None]:
            await agent.add_remote_candidate(line)
        await agent.connect()
        self.publisher.transport.replace_link(agent)
        await old.close()
        return answer

    def send(self, packet: rtp.RtpPacket | bytes) -> None:
        """An RTP packet, or bytes that pretend to be one."""
        data = packet if isinstance(packet, bytes) else rtp.serialise(packet)
        assert self.publisher.transport.send_rtp(data)


async def until(holds: Any, timeout_s: float = 5) -> None:
    """Waits for something to become true."""
    for _ in range(round(timeout_s / 0.02)):
        if holds():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not become true")


def candidate(line: str) -> str:
    """A trickle message's content."""
    return json.dumps({"candidate": line, "sdpMid": "0", "sdpMLineIndex": 0})
