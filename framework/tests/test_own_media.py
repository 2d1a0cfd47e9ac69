"""What we publish, at a server that does as a test says."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from livekit.protocol.models import DisconnectReason, TrackInfo
from livekit.protocol.rtc import JoinResponse, LeaveRequest, SessionDescription, SignalResponse

from jackfield.plugins import Choice
from jackfield.rtc.congestion import GoogleCongestionControl
from jackfield.rtc.pacer import Pacer
from jackfield.rtc.sender import RtpSender
from jackfield.rtc.transport import Certificate
from jackfield.session.connection import Connection
from jackfield.session.hotplug import HotPlug
from jackfield.session.own_media import OwnMedia
from jackfield.session.sources import VideoSource
from jackfield.testing.timers import ManualTimers
from jackfield.values.settings import SessionSettings

LIMIT_S = 5.0


class Wire:
    """A connection that takes every track, and signalling that hears nothing."""

    def __init__(self) -> None:
        self.joined, self.signal = JoinResponse(), self
        self.sending, self.over = asyncio.Event(), False
        self.senders: list[RtpSender] = []
        self.removed: list[RtpSender] = []
        self.refuses_at_once = False

    async def add_track(self, request: Any, kind: Any, codec: str, layers: Any) -> tuple[TrackInfo, RtpSender]:
        sink: Any = None
        clock = ManualTimers()
        pacer = Pacer(clock, GoogleCongestionControl())
        sender = RtpSender(kind, cid=request.cid, stream_id="s", codec=codec, clock=clock, sink=sink, pacer=pacer)
        self.senders.append(sender)
        if self.refuses_at_once:
            sender.settle(None)
        return TrackInfo(sid="TR_1"), sender

    def remove_track(self, sender: RtpSender) -> None:
        self.removed.append(sender)


class Encoder:
    """Keeps what it is asked for."""

    def __init__(self) -> None:
        self.bitrates: list[int] = []

    def encode(self, media: Any) -> list[Any]:
        return []

    def set_bitrate_bps(self, bitrate_bps: int) -> None:
        self.bitrates.append(bitrate_bps)

    def close(self) -> None:
        pass


class OneEncoder:
    """The plugins of this test."""

    def __init__(self) -> None:
        self.made = Encoder()

    def encoder(self, *_: Any, **__: Any) -> tuple[Encoder, Choice]:
        return self.made, Choice("encoder", "made-up", "made-up", "the only one", ())


async def media(wire: Any, plugins: Any, settings: SessionSettings | None = None) -> tuple[OwnMedia, list[Any]]:
    told: list[Any] = []
    own = OwnMedia(settings or SessionSettings(), plugins, told.append, HotPlug(plugins, told.append))
    await own.connect(wire)
    return own, told


@pytest.mark.parametrize("at_once", [False, True])
async def test_a_track_that_the_server_refuses_is_told_and_ends(at_once: bool) -> None:
    """Its answer takes no media: an error event, and it is published no more; whether it comes early or late."""
    wire = Wire()
    wire.refuses_at_once = at_once
    own, told = await media(wire, OneEncoder())
    publication = await own.publish(VideoSource(320, 180, 15))
    (sender,) = wire.senders
    if not at_once:
        assert not told
        sender.settle(None)
        sender.settle(None)
    async with asyncio.timeout(LIMIT_S):
        while not wire.removed:
            await asyncio.sleep(0)
    assert [(event.name, event.error.code, event.source) for event in told] == [("error", "ERROR_ENCODER", "camera")]
    assert publication.ended
    assert own.publications == []
    await own.close()


async def test_a_bitrate_that_comes_before_the_path_is_kept() -> None:
    """The encoder begins with what the path gives, not with what the settings wish."""
    wire, plugins = Wire(), OneEncoder()
    own, _ = await media(wire, plugins)
    await own.publish(VideoSource(320, 180, 15))
    wire.senders[0].on_bitrate("", 123_000)
    wire.sending.set()
    async with asyncio.timeout(LIMIT_S):
        while not plugins.made.bitrates:
            await asyncio.sleep(0)
    assert plugins.made.bitrates == [123_000]
    await own.close()


@pytest.mark.parametrize("codec", ["AV1", "VP9"])
async def test_newer_codecs_are_sent_where_they_are_wished_for(codec: str) -> None:
    """The first codec of the list that the server takes and that can be encoded."""
    wire = Wire()
    own, _ = await media(wire, OneEncoder(), SessionSettings(video_codecs=(codec, "VP8")))
    assert (await own.publish(VideoSource(320, 180, 15))).codec == codec
    await own.close()


@pytest.mark.parametrize("says_why", [True, False])
async def test_a_goodbye_may_come_after_the_path_is_closed(monkeypatch: pytest.MonkeyPatch, says_why: bool) -> None:
    """Whoever is removed is not told that the server is lost, and so does not join anew; without a word it is lost."""
    monkeypatch.setattr("jackfield.session.connection.GOODBYE_S", 0.05)
    signal: Any = Wire()
    connection = Connection(signal, "https://server.example", Certificate.generate())
    told: list[str] = []
    connection.on_end = lambda reason, message: told.append(reason)
    connection.on_trouble = lambda trouble: told.append(trouble.cause)
    connection._peer_state("closed", "receiving")
    if says_why:
        connection._message(SignalResponse(leave=LeaveRequest(reason=DisconnectReason.PARTICIPANT_REMOVED)))
    await asyncio.sleep(0.2)
    assert told == (["removed"] if says_why else ["server"])


async def test_a_server_that_floods_us_with_offers_ends_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits for its turn is bounded."""
    monkeypatch.setattr("jackfield.session.connection.INBOX_MAX", 3)
    signal: Any = Wire()
    connection = Connection(signal, "https://server.example", Certificate.generate())
    ended: list[str] = []
    connection.on_end = lambda reason, message: ended.append(reason)
    for _ in range(5):
        connection._message(SignalResponse(offer=SessionDescription(type="offer", sdp="")))
    assert ended == ["network"]
