"""A synthetic participant: LiveKit's signalling v0, two peer connections, RTP that is decrypted and counted."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Coroutine
from typing import Any

import aiohttp
from livekit.protocol import models, rtc

from jackfield.bench.load import media
from jackfield.bench.load.path import LoadPath
from jackfield.rtc import codecs, rtcp, sdp
from jackfield.rtc.rtp import SequenceUnwrapper
from jackfield.rtc.sdp import MediaSection, SessionDescription
from jackfield.rtc.signalling import join_url
from jackfield.rtc.transport import Certificate, Transport

_ICE_S = 10.0


class Side:
    """One peer connection of a participant."""

    def __init__(self, address: str, certificate: Certificate, *, timed: bool = False) -> None:
        self.path = LoadPath(address, timed=timed)
        self.certificate = certificate
        self.transport = Transport(self.path, certificate)
        self.trickled: list[str] = []
        self.has_candidate = asyncio.Event()
        self.started = False

    def describe(self, section: MediaSection, setup: sdp.Setup) -> MediaSection:
        """The section with our ICE and DTLS in it."""
        section.ice_ufrag, section.ice_pwd = self.path.local_ufrag, self.path.local_pwd
        section.fingerprints, section.setup = self.certificate.fingerprints, setup
        return section

    async def connect(self, remote: SessionDescription) -> None:
        """ICE and DTLS with what the server says, once."""
        section = remote.transport_section
        if self.started or section is None:
            return
        self.started = True
        found = [line for each in remote.media for line in each.candidates]
        if not found:
            await asyncio.wait_for(self.has_candidate.wait(), _ICE_S)
        await self.path.connect(section.ice_ufrag, section.ice_pwd, [*found, *self.trickled])
        await self.transport.start(section.fingerprints, "server" if section.setup == "active" else "client")


class LoadParticipant:
    """``received`` counts packets by SSRC; ``delays_ns`` are those of a ``timed`` one, while ``measuring``."""

    def __init__(self, session: aiohttp.ClientSession, url: str, token: str, address: str, *, timed: bool) -> None:
        self._session, self._url = session, join_url(url, {"access_token": token})
        certificate = Certificate.generate()
        self.publisher = Side(address, certificate)
        self.subscriber = Side(address, certificate, timed=timed)
        self.subscriber.transport.on_rtp = self._timed if timed else self._counted
        self.subscriber.transport.on_rtcp = lambda data: None
        self.publisher.transport.on_rtcp = self._feedback
        self.received: defaultdict[bytes, int] = defaultdict(int)
        self._newest: dict[bytes, bytes] = {}
        self._unwrappers: defaultdict[bytes, SequenceUnwrapper] = defaultdict(SequenceUnwrapper)
        self.delays_ns: list[int] = []
        self.measuring = False
        self.left = ""
        self._publication: media.Publication | None = None
        self._answers: asyncio.Queue[str] = asyncio.Queue(4)
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def packets(self) -> int:
        """How many came, in all."""
        return sum(self.received.values())

    async def join(self) -> None:
        """In the room; what the server offers is answered from now on."""
        self._websocket = await self._session.ws_connect(self._url, max_msg_size=0)
        self._keep(self._read())
        self._keep(self._report())

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)

    async def _ask(self, **message: Any) -> None:
        await self._websocket.send_bytes(rtc.SignalRequest(**message).SerializeToString())

    async def _read(self) -> None:
        async for frame in self._websocket:
            response = rtc.SignalResponse.FromString(frame.data)
            match response.WhichOneof("message"):
                case "offer":
                    await self._answer(response.offer)
                case "answer":
                    self._answers.put_nowait(response.answer.sdp)
                case "trickle":
                    is_ours = response.trickle.target == rtc.SignalTarget.PUBLISHER
                    side = self.publisher if is_ours else self.subscriber
                    line = json.loads(response.trickle.candidateInit).get("candidate", "")
                    if " udp " in line.lower() and " host" in line:
                        side.trickled.append(line)
                        side.has_candidate.set()
                case "leave":
                    self.left = str(response.leave).strip()

    async def _answer(self, offer: rtc.SessionDescription) -> None:
        remote, description = sdp.parse(offer.sdp), sdp.parse(offer.sdp)
        for section in description.media:
            section.candidates, section.ssrcs, section.ssrc_groups, section.msid = [], [], [], None
            if section.port:
                self.subscriber.describe(section, "active")
                section.direction = "recvonly" if section.direction == "sendonly" else section.direction
        description.ice_lite = False
        await self._ask(answer=rtc.SessionDescription(type="answer", sdp=str(description), id=offer.id))
        if not self.subscriber.started:
            self._keep(self.subscriber.connect(remote))

    # --- sending ---
    async def publish(self, ssrc: int, phase: float) -> None:
        """Sends a picture and sound from now on."""
        offer = SessionDescription([], origin_id=1)
        for index, kind in enumerate(("video", "audio")):
            number = models.TrackType.VIDEO if kind == "video" else models.TrackType.AUDIO
            source = models.TrackSource.CAMERA if kind == "video" else models.TrackSource.MICROPHONE
            request = rtc.AddTrackRequest(cid=kind, name=kind, type=number, source=source, width=1280, height=720)
            await self._ask(add_track=request)
            offer.media.append(self._offered(kind, str(index), ssrc + index))
        offer.bundle = [section.mid for section in offer.media]
        await self._ask(offer=rtc.SessionDescription(type="offer", sdp=str(offer)))
        answer = sdp.parse(await asyncio.wait_for(self._answers.get(), _ICE_S))
        await self.publisher.connect(answer)
        self._publication = media.Publication(self.publisher.transport.send_rtp, ssrc)
        self._keep(self._publication.run(phase))

    def _offered(self, kind: str, mid: str, ssrc: int) -> MediaSection:
        section = MediaSection(kind, mid, direction="sendonly", msid=f"load {kind}")
        section.codecs = codecs.parameters_for("VP8" if kind == "video" else "opus")[:1]
        section.header_extensions = {media.TRANSPORT_CC: sdp.TRANSPORT_CC}
        if kind == "audio":
            section.header_extensions[media.AUDIO_LEVEL] = sdp.AUDIO_LEVEL
        section.ssrcs = [sdp.SsrcInfo(ssrc, "load", f"load {kind}")]
        return self.publisher.describe(section, "actpass")

    def _feedback(self, data: bytes) -> None:
        if self._publication is not None and any(isinstance(item, rtcp.Pli | rtcp.Fir) for item in rtcp.parse(data)):
            self._publication.wants_key = True

    # --- receiving ---
    def _counted(self, packet: bytes, arrival_ns: int) -> None:
        source = packet[8:12]
        self.received[source] += 1
        self._newest[source] = packet[2:4]

    def _timed(self, packet: bytes, arrival_ns: int) -> None:
        self._counted(packet, arrival_ns)
        if self.measuring and len(packet) > 100:
            self.delays_ns.append(self.subscriber.path.arrived_ns - media.sent_ns(packet))

    async def _report(self) -> None:
        """A receiver report each second, in which nothing is lost: without any, servers think that nobody is there."""
        while True:
            await asyncio.sleep(1.0)
            blocks = []
            for source, number in list(self._newest.items())[:31]:
                highest = self._unwrappers[source].unwrap(int.from_bytes(number, "big"))
                blocks.append(rtcp.ReportBlock(int.from_bytes(source, "big"), 0, 0, highest & 0xFFFFFFFF))
            if blocks:
                self.subscriber.transport.send_rtcp(rtcp.serialise(rtcp.ReceiverReport(1, tuple(blocks))))

    async def leave(self) -> None:
        """Gone, and nothing is left open."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._websocket.close()
        for side in (self.publisher, self.subscriber):
            await side.path.close()
