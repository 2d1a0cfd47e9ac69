"""Encoded media on its way to the network: where it begins, what is asked of its source, and what is held back."""

from __future__ import annotations

import asyncio

import pytest

from jackfield.session.bounds import BYTES_PER_S, LARGEST
from jackfield.session.encode import Encoded
from jackfield.session.passthrough import Passthrough
from jackfield.session.soundness import Trouble
from jackfield.values.findings import Finding
from jackfield.values.media import EncodedFrame

SPS, PPS = b"\0\0\0\1\x67\x42\xc0\x0d\xda\x05\x07\xec", b"\0\0\0\1\x68\xce\x3c\x80"
IDR, SLICE = b"\0\0\0\1\x65\x88\x84\x01", b"\0\0\0\1\x41\x9a\x02\x03"


@pytest.fixture(autouse=True)
def _forgiving(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pictures here are headers with nothing behind: whoever decodes them is content."""
    monkeypatch.setattr("jackfield.media.libav.keyframe_trial.damage", lambda data: "")


class Way:
    """A passthrough that is open, with what came out of it and how often a keyframe was asked for."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.unfit: list[Finding] = []
        self.asked, self.now_s = 0, 100.0
        self.trouble: list[Trouble] = []
        self.passthrough = Passthrough(
            "door", self._send, self._ask, self.unfit.append, self.trouble.append, now=lambda: self.now_s
        )
        self.passthrough.is_open = True

    def _send(self, encoded: Encoded) -> None:
        self.sent.append(encoded[0].data)

    def _ask(self) -> None:
        self.asked += 1

    async def take(self, data: bytes, keyframe: bool, codec: str = "H264") -> None:
        """One frame, all the way; 33 ms go by."""
        self.passthrough.take(EncodedFrame(data, codec, keyframe))
        self.now_s += 1 / 30
        await asyncio.sleep(0)


async def test_a_keyframe_that_does_not_come_is_asked_for_three_times_a_second() -> None:
    """At once, and then not for every frame that cannot be sent."""
    way = Way()
    await way.take(SLICE, False)
    assert way.asked == 1
    for _ in range(89):
        await way.take(SLICE, False)
    assert 8 <= way.asked <= 10
    assert way.sent == []


async def test_who_waits_to_begin_asks_as_seldom() -> None:
    """While something stands in, a source is asked three times a second too."""
    way = Way()
    for _ in range(90):
        assert not way.passthrough.begins(EncodedFrame(SLICE, "H264", False))
        way.now_s += 1 / 30
    assert 8 <= way.asked <= 10
    assert way.passthrough.begins(EncodedFrame(SPS + PPS + IDR, "H264", True))


async def test_a_call_that_is_behind_is_not_the_sources_fault() -> None:
    """Keyframes come, and there is no room for them: nobody is told that none came."""
    way = Way()
    for number in range(12 * 30):
        way.passthrough.take(EncodedFrame(SPS + PPS + IDR if number % 3 == 0 else SLICE, "H264", number % 3 == 0))
        way.now_s += 1 / 30
    await asyncio.sleep(0)
    assert way.trouble == []
    assert way.passthrough.dropped > 300


async def test_an_h265_keyframe_can_be_joined_at_as_well(caplog: pytest.LogCaptureFixture) -> None:
    """It is held back until its sets were seen, and has them put before it, in order, from then on."""
    vps, sps, pps = b"\0\0\0\1\x40\x01\x0c", b"\0\0\0\1\x42\x01\x01", b"\0\0\0\1\x44\x01\xc0"
    idr, slice_ = b"\0\0\0\1\x26\x01\xaf", b"\0\0\0\1\x02\x01\xd0"
    way = Way()
    await way.take(vps + idr, True, "H265")
    assert way.sent == []
    assert "gives H265 without parameter sets (SPS and PPS)" in caplog.records[0].getMessage()
    await way.take(pps + sps + slice_, False, "H265")
    await way.take(idr, True, "H265")
    await way.take(slice_, False, "H265")
    assert way.sent == [vps + sps + pps + idr, slice_]


async def test_keyframes_without_parameter_sets_are_held_back_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """Until they come, in whatever frame; from then on each keyframe has them."""
    way = Way()
    for _ in range(5):
        await way.take(IDR, True)
        await way.take(SLICE, False)
    assert way.sent == []
    (record,) = caplog.records
    assert "door gives H264 without parameter sets (SPS and PPS)" in record.getMessage()
    await way.take(SPS + PPS, False)
    await way.take(IDR, True)
    await way.take(SLICE, False)
    assert way.sent == [SPS + PPS + IDR, SLICE]
    assert way.unfit == []
    way.passthrough.renew()
    await way.take(SPS + IDR, True)
    assert "(PPS)" in caplog.records[1].getMessage()
    assert len(way.sent) == 2


async def test_pictures_that_are_too_large_are_not_sent() -> None:
    """A lost packet of one could not be sent again. Where they go on it is told once, and one of them harms nobody."""
    way = Way()
    whole, large = SPS + PPS + IDR, SPS + PPS + IDR + b"\xff" * LARGEST
    await way.take(large, True)
    await way.take(SLICE, False)
    await way.take(whole, True)
    assert (way.sent, way.trouble) == ([whole], [])
    for _ in range(90):
        await way.take(large, True)
    (trouble,) = way.trouble
    assert f"a picture has {len(large)} bytes, and 524288 are the most that a call carries" in trouble.found
    assert way.sent == [whole]
    assert not way.passthrough.begins(EncodedFrame(large, "H264", True))


async def test_more_than_a_call_carries_is_thinned_out(caplog: pytest.LogCaptureFixture) -> None:
    """At keyframes, and told once: sending it all would take this process all of its time."""
    way = Way()
    whole = SPS + PPS + IDR + b"\xff" * 400_000
    for number in range(300):
        await way.take(whole if number % 3 == 0 else SLICE + b"\xff" * 400_000, number % 3 == 0)
    assert sum(map(len, way.sent)) <= BYTES_PER_S * (10 + 3)
    assert len(way.sent) > 90
    (record,) = caplog.records
    assert "door gives more than 50 Mbit/s, the most that a call carries" in record.getMessage()
    assert way.trouble == []
