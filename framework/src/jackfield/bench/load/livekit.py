"""A synthetic participant of LiveKit's protocol: signalling v0, two peer connections. Our server speaks it, too."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
from livekit.protocol import models, rtc

from jackfield.bench.load.participant import Body, Seat
from jackfield.bench.load.side import CONNECT_S
from jackfield.rtc import sdp
from jackfield.rtc.signalling import join_url
from jackfield.tokens import mint_call_token

KEY, SECRET = "load", "secret-of-this-load-and-of-nothing-else"


class LiveKitParticipant:
    """Joins with a token of this load's key."""

    def __init__(self, session: aiohttp.ClientSession, seat: Seat) -> None:
        self._body = Body(session, seat)
        self.received = self._body.received
        self.left = ""
        self._answers: asyncio.Queue[str] = asyncio.Queue(4)

    async def join(self) -> None:
        """In the room; what the server offers is answered from now on."""
        seat = self._body.seat
        token = mint_call_token(KEY, SECRET, uid=seat.name, name=seat.name, session_id=f"room-{seat.room}").token
        url = join_url(seat.url, {"access_token": token})
        self._websocket = await self._body.session.ws_connect(url, max_msg_size=0)
        self._body.keep(self._read())
        self._body.keep(self.received.report())

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
                    side = self._body.publisher if is_ours else self._body.subscriber
                    line = json.loads(response.trickle.candidateInit).get("candidate", "")
                    if " udp " in line.lower() and " host" in line:
                        side.trickled.append(line)
                        side.has_candidate.set()
                case "leave":
                    self.left = str(response.leave).strip()

    async def _answer(self, offer: rtc.SessionDescription) -> None:
        side = self._body.subscriber
        await self._ask(answer=rtc.SessionDescription(type="answer", sdp=side.answer(offer.sdp), id=offer.id))
        if not side.started:
            self._body.keep(side.connect(sdp.parse(offer.sdp)))

    async def publish(self, ssrc: int, phase: float) -> None:
        """Sends a picture and sound from now on."""
        for kind in ("video", "audio"):
            number = models.TrackType.VIDEO if kind == "video" else models.TrackType.AUDIO
            source = models.TrackSource.CAMERA if kind == "video" else models.TrackSource.MICROPHONE
            request = rtc.AddTrackRequest(cid=kind, name=kind, type=number, source=source, width=1280, height=720)
            await self._ask(add_track=request)
        side = self._body.publisher
        await self._ask(offer=rtc.SessionDescription(type="offer", sdp=side.offer(ssrc)))
        await side.connect(sdp.parse(await asyncio.wait_for(self._answers.get(), CONNECT_S)))
        self._body.send(ssrc, phase)

    async def leave(self) -> None:
        """Gone, and nothing is left open."""
        await self._body.stop()
        await self._websocket.close()
        await self._body.close()
