"""Joined signalling and its two peer connections: offers, answers, candidates, tracks and data."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
from collections.abc import Callable, Coroutine, Sequence
from typing import Any
from urllib.parse import urlsplit

from livekit.protocol.models import DataPacket, TrackInfo
from livekit.protocol.rtc import (
    AddTrackRequest,
    LeaveRequest,
    RequestResponse,
    SessionDescription,
    SignalResponse,
    TrickleRequest,
)

from jackfield.rtc import signalling
from jackfield.rtc.layers import Layer
from jackfield.rtc.link import IceServer
from jackfield.rtc.peer import PublisherPeer, SubscriberPeer
from jackfield.rtc.receiver import RtpReceiver
from jackfield.rtc.sender import RtpSender
from jackfield.rtc.transport import Certificate, DataChannel
from jackfield.session.signal_client import SignalClient
from jackfield.values.errors import CallError, NetworkError, NotAllowed
from jackfield.values.events import LeaveReason

logger = logging.getLogger("jackfield.connection")

ANSWER_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 3.0
#: Offers and candidates that wait for their turn; a server that sends more is not at its senses.
INBOX_MAX = 1000
RELIABLE, LOSSY = "_reliable", "_lossy"


class Connection:
    """One joined connection. Everything runs on the event loop; set the callbacks, then `start`.

    ``on_message`` gets what is about the room, ``on_end`` is called once when the server ended it or is gone.
    """

    def __init__(self, signal: SignalClient, server: str, certificate: Certificate) -> None:
        join = signal.joined
        self.signal = signal
        self.on_message: Callable[[str, Any], None] = lambda kind, message: None
        self.on_end: Callable[[LeaveReason, str], None] = lambda reason, message: None
        self.on_track: Callable[[RtpReceiver], None] = lambda receiver: None
        self.on_track_ended: Callable[[RtpReceiver], None] = lambda receiver: None
        self.on_data: Callable[[DataPacket], None] = lambda packet: None
        options: dict[str, Any] = {
            "certificate": certificate,
            "ice_servers": [IceServer(tuple(each.urls), each.username, each.credential) for each in join.ice_servers],
            "loopback": on_this_machine(server),
        }
        self.publisher, self.subscriber = PublisherPeer(**options), SubscriberPeer(**options)
        self._fast = join.fast_publish
        self._channels: dict[str, DataChannel] = {}
        self._open = {RELIABLE: asyncio.Event(), LOSSY: asyncio.Event()}
        self._publishing: dict[str, asyncio.Future[TrackInfo]] = {}
        self._inbox: asyncio.Queue[tuple[str, Any]] = asyncio.Queue(INBOX_MAX)
        self._tasks: set[asyncio.Task[None]] = set()
        self._offer_id, self._offer_wanted, self._offering = 0, False, False
        self._answer: asyncio.Future[str] | None = None
        #: Set once our media has a way to the server.
        self.sending = asyncio.Event()
        self.over = False

    def start(self) -> None:
        """Messages are read from now on."""
        self.publisher.on_candidate = lambda init: self._trickle(init, signalling.PUBLISHER)
        self.subscriber.on_candidate = lambda init: self._trickle(init, signalling.SUBSCRIBER)
        self.publisher.on_state = lambda state: self._peer_state(state, "sending")
        self.subscriber.on_state = lambda state: self._peer_state(state, "receiving")
        self.subscriber.on_track, self.subscriber.on_track_ended = self._track, self._track_ended
        self.subscriber.on_channel = self._subscribe_channel
        self.signal.on_message, self.signal.on_closed = self._message, self._signal_closed
        self._task(self._negotiations(), "negotiations")
        self.signal.start()

    # --- publishing
    async def add_track(
        self, request: AddTrackRequest, kind: signalling.Kind, codec: str, layers: Sequence[Layer] = (Layer(),)
    ) -> tuple[TrackInfo, RtpSender]:
        """Publishes: the server knows the track and has been offered it. `NotAllowed` when it does not take it."""
        answer: asyncio.Future[TrackInfo] = asyncio.get_running_loop().create_future()
        self._publishing[request.cid] = answer
        self.signal.send(add_track=request)
        sender = self._sender(request, kind, codec, layers) if self._fast else None
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                info = await answer
        except BaseException as exc:
            if sender is not None:
                self.remove_track(sender)
            if isinstance(exc, TimeoutError):
                raise NetworkError(f"the server did not take the track {request.name!r} in time") from exc
            raise
        finally:
            self._publishing.pop(request.cid, None)
        return info, sender or self._sender(request, kind, codec, layers)

    def _sender(
        self, request: AddTrackRequest, kind: signalling.Kind, codec: str, layers: Sequence[Layer]
    ) -> RtpSender:
        sender = self.publisher.add_track(
            kind, cid=request.cid, stream_id=request.stream or request.cid, codec=codec, layers=layers
        )
        sender.redundant = not request.disable_red
        self.negotiate()
        return sender

    def remove_track(self, sender: RtpSender) -> None:
        """The track is over; the server learns it by the next offer."""
        self.publisher.remove_track(sender)
        self.negotiate()

    def negotiate(self) -> None:
        """Offers what the publisher connection has now; requests that come meanwhile make one more offer."""
        self._offer_wanted = True
        if not self._offering and not self.over:
            self._offering = True
            self._task(self._offer(), "offer")

    async def _offer(self) -> None:
        try:
            while self._offer_wanted and not self.over:
                self._offer_wanted = False
                self._answer = asyncio.get_running_loop().create_future()
                self._offer_id += 1
                sdp = await self.publisher.create_offer()
                self._open_channels()
                self.signal.send(offer=SessionDescription(type="offer", sdp=sdp, id=self._offer_id))
                async with asyncio.timeout(ANSWER_TIMEOUT_S):
                    await self.publisher.set_answer(await self._answer)
        except (TimeoutError, ConnectionError, ValueError) as exc:
            self._end("network", f"the media connection could not be negotiated: {exc or 'no answer in time'}")
        finally:
            self._offering = False

    def _open_channels(self) -> None:
        if self._channels:
            return
        for label, retransmits in ((RELIABLE, None), (LOSSY, 0)):
            channel = self.publisher.open_channel(label, ordered=label == RELIABLE, max_retransmits=retransmits)
            channel.on_open = self._open[label].set
            self._channels[label] = channel

    # --- data
    async def send_data(self, packet: DataPacket, *, reliable: bool) -> None:
        """Sends on the data channel of this kind, which is opened at first use."""
        label = RELIABLE if reliable else LOSSY
        if self.over:
            raise NetworkError("the call is over")
        if self._offer_id == 0:
            self.negotiate()
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                await self._open[label].wait()
            self._channels[label].send(packet.SerializeToString())
        except (TimeoutError, ConnectionError) as exc:
            raise NetworkError(f"data cannot be sent: {exc or 'the data channel did not open in time'}") from exc

    async def data_drained(self, below: int) -> None:
        """Returns once less than so many bytes of reliable data wait to be sent."""
        channel = self._channels.get(RELIABLE)
        try:
            if channel is not None:
                await channel.drained(below)
        except ConnectionError as exc:
            raise NetworkError(f"data cannot be sent: {exc}") from exc

    def _subscribe_channel(self, channel: DataChannel) -> None:
        channel.on_message = self._data

    def _data(self, data: bytes) -> None:
        try:
            packet = DataPacket.FromString(data)
        except Exception as exc:
            logger.warning("a data packet cannot be read: %s", exc)
            return
        self.on_data(packet)

    # --- messages
    def _message(self, response: SignalResponse) -> None:
        kind = response.WhichOneof("message")
        if kind is None:
            return
        message = getattr(response, kind)
        match kind:
            case "offer" | "trickle":
                self._put(kind, message)
            case "answer":
                if self._answer and not self._answer.done() and message.id in (0, self._offer_id):
                    self._answer.set_result(message.sdp)
            case "track_published":
                self._resolve(message.cid, message.track)
            case "request_response":
                self._refused(message)
            case "leave":
                self._leave(message)
            case _:
                self.on_message(kind, message)

    def _put(self, kind: str, message: Any) -> None:
        try:
            self._inbox.put_nowait((kind, message))
        except asyncio.QueueFull:
            self._end("network", f"the server sent more than {INBOX_MAX} offers and candidates at once")

    def _resolve(self, cid: str, result: TrackInfo | CallError) -> None:
        answer = self._publishing.get(cid)
        if answer is None or answer.done():
            return
        if isinstance(result, CallError):
            answer.set_exception(result)
        else:
            answer.set_result(result)

    def _refused(self, message: RequestResponse) -> None:
        if message.WhichOneof("request") == "add_track" and message.reason not in (
            RequestResponse.Reason.OK,
            RequestResponse.Reason.QUEUED,
        ):
            reason = message.message or RequestResponse.Reason.Name(message.reason)
            self._resolve(message.add_track.cid, NotAllowed(f"the server does not take the track: {reason}"))
        else:
            self.on_message("request_response", message)

    def _leave(self, message: LeaveRequest) -> None:
        if message.action == LeaveRequest.Action.DISCONNECT and not message.can_reconnect:
            self._end(signalling.leave_reason(message.reason), "the server ended the call for us")
        else:
            self._end("server", "the server asks us to join anew")

    async def _negotiations(self) -> None:
        while True:
            kind, message = await self._inbox.get()
            try:
                if kind == "offer":
                    sdp = await self.subscriber.answer(message.sdp)
                    self.signal.send(answer=SessionDescription(type="answer", sdp=sdp, id=message.id))
                elif message.candidateInit:
                    peer = self.publisher if message.target == signalling.PUBLISHER else self.subscriber
                    await peer.add_remote_candidate(message.candidateInit)
            except (ValueError, ConnectionError) as exc:
                logger.warning("the server's %s cannot be used: %s", kind, exc)

    def _trickle(self, init: str, target: Any) -> None:
        self.signal.send(trickle=TrickleRequest(candidateInit=init, target=target))

    # --- ends
    def _peer_state(self, state: str, purpose: str) -> None:
        if state == "connected" and purpose == "sending":
            self.sending.set()
        if state == "failed":
            self._end("network", f"the connection for {purpose} media failed")

    def _signal_closed(self, reason: str) -> None:
        self._end("network", reason)

    def _end(self, reason: LeaveReason, message: str) -> None:
        if not self.over:
            self.over = True
            self.on_end(reason, message)

    def _track(self, receiver: RtpReceiver) -> None:
        self.on_track(receiver)

    def _track_ended(self, receiver: RtpReceiver) -> None:
        self.on_track_ended(receiver)

    async def close(self, *, leave: LeaveRequest | None = None) -> None:
        """Says ``leave`` where given, and closes everything within seconds."""
        self.over = True
        if leave is not None:
            self.signal.send(leave=leave)
        for answer in self._publishing.values():
            if not answer.done():
                answer.set_exception(NetworkError("the call ended while a track was being published"))
        for task in self._tasks:
            task.cancel()
        jobs = [*self._tasks, *map(_bounded, (self.signal.close(), self.publisher.close(), self.subscriber.close()))]
        for failed in await asyncio.gather(*jobs, return_exceptions=True):
            if isinstance(failed, Exception):
                logger.warning("a part of the connection could not be closed", exc_info=failed)

    def _task(self, job: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(job, name=f"connection {name}")
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (exc := task.exception()):
            logger.error("%s failed", task.get_name(), exc_info=exc)
            self._end("network", f"{task.get_name()} failed: {exc!r}")


async def _bounded(job: Coroutine[Any, Any, None]) -> None:
    async with asyncio.timeout(CLOSE_TIMEOUT_S):
        await job


def on_this_machine(server: str) -> bool:
    """Whether a server's address is this machine's loopback, where a call needs no network."""
    host = urlsplit(server).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == socket.gethostname()
