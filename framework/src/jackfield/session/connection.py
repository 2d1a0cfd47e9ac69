"""Joined signalling and its two peer connections: offers, answers, candidates, tracks and data."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Callable, Coroutine, Sequence
from typing import Any
from urllib.parse import urlsplit

from livekit.protocol.models import DataPacket, TrackInfo
from livekit.protocol.rtc import (
    AddTrackRequest,
    DataChannelInfo,
    JoinResponse,
    LeaveRequest,
    RequestResponse,
    SessionDescription,
    SignalResponse,
    SyncState,
    TrickleRequest,
    UpdateSubscription,
)

from jackfield.log_limit import limited_logger
from jackfield.rtc import signalling
from jackfield.rtc.layers import Layer
from jackfield.rtc.link import IceServer, ignore
from jackfield.rtc.peer import PublisherPeer, SubscriberPeer
from jackfield.rtc.receiver import RtpReceiver
from jackfield.rtc.sender import RtpSender
from jackfield.rtc.transport import Certificate, DataChannel
from jackfield.session.signal_client import SignalClient, wants_us_back
from jackfield.session.trouble import Cause, Trouble
from jackfield.values.errors import CallError, NetworkError, NotAllowed
from jackfield.values.events import LeaveReason

logger = limited_logger("jackfield.connection")

ANSWER_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 3.0
#: A server that closes our paths has said why within this time, if it says so at all.
GOODBYE_S = 0.5
#: Offers and candidates that wait for their turn; a server that sends more is not at its senses.
INBOX_MAX = 1000
RELIABLE, LOSSY = "_reliable", "_lossy"


class JoinedAnew(NetworkError):
    """Who we were is gone, with all that was published and asked for."""


class Connection:
    """One joined connection. Everything runs on the event loop; set the callbacks, then `start`.

    ``on_message`` gets what is about the room, ``on_trouble`` each loss of signalling, of a path or of the server,
    ``on_change`` is called when a path is there again, ``on_end`` once when the server ended the call for us. What is
    lost is mended by `resume`, or by `join_anew` with everything but this object and its callbacks made again.
    """

    def __init__(self, signal: SignalClient, server: str, certificate: Certificate) -> None:
        self.signal = signal
        self.on_message: Callable[[str, Any], None] = lambda kind, message: None
        self.on_end: Callable[[LeaveReason, str], None] = lambda reason, message: None
        self.on_trouble: Callable[[Trouble], None] = lambda trouble: None
        self.on_change: Callable[[], None] = lambda: None
        self.on_track: Callable[[RtpReceiver], None] = lambda receiver: None
        self.on_track_ended: Callable[[RtpReceiver], None] = lambda receiver: None
        self.on_data: Callable[[DataPacket], None] = lambda packet: None
        self._server, self._certificate = server, certificate
        self._renew()
        self._channels: dict[str, DataChannel] = {}
        self._open = {RELIABLE: asyncio.Event(), LOSSY: asyncio.Event()}
        self._publishing: dict[str, tuple[AddTrackRequest, asyncio.Future[TrackInfo]]] = {}
        self._inbox: asyncio.Queue[tuple[str, Any]] = asyncio.Queue(INBOX_MAX)
        self._tasks: set[asyncio.Task[None]] = set()
        self._retiring: set[asyncio.Task[None]] = set()
        self._offer_id, self._offer_wanted, self._offering = 0, False, False
        self._restart_wanted = False
        self._answer: asyncio.Future[str] | None = None
        #: Set once our media has a way to the server.
        self.sending = asyncio.Event()
        self.over = False

    def _renew(self) -> None:
        """Two peers, fresh, for what the server's join says."""
        join = self.signal.joined
        options: dict[str, Any] = {
            "certificate": self._certificate,
            "ice_servers": _ice_servers(join),
            "loopback": on_this_machine(self._server),
        }
        self.publisher, self.subscriber = PublisherPeer(**options), SubscriberPeer(**options)
        self._fast = join.fast_publish
        #: The server is gone, or wants us to join anew: nothing here carries any more, whatever it looks like.
        self._is_void = False

    def start(self) -> None:
        """Messages are read from now on."""
        self._task(self._negotiations(), "negotiations")
        self._begin()

    def _begin(self) -> None:
        self.publisher.on_candidate = lambda init: self._trickle(init, signalling.PUBLISHER)
        self.subscriber.on_candidate = lambda init: self._trickle(init, signalling.SUBSCRIBER)
        self.publisher.on_state = lambda state: self._peer_state(state, "sending")
        self.subscriber.on_state = lambda state: self._peer_state(state, "receiving")
        self.subscriber.on_track, self.subscriber.on_track_ended = self._track, self._track_ended
        self.subscriber.on_channel = self._subscribe_channel
        self._listen()

    def _listen(self) -> None:
        self.signal.on_message, self.signal.on_closed = self._message, self._signal_closed
        self.signal.start()

    # --- lost and mended
    @property
    def is_whole(self) -> bool:
        """Whether signalling is up, and both paths carry: that for sending too, where there is one."""
        publishes = self.publisher.state != "new"
        return (
            self.signal.is_open
            and not self._is_void
            and _carries(self.subscriber)
            and (_carries(self.publisher) if publishes else not self._offering)
        )

    def resume(self, signal: SignalClient, state: SyncState) -> None:
        """Goes on over another WebSocket, on which the server hears ``state`` first. A path that is lost is looked for
        anew; media goes on over one that carries, until the server wants another."""
        self._replace(signal)
        for peer in (self.publisher, self.subscriber):
            peer.use_servers(_ice_servers(signal.joined))
        signal.send(sync_state=state)
        self._listen()
        for request, _ in self._publishing.values():
            signal.send(add_track=request)
        self._restart_wanted = self._channels != {} and not _carries(self.publisher)
        if self._restart_wanted or self._offer_wanted:
            self.negotiate()

    def join_anew(self, signal: SignalClient, server: str) -> None:
        """Everything is as after a join: nothing is published, nobody has been heard of; `begin_anew` reads on."""
        for _, answer in self._publishing.values():
            if not answer.done():
                answer.set_exception(JoinedAnew("the call was joined anew while a track was being published"))
        self._publishing.clear()
        former = self.publisher, self.subscriber
        self._replace(signal)
        self._server = server
        self._renew()
        self._channels, self._offer_wanted, self._restart_wanted = {}, False, False
        for event in (*self._open.values(), self.sending):
            event.clear()
        for peer in former:
            peer.on_candidate = peer.on_state = peer.on_channel = ignore
            self._retire(peer.close())
        former[1].on_track = former[1].on_track_ended = ignore

    def begin_anew(self) -> None:
        """After `join_anew`: messages are read from now on."""
        self._begin()

    def _replace(self, signal: SignalClient) -> None:
        former, self.signal = self.signal, signal
        former.on_message = former.on_closed = ignore
        self._retire(former.close())
        while not self._inbox.empty():
            self._inbox.get_nowait()
        self._abandon_offer()

    def let_go(self) -> None:
        """We are about to join anew: what the server says to who we were does not concern us any more."""
        self._is_void = True
        self.signal.on_message = self.signal.on_closed = ignore

    def _retire(self, closing: Coroutine[Any, Any, None]) -> None:
        """What another has taken the place of is closed meanwhile."""
        task = asyncio.create_task(_closed(closing), name="connection retiring")
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    def _abandon_offer(self) -> None:
        """Nobody will answer the offer in flight; the next one has all that is in it."""
        if self._answer is not None and not self._answer.done():
            self._offer_wanted = True
            self._answer.set_exception(_Abandoned())

    def sync_state(self) -> SyncState:
        """What we believe, as LiveKit's SDKs tell it when they resume."""
        offer, answer = self.publisher.last_offer, self.subscriber.last_answer
        state = SyncState(subscription=UpdateSubscription(subscribe=False))
        if answer:
            state.answer.CopyFrom(SessionDescription(type="answer", sdp=answer))
        if offer:
            state.offer.CopyFrom(SessionDescription(type="offer", sdp=offer))
        for number, label in enumerate(self._channels):
            state.data_channels.append(DataChannelInfo(label=label, id=number, target=signalling.PUBLISHER))
        return state

    # --- publishing
    async def add_track(
        self, request: AddTrackRequest, kind: signalling.Kind, codec: str, layers: Sequence[Layer] = (Layer(),)
    ) -> tuple[TrackInfo, RtpSender]:
        """Publishes: the server knows the track and has been offered it. `NotAllowed` when it does not take it,
        `JoinedAnew` where all that is published has to be published again."""
        answer: asyncio.Future[TrackInfo] = asyncio.get_running_loop().create_future()
        self._publishing[request.cid] = request, answer
        self.signal.send(add_track=request)
        sender = self._sender(request, kind, codec, layers) if self._fast else None
        try:
            info = await self._taken(answer)
        except BaseException as exc:
            if sender is not None:
                self.remove_track(sender)
            if isinstance(exc, TimeoutError):
                raise NetworkError(f"the server did not take the track {request.name!r} in time") from exc
            raise
        finally:
            if self._publishing.get(request.cid, (None, None))[1] is answer:  # it may be announced anew already
                del self._publishing[request.cid]
        return info, sender or self._sender(request, kind, codec, layers)

    async def _taken(self, answer: asyncio.Future[TrackInfo]) -> TrackInfo:
        """`TimeoutError` where the server has had its time for it; while it cannot be heard it has not."""
        while True:
            try:
                async with asyncio.timeout(ANSWER_TIMEOUT_S):
                    return await asyncio.shield(answer)
            except TimeoutError:
                if self.signal.is_open or self.over:
                    raise

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
            while self._offer_wanted and self.signal.is_open and not self.over:
                await self._offer_once()
        except _Abandoned:
            logger.info("an offer was given up: signalling is lost")
        except (TimeoutError, ConnectionError, ValueError) as exc:
            found = f"the media connection could not be negotiated: {exc or 'no answer in time'}"
            self._trouble("server", found)
        finally:
            self._offering = False
            if self._offer_wanted and self.signal.is_open:
                self.negotiate()

    async def _offer_once(self) -> None:
        publisher, restart = self.publisher, self._restart_wanted
        self._offer_wanted = self._restart_wanted = False
        answer = self._answer = asyncio.get_running_loop().create_future()
        self._offer_id += 1
        sdp = await publisher.create_offer(restart_ice=restart)
        if publisher is self.publisher:
            self._open_channels()
            self.signal.send(offer=SessionDescription(type="offer", sdp=sdp, id=self._offer_id))
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            await publisher.set_answer(await answer)

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
        if not self._channels:
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
        _, answer = self._publishing.get(cid, (None, None))
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
        if not wants_us_back(message):
            self._end(signalling.leave_reason(message.reason), "the server ended the call for us")
        elif message.action == LeaveRequest.Action.RESUME:
            self._trouble("signalling", "the server asks us to connect again")
        else:
            self._trouble("server", "the server asks us to join anew")

    async def _negotiations(self) -> None:
        while True:
            kind, message = await self._inbox.get()
            signal = self.signal
            try:
                if kind == "offer":
                    sdp = await self.subscriber.answer(message.sdp)
                    signal.send(answer=SessionDescription(type="answer", sdp=sdp, id=message.id))
                elif message.candidateInit:
                    peer = self.publisher if message.target == signalling.PUBLISHER else self.subscriber
                    await peer.add_remote_candidate(message.candidateInit)
            except (ValueError, ConnectionError) as exc:
                logger.warning("the server's %s cannot be used: %s", kind, exc)

    def _trickle(self, init: str, target: Any) -> None:
        self.signal.send(trickle=TrickleRequest(candidateInit=init, target=target))

    # --- ends
    def _peer_state(self, state: str, purpose: str) -> None:
        if state == "connected":
            if purpose == "sending":
                self.sending.set()
            self.on_change()
        elif state == "disconnected":
            self._trouble("media", f"nothing comes from the server over the connection for {purpose} media")
        elif state == "failed":
            self._trouble("server", f"the connection for {purpose} media failed")
        elif state == "closed" and not self.over:
            self._task(self._without_goodbye(purpose), f"goodbye {purpose}")

    async def _without_goodbye(self, purpose: str) -> None:
        """A path that the server closes is a loss only if signalling does not say why: a goodbye goes another way, and
        may come after it."""
        signal = self.signal
        await asyncio.sleep(GOODBYE_S)
        if self.signal is signal:
            self._trouble("server", f"the server closed the connection for {purpose} media")

    def _signal_closed(self, reason: str) -> None:
        self._abandon_offer()
        self._trouble("signalling", reason)

    def _trouble(self, cause: Cause, message: str) -> None:
        if not self.over:
            self._is_void = self._is_void or cause == "server"
            self.on_trouble(Trouble(cause, message))

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
        for _, answer in self._publishing.values():
            if not answer.done():
                answer.set_exception(NetworkError("the call ended while a track was being published"))
        for task in self._tasks:
            task.cancel()
        jobs = [
            *self._tasks,
            *self._retiring,
            *map(_bounded, (self.signal.close(), self.publisher.close(), self.subscriber.close())),
        ]
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
            self._trouble("server", f"{task.get_name()} failed: {exc!r}")


class _Abandoned(Exception):
    """No answer will come."""


def _carries(peer: PublisherPeer | SubscriberPeer) -> bool:
    return peer.state == "connected"


async def _bounded(job: Coroutine[Any, Any, None]) -> None:
    async with asyncio.timeout(CLOSE_TIMEOUT_S):
        await job


async def _closed(closing: Coroutine[Any, Any, None]) -> None:
    try:
        await _bounded(closing)
    except Exception:
        logger.warning("a part of the former connection could not be closed", exc_info=True)


def on_this_machine(server: str) -> bool:
    """Whether a server's address is this machine's loopback, where a call needs no network."""
    host = urlsplit(server).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == socket.gethostname()


def _ice_servers(join: JoinResponse) -> list[IceServer]:
    return [IceServer(tuple(each.urls), each.username, each.credential) for each in join.ice_servers]
