"""The decoding thread, with codecs that do as a test says."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from jackfield.session.decode import LAG_LIMIT, DecodeThread
from jackfield.session.handover import Outlet
from jackfield.values.errors import CallError, EncoderError
from jackfield.values.media import EncodedFrame
from tests.lab.odd_codecs import Card, Codec, breaks, picture, raises, until


class Decoding:
    """One decoding thread, and everything that came of it."""

    def __init__(
        self, kind: str = "video", codec: Codec | None = None, *, opens: bool = True, then: Any = None
    ) -> None:
        self.codec = codec or Codec()
        self._then = [self.codec, then] if then is not None else []
        self.replaced: list[EncoderError] = []
        self.media: list[Any] = []
        self.wishes: list[int] = []
        self.opened: list[str] = []
        self.errors: list[CallError] = []
        self.outlet: Outlet[Any] = Outlet(asyncio.get_running_loop(), self.media.append, 100, newest_wins=True)
        self.thread = DecodeThread(
            "test",
            kind,
            self._open if opens else lambda codec: 1 / 0,  # type: ignore[arg-type,return-value]
            self.outlet,
            lambda: self.wishes.append(1),
            self.errors.append,
            replace=self.replaced.append,
            hardware=lambda: isinstance(self.codec, Card),
        )
        self.thread.start()

    def _open(self, codec: str) -> Codec:
        self.opened.append(codec)
        self.codec = self._then.pop(0) if self._then else self.codec
        return self.codec

    async def end(self) -> None:
        self.thread.stop()
        await asyncio.to_thread(self.thread.join)
        assert not self.thread.alive


def frame(
    time_ns: int, *, keyframe: bool = False, data: bytes = b"e", lost: int = 0, codec: str = "VP8"
) -> EncodedFrame:
    return EncodedFrame(data, codec, keyframe, time_ns, lost_before=lost)


async def test_the_decoder_is_that_of_the_frames() -> None:
    """Opened when the first one comes, and again when the sender changes its codec."""
    decoding = Decoding()
    assert decoding.opened == []
    for number, codec in enumerate(("VP8", "VP8", "H264")):
        decoding.thread.put(frame(number, keyframe=True, codec=codec))
    await until(lambda: len(decoding.media) == 3)
    assert decoding.opened == ["VP8", "H264"]
    await decoding.end()


async def test_video_begins_with_a_keyframe_and_is_mended_by_one() -> None:
    """What comes before is skipped; damage asks for another."""
    decoding = Decoding()
    for each in (frame(1), frame(2, keyframe=True), frame(3), frame(4, data=b"bad")):
        decoding.thread.put(each)
    await until(lambda: len(decoding.media) == 2 and decoding.wishes)
    assert [media.time_ns for media in decoding.media] == [2, 3]
    counts = decoding.thread.counts
    assert (counts.frames, counts.skipped, counts.errors, counts.width) == (2, 1, 1, 16)
    await decoding.end()
    assert decoding.codec.closed


async def test_a_decoder_that_is_too_slow_starts_again_at_a_keyframe() -> None:
    """What waits is bounded; past the bound all goes, and a keyframe is asked for."""
    codec = Codec()
    codec.held = threading.Event()
    decoding = Decoding(codec=codec)
    for number in range(1 + LAG_LIMIT + 2):
        decoding.thread.put(frame(number, keyframe=number == 0))
        await asyncio.sleep(0.002)
    assert decoding.wishes == [1]
    codec.held.set()
    decoding.thread.put(frame(100))
    decoding.thread.put(frame(101, keyframe=True))
    await until(lambda: decoding.media and decoding.media[-1].time_ns == 101)
    assert 100 not in [media.time_ns for media in decoding.media]
    await decoding.end()


async def test_lost_sound_is_made_up_for() -> None:
    """By a decoder that can, for as long as is missing, within bounds."""
    decoding = Decoding("audio")
    decoding.thread.put(frame(1, lost=2))
    decoding.thread.put(frame(2, lost=500))
    await until(lambda: len(decoding.media) == 4)
    assert decoding.codec.concealed == 40 + 100
    await decoding.end()


async def test_sound_that_cannot_be_made_up_for_ends_nothing() -> None:
    """The frame after the gap is decoded, and so is what follows."""
    decoding = Decoding("audio", codec=Codec(fails=1))
    decoding.thread.put(frame(1, lost=2))
    decoding.thread.put(frame(2))
    await until(lambda: [media.time_ns for media in decoding.media] == [1, 2])
    await decoding.end()


@pytest.mark.parametrize("kind", ["audio", "video"])
async def test_a_decoder_that_cannot_be_opened_is_told(kind: str) -> None:
    """As a `CallError`, whatever the plugin raised."""
    decoding = Decoding(kind, opens=False)
    decoding.thread.put(frame(1, keyframe=True))
    await until(lambda: decoding.errors)
    assert decoding.errors[0].code == "ERROR_ENCODER"
    decoding.thread.put(frame(2, keyframe=True))
    await decoding.end()


@pytest.mark.parametrize("act", [breaks, raises])
async def test_a_hardware_decoder_that_fails_at_a_keyframe_is_replaced_at_once(act: Any) -> None:
    """The next one decodes the very same keyframe."""
    decoding = Decoding(codec=Card(1, act), then=Codec())
    for number in range(3):
        decoding.thread.put(frame(number, keyframe=number != 2))
    await until(lambda: len(decoding.media) == 3)
    assert [media.time_ns for media in decoding.media] == [0, 1, 2]
    assert (len(decoding.replaced), decoding.wishes) == (1, [])
    await decoding.end()


async def test_a_hardware_decoder_is_not_blamed_for_what_is_missing() -> None:
    """After a loss every frame fails until a keyframe comes, on any decoder. For no reason, three times is enough."""
    card = Card(1, breaks)
    decoding = Decoding(codec=card, then=Codec())
    decoding.thread.put(frame(0, keyframe=True))
    for number in range(1, 9):
        decoding.thread.put(frame(number, lost=1 if number == 1 else 0))
    await until(lambda: decoding.thread.counts.errors == 8)
    assert decoding.replaced == []
    for number in range(10, 40, 2):
        card.good = 1
        decoding.thread.put(frame(number, keyframe=True))
        decoding.thread.put(frame(number + 1))
        await until(lambda n=number: decoding.thread.counts.errors > 8 + (n - 10) // 2 or decoding.replaced)
        if decoding.replaced:
            break
    assert number == 14
    decoding.thread.put(frame(100))
    async with asyncio.timeout(5):
        while decoding.media[-1].time_ns != 101:  # what comes while it is being replaced is left out
            decoding.thread.put(frame(101, keyframe=True))
            await asyncio.sleep(0.02)
    await decoding.end()


async def test_a_hardware_decoder_that_gives_nothing_is_replaced() -> None:
    """After a while: some hold a few frames back."""
    decoding = Decoding(codec=Card(1, lambda frame: []), then=Codec())
    for number in range(100):
        decoding.thread.put(frame(number, keyframe=number % 10 == 0))
        await asyncio.sleep(0.02)
        if len(decoding.media) > 1:
            break
    assert "it gave nothing for" in decoding.replaced[0].message
    await decoding.end()


async def test_a_hardware_decoder_that_hangs_is_left_behind() -> None:
    """Another thread goes on at the next keyframe, which is asked for."""
    back = threading.Event()

    def hangs(frame: Any) -> Any:
        back.wait(20)
        return [picture(16, 16, 7)]

    card = Card(1, hangs)
    decoding = Decoding(codec=card, then=Codec())
    decoding.thread.put(frame(0, keyframe=True))
    await until(lambda: decoding.media)
    decoding.thread.put(frame(1))
    await until(lambda: decoding.replaced)
    assert "has not come back for 0.5 s" in decoding.replaced[0].message
    assert decoding.wishes == [1]
    decoding.thread.put(frame(2))
    decoding.thread.put(frame(3, keyframe=True))
    await until(lambda: len(decoding.media) == 2)
    back.set()
    await until(lambda: card.closed)
    assert [media.time_ns for media in decoding.media] == [0, 3]
    await decoding.end()
