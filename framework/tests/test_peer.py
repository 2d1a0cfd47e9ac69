"""Two of our own peers meet over 127.0.0.1 with real ICE, DTLS and SRTP."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

from jackfield.rtc import rtp, sdp
from jackfield.rtc.peer import PublisherPeer, SubscriberPeer
from jackfield.rtc.receiver import RtpReceiver
from jackfield.rtc.sender import RtpSender
from jackfield.rtc.transport import DataChannel, Transport
from jackfield.testing.bottleneck import Bottleneck, Stretch
from jackfield.values.media import EncodedFrame

KEY = b"\x10\x02\x00\x9d\x01\x2a\x40\x01\xb4\x00"
DELTA = b"\x11\x02\x00"
OPUS = b"\x78" + bytes(60)


def picture(number: int, *, size: int = 3000, keyframe: bool = False) -> EncodedFrame:
    """A VP8 frame of made-up bytes that only its header makes a key frame."""
    body = number.to_bytes(4, "big") * (size // 4)
    return EncodedFrame((KEY if keyframe else DELTA) + body, "VP8", keyframe)


async def until(holds: Callable[[], object], *, seconds: float = 8) -> None:
    """Returns once it holds; fails when that takes too long."""
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.005)


async def negotiate(publisher: PublisherPeer, subscriber: SubscriberPeer) -> None:
    """One offer and its answer."""
    await publisher.set_answer(await subscriber.answer(await publisher.create_offer()))


@asynccontextmanager
async def pair() -> AsyncIterator[tuple[PublisherPeer, SubscriberPeer]]:
    """Two peers on this machine that are closed in the end."""
    publisher, subscriber = PublisherPeer(loopback=True), SubscriberPeer(loopback=True)
    publisher.on_candidate = subscriber_candidates = _Trickle(subscriber)
    subscriber.on_candidate = publisher_candidates = _Trickle(publisher)
    try:
        yield publisher, subscriber
    finally:
        await publisher.close()
        await subscriber.close()
        await subscriber_candidates.done()
        await publisher_candidates.done()


class _Trickle:
    """Hands candidates to the other peer."""

    def __init__(self, other: PublisherPeer | SubscriberPeer) -> None:
        self._other = other
        self._tasks: list[asyncio.Task[None]] = []

    def __call__(self, init: str) -> None:
        self._tasks.append(asyncio.ensure_future(self._other.add_remote_candidate(init)))

    async def done(self) -> None:
        await asyncio.gather(*self._tasks)


async def send_until(sender: RtpSender, frames: list[EncodedFrame], *, count: int) -> None:
    """Sends pictures at 100 a second, the first of them a key frame, until ``count`` of them have come."""
    for number in range(400):
        if len(frames) >= count:
            return
        sender.send(picture(number, keyframe=number == 0))
        await asyncio.sleep(0.01)
    raise AssertionError(f"{len(frames)} frames came")


async def test_pictures_sound_and_data_arrive() -> None:
    """One offer and one answer, and everything flows; what is received is what was sent."""
    async with pair() as (publisher, subscriber):
        video = publisher.add_track("video", cid="TR_v", stream_id="PA_a|TR_v", codec="VP8")
        audio = publisher.add_track("audio", cid="TR_a", stream_id="PA_a|TR_a", codec="opus")
        channel = publisher.open_channel("_reliable")
        tracks: dict[str, RtpReceiver] = {}
        frames: dict[str, list[EncodedFrame]] = {"video": [], "audio": []}
        messages: list[bytes] = []

        def track(receiver: RtpReceiver) -> None:
            tracks[receiver.track_sid] = receiver
            receiver.on_frame = frames[receiver.kind].append

        def opened(remote: DataChannel) -> None:
            remote.on_message = messages.append

        subscriber.on_track, subscriber.on_channel = track, opened
        await negotiate(publisher, subscriber)
        assert set(tracks) == {"TR_v", "TR_a"}
        assert {receiver.participant_sid for receiver in tracks.values()} == {"PA_a"}
        await until(lambda: publisher.state == subscriber.state == "connected")
        for number in range(20):
            video.send(picture(number, keyframe=number == 0))
            audio.send(EncodedFrame(OPUS, "opus", True), level_dbov=20)
            await asyncio.sleep(0.01)
        await until(lambda: len(frames["video"]) == 20 and len(frames["audio"]) >= 19)
        assert [frame.data for frame in frames["video"]] == [
            picture(number, keyframe=number == 0).data for number in range(20)
        ]
        assert frames["video"][0].keyframe
        assert frames["audio"][0].duration_ns == 20_000_000
        await until(lambda: channel.state == "open")
        channel.send(b"hello")
        await until(lambda: messages == [b"hello"])


async def test_a_big_keyframe_arrives_whole() -> None:
    """Four hundred packets in one frame are paced into the sockets."""
    async with pair() as (publisher, subscriber):
        video = publisher.add_track("video", cid="c", stream_id="s", codec="VP8")
        frames: list[EncodedFrame] = []
        subscriber.on_track = lambda receiver: setattr(receiver, "on_frame", frames.append)
        await negotiate(publisher, subscriber)
        await until(lambda: publisher.state == "connected" and subscriber.state == "connected")
        big = picture(7, size=460_000, keyframe=True)
        video.send(big)
        await until(lambda: frames)
        assert frames[0].data == big.data


def _send_by(transport: Transport, send: Callable[[bytes], None]) -> None:
    """Whatever leaves goes through ``send``, one by one."""

    def send_all(datagrams: Sequence[bytes]) -> None:
        for data in datagrams:
            send(data)

    transport.link.send, transport.link.send_all = send, send_all  # type: ignore[method-assign]


async def test_loss_on_a_real_path_is_repaired() -> None:
    """One packet in ten is lost on its way out; pictures still arrive whole and in order."""
    async with pair() as (publisher, subscriber):
        video = publisher.add_track("video", cid="c", stream_id="s", codec="VP8")
        frames: list[EncodedFrame] = []
        subscriber.on_track = lambda receiver: setattr(receiver, "on_frame", frames.append)
        await negotiate(publisher, subscriber)
        await until(lambda: publisher.state == "connected" and subscriber.state == "connected")
        transport, chance = publisher._connection.transport, random.Random(1)
        assert transport is not None
        sound, lossy = transport.link.send, []

        def send(data: bytes) -> None:
            if chance.random() < 0.1:
                lossy.append(data)
            else:
                sound(data)

        _send_by(transport, send)
        asked: list[int] = [0]
        video.on_keyframe_request = lambda rid: asked.append(1)
        for number in range(200):
            video.send(picture(number, size=5000, keyframe=bool(asked)))
            asked.clear()
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.3)
        numbers = [int.from_bytes(frame.data[-4:], "big") for frame in frames]
        assert len(lossy) > 50
        assert numbers == sorted(numbers)
        # Without repair about 118 of 200 are whole; a busy machine misses some deadlines.
        assert len(numbers) >= 150
        assert subscriber.stats()["tracks"]["c"]["packets_recovered"] > 50


async def test_two_videos_on_one_path_are_both_repaired() -> None:
    """Each loses every seventh packet; both are sent again as RTX (RFC 4588)."""
    async with pair() as (publisher, subscriber):
        videos = {
            cid: publisher.add_track("video", cid=cid, stream_id="s", codec="VP8") for cid in ("camera", "screen")
        }
        frames: dict[str, list[int]] = {cid: [] for cid in videos}

        def track(receiver: RtpReceiver) -> None:
            taken = frames[receiver.track_sid]
            receiver.on_frame = lambda frame: taken.append(int.from_bytes(frame.data[-4:], "big"))

        subscriber.on_track = track
        await negotiate(publisher, subscriber)
        await until(lambda: publisher.state == "connected" and subscriber.state == "connected")
        transport = publisher._connection.transport
        assert transport is not None
        sound, sources = transport.link.send, {video.ssrc: 0 for video in videos.values()}

        def send(data: bytes) -> None:
            source = 0 if rtp.is_rtcp(data) else rtp.ssrc(data)
            if source in sources:  # not RTX, which has a source number of its own
                sources[source] += 1
                if sources[source] % 7 == 0:
                    return
            sound(data)

        _send_by(transport, send)
        wanted = set(videos)
        for cid, video in videos.items():
            video.on_keyframe_request = lambda rid, cid=cid: wanted.add(cid)  # type: ignore[misc]
        number = 0
        async with asyncio.timeout(10):
            while min(stats.get("packets_recovered", 0) for stats in subscriber.stats()["tracks"].values()) < 30:
                for cid, video in videos.items():
                    video.send(picture(number, size=5000, keyframe=cid in wanted))
                    wanted.discard(cid)
                number += 1
                await asyncio.sleep(0.01)
        assert all(len(taken) > 10 and taken == sorted(taken) for taken in frames.values())


async def test_a_bottleneck_on_a_real_path_is_found_and_held() -> None:
    """At 400 kbit/s with a fifth of a second of room: the encoder is told of less, and its pictures get through."""
    async with pair() as (publisher, subscriber):
        video = publisher.add_track("video", cid="c", stream_id="s", codec="VP8")
        frames: list[EncodedFrame] = []
        subscriber.on_track = lambda receiver: setattr(receiver, "on_frame", frames.append)
        await negotiate(publisher, subscriber)
        await until(lambda: publisher.state == "connected" and subscriber.state == "connected")
        transport, loop = publisher._connection.transport, asyncio.get_running_loop()
        assert transport is not None
        sound = transport.link.send
        path = Bottleneck(publisher._connection.clock, [Stretch(60, 400_000, delay_ms=0, queue_ms=200)])

        def send(data: bytes) -> None:
            arrival_ns = path.send(len(data))
            if arrival_ns is not None:
                loop.call_later((arrival_ns - publisher._connection.clock.now_ns()) / 1e9, sound, data)

        _send_by(transport, send)
        told, wanted = [1_700_000], [True]
        video.max_bitrate_bps = told[0]
        video.on_bitrate = lambda rid, bps: told.append(bps)
        video.on_keyframe_request = lambda rid: wanted.append(True)
        number = 0
        async with asyncio.timeout(25):
            while len(frames) < 60:  # repairs that know no measure would keep the path full, and no picture whole
                size = told[-1] // 240 * (4 if wanted else 1)
                video.send(picture(number, size=size, keyframe=bool(wanted)))
                wanted.clear()
                number += 1
                await asyncio.sleep(1 / 30)
        assert 0 < path.dropped < 200
        assert min(told) < 450_000
        assert publisher.stats()["estimate_bps"] < 800_000


async def test_reports_and_requests_come_back() -> None:
    """The publisher hears of keyframes that are needed, of the round trip and of the bandwidth."""
    async with pair() as (publisher, subscriber):
        video = publisher.add_track("video", cid="c", stream_id="s", codec="VP8")
        asked: list[float] = []
        rates: list[int] = []
        video.on_keyframe_request = lambda rid: asked.append(asyncio.get_running_loop().time())
        video.on_bitrate = lambda rid, bps: rates.append(bps)
        frames: list[EncodedFrame] = []
        subscriber.on_track = lambda receiver: setattr(receiver, "on_frame", frames.append)
        await negotiate(publisher, subscriber)
        await until(lambda: publisher.state == "connected" and subscriber.state == "connected")
        number = 0
        async with asyncio.timeout(10):
            while len(asked) < 2 or not rates or video.stats()["rtt_ms"] is None:
                video.send(picture(number))  # never a key frame
                number += 1
                await asyncio.sleep(0.01)
        assert not frames
        assert asked[1] - asked[0] > 0.25
        assert 0 <= video.stats()["rtt_ms"] < 1000
        stats = subscriber.stats()["tracks"]["c"]
        assert stats["packets_received"] > 0
        assert stats["waiting_for_keyframe"]


async def test_a_removed_track_leaves_its_line_to_the_next() -> None:
    """The m-line passes to another track with another source and msid; the first one ends, the second one flows."""
    async with pair() as (publisher, subscriber):
        log: list[str] = []
        frames: dict[str, list[EncodedFrame]] = {"one": [], "two": []}

        def track(receiver: RtpReceiver) -> None:
            log.append(f"+{receiver.track_sid}")
            receiver.on_frame = frames[receiver.track_sid].append

        subscriber.on_track = track
        subscriber.on_track_ended = lambda receiver: log.append(f"-{receiver.track_sid}")
        first = publisher.add_track("video", cid="one", stream_id="s", codec="VP8")
        await negotiate(publisher, subscriber)
        await until(lambda: publisher.state == "connected" and subscriber.state == "connected")
        await send_until(first, frames["one"], count=5)
        publisher.remove_track(first)
        await negotiate(publisher, subscriber)
        assert log == ["+one", "-one"]
        second = publisher.add_track("video", cid="two", stream_id="s", codec="VP8")
        offer = await publisher.create_offer()
        assert len(sdp.parse(offer).media) == 2
        await publisher.set_answer(await subscriber.answer(offer))
        assert log == ["+one", "-one", "+two"]
        before = len(frames["one"])
        await send_until(second, frames["two"], count=5)
        assert len(frames["one"]) == before
        assert frames["two"][0].keyframe


async def test_an_exchange_in_one_step_ends_one_track_and_begins_another() -> None:
    """The line may change hands within one offer."""
    async with pair() as (publisher, subscriber):
        log: list[str] = []
        subscriber.on_track = lambda receiver: log.append(f"+{receiver.track_sid}")
        subscriber.on_track_ended = lambda receiver: log.append(f"-{receiver.track_sid}")
        first = publisher.add_track("video", cid="one", stream_id="s", codec="VP8")
        await negotiate(publisher, subscriber)
        publisher.remove_track(first)
        publisher.add_track("video", cid="two", stream_id="s", codec="H264")
        await negotiate(publisher, subscriber)
        assert log == ["+one", "-one", "+two"]
        assert [receiver.codec for receiver in subscriber.receivers] == ["H264"]


async def test_frames_before_the_answer_are_dropped() -> None:
    """A sender that is not settled sends nothing and fails at nothing."""
    async with pair() as (publisher, _):
        video = publisher.add_track("video", cid="c", stream_id="s", codec="VP8")
        video.send(picture(0, keyframe=True))
        await publisher.create_offer()
        video.send(picture(1, keyframe=True))
        assert not video.ready
        assert video.stats()["packets_sent"] == 0


async def test_a_refused_track_says_so() -> None:
    """The other end cannot decode it: the sender is rejected, the rest works."""
    async with pair() as (publisher, _):
        deaf = SubscriberPeer(loopback=True, receivable=("opus",))
        video = publisher.add_track("video", cid="v", stream_id="s", codec="VP8")
        audio = publisher.add_track("audio", cid="a", stream_id="s", codec="opus")
        try:
            await negotiate(publisher, deaf)
            assert video.rejected
            assert audio.ready
        finally:
            await deaf.close()


async def test_an_answer_that_does_not_fit_is_refused() -> None:
    """Another number of sections, or no offer at all, is a `ValueError` and nothing is lost by it."""
    async with pair() as (publisher, subscriber):
        publisher.add_track("video", cid="v", stream_id="s", codec="VP8")
        with pytest.raises(ValueError, match="without an offer"):
            await publisher.set_answer("v=0\r\n")
        offer = await publisher.create_offer()
        with pytest.raises(ValueError, match="sections"):
            await publisher.set_answer("v=0\r\n")
        await publisher.set_answer(await subscriber.answer(offer))


async def test_candidates_may_come_before_the_description() -> None:
    """They are kept until they can be used; garbage is not."""
    async with pair() as (publisher, subscriber):
        publisher.add_track("audio", cid="a", stream_id="s", codec="opus")
        offer = await publisher.create_offer()
        lines = [line for line in offer.splitlines() if line.startswith("a=candidate")]
        bare = "\r\n".join(line for line in offer.splitlines() if "candidate" not in line) + "\r\n"
        for init in ("garbage", "[]", json.dumps({"candidate": "nonsense"}), json.dumps({"candidate": ""})):
            await subscriber.add_remote_candidate(init)
        for line in lines:
            await subscriber.add_remote_candidate(json.dumps({"candidate": line[2:], "sdpMid": "0"}))
        await publisher.set_answer(await subscriber.answer(bare))
        await until(lambda: publisher.state == subscriber.state == "connected")


async def test_closing_leaves_no_task_behind() -> None:
    """Whatever state a peer is in, closing it ends all that it started; twice is once."""
    before = asyncio.all_tasks()
    async with pair() as (publisher, subscriber):
        publisher.add_track("video", cid="c", stream_id="s", codec="VP8")
        await negotiate(publisher, subscriber)
        await until(lambda: publisher.state == "connected" and subscriber.state == "connected")
        await publisher.close()
        await subscriber.close()
    offered = PublisherPeer(loopback=True)
    await offered.create_offer()
    await offered.close()
    await PublisherPeer().close()
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before


async def test_whatever_goes_wrong_on_the_way_is_a_failed_connection(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An error that nobody thought of is logged and told; the state is not "connecting" for ever."""

    async def breaks(_: object) -> None:
        raise ZeroDivisionError("nobody thought of it")

    monkeypatch.setattr("jackfield.rtc.path.IceAgent.connect", breaks)
    async with pair() as (publisher, subscriber):
        publisher.add_track("audio", cid="TR_a", stream_id="PA_a|TR_a", codec="opus")
        states: list[str] = []
        publisher.on_state = states.append
        await negotiate(publisher, subscriber)
        await until(lambda: publisher.state == subscriber.state == "failed")
    assert states == ["connecting", "failed", "closed"]
    assert "nobody thought of it" in caplog.text


# --- another path ---------------------------------------------------------------------------------------------------
async def test_an_ice_restart_loses_no_picture_and_keeps_the_handshake() -> None:
    """Both ends have new credentials and sockets; what is sent meanwhile arrives, under the keys of before."""
    async with pair() as (publisher, subscriber):
        video = publisher.add_track("video", cid="c", stream_id="s", codec="VP8")
        channel, messages = publisher.open_channel("_reliable"), list[bytes]()
        subscriber.on_channel = lambda remote: setattr(remote, "on_message", messages.append)
        frames: list[EncodedFrame] = []
        subscriber.on_track = lambda receiver: setattr(receiver, "on_frame", frames.append)
        await negotiate(publisher, subscriber)
        await until(lambda: publisher.state == subscriber.state == "connected" and channel.state == "open")
        before, transport = publisher.stats()["path"], publisher._connection.transport
        states: list[str] = []
        publisher.on_state = states.append
        for number in range(60):
            video.send(picture(number, keyframe=number == 0))
            if number == 20:
                offer = await publisher.create_offer(restart_ice=True)
                await publisher.set_answer(await subscriber.answer(offer))
                assert publisher.is_restarting
            await asyncio.sleep(0.01)
        await until(lambda: not publisher.is_restarting and not subscriber.is_restarting)
        channel.send(b"still the same association")
        await until(lambda: messages)
        await until(lambda: len(frames) == 60)
        assert [int.from_bytes(frame.data[-4:], "big") for frame in frames] == list(range(60))
        assert publisher.stats()["path"] != before
        assert publisher._connection.transport is transport
        assert states == ["connected"]


async def test_a_path_that_carries_nothing_is_told_and_found_again() -> None:
    """What both send is lost: ``disconnected``; a restart over another path is ``connected``, and media flows."""
    async with pair() as (publisher, subscriber):
        video = publisher.add_track("video", cid="c", stream_id="s", codec="VP8")
        frames: list[EncodedFrame] = []
        subscriber.on_track = lambda receiver: setattr(receiver, "on_frame", frames.append)
        await negotiate(publisher, subscriber)
        await until(lambda: publisher.state == subscriber.state == "connected")
        for peer in (publisher, subscriber):
            for protocol in peer._connection._path._used.agent._connection._protocols:
                protocol.transport.sendto = lambda *_: None
        await until(lambda: publisher.state == subscriber.state == "disconnected")
        await publisher.set_answer(await subscriber.answer(await publisher.create_offer(restart_ice=True)))
        await until(lambda: publisher.state == subscriber.state == "connected")
        await send_until(video, frames, count=3)


async def test_another_offer_during_a_restart_lets_it_go_on() -> None:
    """Who restarts may have more to say at once: the same credentials then are those of the restart."""
    async with pair() as (publisher, subscriber):
        publisher.add_track("audio", cid="c", stream_id="s", codec="opus")
        await negotiate(publisher, subscriber)
        await until(lambda: publisher.state == subscriber.state == "connected")
        offer = await publisher.create_offer(restart_ice=True)
        answer = await subscriber.answer(offer)
        assert subscriber.is_restarting
        again = await subscriber.answer(offer)
        assert subscriber.is_restarting
        ufrags = [sdp.parse(text).media[0].ice_ufrag for text in (answer, again)]
        assert ufrags[0] == ufrags[1]
        await publisher.set_answer(again)
        await until(lambda: not publisher.is_restarting and not subscriber.is_restarting)
        assert publisher.state == subscriber.state == "connected"


async def test_a_restart_that_the_other_end_does_not_take_part_in_changes_nothing() -> None:
    """An answer with the credentials of before: the path stays, and later offers have the credentials of it."""
    async with pair() as (publisher, subscriber):
        publisher.add_track("audio", cid="c", stream_id="s", codec="opus")
        first = await publisher.create_offer()
        answer = await subscriber.answer(first)
        await publisher.set_answer(answer)
        await until(lambda: publisher.state == "connected")
        again = await publisher.create_offer(restart_ice=True)
        await publisher.set_answer(answer)
        assert not publisher.is_restarting
        ufrags = [sdp.parse(text).media[0].ice_ufrag for text in (first, again, await publisher.create_offer())]
        assert ufrags[0] == ufrags[2] != ufrags[1]
        assert publisher.state == "connected"
