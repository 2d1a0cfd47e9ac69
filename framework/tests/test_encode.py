"""The encoding thread, with codecs that do as a test says."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from jackfield.plugins import Choice, OpenProcessor
from jackfield.plugins.registry import PATIENCE_S
from jackfield.session.encode import ATTEMPTS, HUNG_S, STILL_S, EncodeThread, loudness
from jackfield.session.encoders import first_of
from jackfield.session.handover import Handover, Outlet
from jackfield.session.processing import Treatment
from jackfield.values.errors import CallError, EncoderError
from jackfield.values.formats import AudioEncoding, VideoEncoding
from jackfield.values.media import AudioBlock, EncodedFrame
from tests.lab.odd_codecs import KEY, Card, Codec, breaks, picture, raises, until


class Encoding:
    """One encoding thread, and everything that came of it."""

    def __init__(
        self,
        *,
        fails: Sequence[int] = (),
        sound: AudioEncoding | None = None,
        card: Any = None,
        treatment: Treatment | None = None,
    ) -> None:
        self.intake: Handover[Any] = Handover(1 if sound is None else 20)
        self.frames: list[Any] = []
        self.codecs: list[Codec] = []
        self.errors: list[CallError] = []
        self.replaced: list[EncoderError] = []
        self._fails, self._cards = list(fails), [card] if card is not None else []
        self.outlet: Outlet[Any] = Outlet(asyncio.get_running_loop(), self.frames.append, 4, newest_wins=False)
        self.thread = EncodeThread(
            "test",
            self.intake,
            self.outlet,
            self._open,
            self.errors.append,
            sound=sound,
            replace=self.replaced.append,
            hardware=lambda: bool(self.codecs) and isinstance(self.codecs[-1], Card),
            treatment=treatment,
        )
        self.thread.start()

    def _open(self, width: int, height: int) -> Codec:
        if self._cards:
            self.codecs.append(self._cards.pop(0))
            return self.codecs[-1]
        self.codecs.append(Codec((width, height), fails=self._fails.pop(0) if self._fails else 0))
        return self.codecs[-1]

    async def end(self) -> None:
        await asyncio.to_thread(self.thread.stop)
        assert not [thread for thread in threading.enumerate() if thread.name == "jackfield encode test"]


async def test_the_encoder_follows_the_pictures() -> None:
    """Another size opens another encoder, and the old one is closed; a bitrate that was set is set again."""
    encoding = Encoding()
    for count, size in enumerate(((32, 16), (32, 16), (64, 32)), 1):
        encoding.intake.put(picture(*size))
        await until(lambda c=count: len(encoding.frames) == c)
        encoding.thread.set_bitrate_bps(400_000)
    assert [codec.size for codec in encoding.codecs] == [(32, 16), (64, 32)]
    assert encoding.codecs[0].closed
    assert encoding.codecs[1].bitrate_bps == 400_000
    assert (encoding.thread.counts.frames, encoding.thread.counts.width) == (3, 64)
    await encoding.end()
    assert encoding.codecs[1].closed


class Resizing(Card):
    """Hardware that takes another size as it is told of it, and is slow with the first picture of each."""

    def resize(self, width: int, height: int) -> None:
        self.size, self.is_new = (width, height), True

    def slow(self, media: Any) -> Sequence[EncodedFrame]:
        assert self.size in ((0, 0), (media.width, media.height))
        if self.is_new:
            time.sleep(2 * HUNG_S)
        self.is_new = False
        return [EncodedFrame(KEY, "VP8", True, media.time_ns)]

    def __init__(self) -> None:
        super().__init__(0, self.slow)
        self.is_new = True


class Reopening(Card):
    """Hardware that makes another session for another bitrate, which takes a while."""

    is_opening, opens_anew = False, True

    def slow(self, media: Any) -> Sequence[EncodedFrame]:
        if self.bitrate_bps != self.before:
            self.is_opening = True
            time.sleep(2 * HUNG_S)
        self.before, self.is_opening = self.bitrate_bps, False
        return [EncodedFrame(KEY, "VP8", True, media.time_ns)]

    def __init__(self) -> None:
        super().__init__(0, self.slow)
        self.before = self.bitrate_bps


async def test_an_encoder_that_opens_anew_for_a_bitrate_does_not_hang() -> None:
    """It says that it is at it, and is waited for as at its beginning."""
    encoding = Encoding(card=Reopening())
    for count, bitrate_bps in enumerate((None, None, 300_000, None), 1):
        if bitrate_bps is not None:
            encoding.thread.set_bitrate_bps(bitrate_bps)
        encoding.intake.put(picture(32, 16))
        await until(lambda c=count: len(encoding.frames) == c)
    assert len(encoding.codecs) == 1
    assert encoding.replaced == []
    await encoding.end()


async def test_an_encoder_that_resizes_is_not_opened_anew() -> None:
    """`Resizes`: it is told of the size, and its first picture of that may take as long as any first one."""
    encoding = Encoding(card=Resizing())
    for count, size in enumerate(((32, 16), (32, 16), (64, 32), (64, 32)), 1):
        encoding.intake.put(picture(*size))
        await until(lambda c=count: len(encoding.frames) == c)
    (codec,) = encoding.codecs
    assert codec.size == (64, 32)
    assert not codec.closed
    assert encoding.replaced == []
    await encoding.end()
    assert codec.closed


@pytest.mark.parametrize("viewers_wait", [False, True])
def test_only_what_opens_at_once_is_taken_while_viewers_wait(viewers_wait: bool) -> None:
    """A placeholder is due at once, and so is another encoder after a failure: nothing is waited for then."""
    asked: list[float] = []

    class Patient:
        def encoder(self, *_: Any, patience_s: float, **__: Any) -> tuple[Codec, Choice]:
            asked.append(patience_s)
            return Codec(), Choice("encoder VP8", "made-up", backend="card")

        def distrust(self, *_: Any) -> None:
            pass

    plugins: Any = Patient()
    source, _ = first_of(plugins, [VideoEncoding("VP8", 32, 16)], (), (32, 16), viewers_wait=viewers_wait)
    source.open(64, 32)
    source.blame(EncoderError("it broke"))
    source.open(64, 32)
    usual = 0.0 if viewers_wait else PATIENCE_S
    assert asked == [usual, usual, 0.0]


async def test_a_keyframe_of_a_still_picture_comes_of_the_last_one() -> None:
    """Asked for while nothing new comes: the last picture again, now, as a keyframe, and once."""
    encoding = Encoding()
    encoding.intake.put(picture(32, 16))
    await until(lambda: encoding.frames)
    encoding.thread.force_keyframe()
    await until(lambda: len(encoding.frames) == 2)
    await asyncio.sleep(STILL_S * 2)
    (first, _), (second, _) = encoding.frames
    assert (first.keyframe, second.keyframe) == (False, True)
    assert second.time_ns - first.time_ns >= STILL_S * 1e9
    await encoding.end()


async def test_an_encoder_that_fails_is_opened_anew_and_then_replaced() -> None:
    """Once: the same again. Twice in a row: the next backend. For ever: the publication is told."""
    encoding = Encoding(fails=[1, 0])
    for _ in range(2):
        encoding.intake.put(picture(32, 16))
        await asyncio.sleep(0.05)
    await until(lambda: encoding.frames)
    assert (len(encoding.codecs), encoding.replaced, encoding.errors) == (2, [], [])
    await encoding.end()
    hopeless = Encoding(fails=[1] * ATTEMPTS)
    for _ in range(ATTEMPTS):
        hopeless.intake.put(picture(32, 16))
        await asyncio.sleep(0.03)
    await until(lambda: hopeless.errors)
    assert hopeless.errors[0].code == "ERROR_ENCODER"
    assert len(hopeless.replaced) == ATTEMPTS - 2
    await hopeless.end()


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (breaks, "the card is gone"),
        (raises, "it failed: OSError: no such device"),
        (lambda media: [EncodedFrame(b"\xff" * 50, "VP8", True, media.time_ns)], "bytes that are no VP8 keyframe"),
    ],
)
@pytest.mark.parametrize("good", [0, 3])
async def test_hardware_that_fails_is_replaced_at_once(act: Any, words: str, good: int) -> None:
    """The next encoder gets the very picture at which it failed, so that none is missing."""
    encoding = Encoding(card=Card(good, act))
    for count in range(1, 6):
        encoding.intake.put(picture(32, 16))
        await until(lambda c=count: len(encoding.frames) == c)
    assert [type(codec) for codec in encoding.codecs] == [Card, Codec]
    assert [words in error.message for error in encoding.replaced] == [True]
    await until(lambda: encoding.codecs[0].closed)
    await encoding.end()


async def test_hardware_that_fails_and_hangs_in_closing_holds_up_nobody() -> None:
    """Tearing down a device that is lost is where drivers hang: the next encoder does not wait for it."""
    held = threading.Event()
    card = Card(1, breaks)
    card.close = lambda: bool(held.wait(20))  # type: ignore[method-assign, assignment, return-value]
    encoding = Encoding(card=card)
    for count in range(1, 4):
        encoding.intake.put(picture(32, 16))
        await until(lambda c=count: len(encoding.frames) == c)
    assert [type(codec) for codec in encoding.codecs] == [Card, Codec]
    held.set()
    await encoding.end()


async def test_hardware_that_gives_nothing_is_replaced() -> None:
    """After a few pictures and a moment, not at the first: some work on several at a time."""
    encoding = Encoding(card=Card(1, lambda media: []))
    for _ in range(200):
        encoding.intake.put(picture(32, 16))
        await asyncio.sleep(0.02)
        if len(encoding.frames) > 1:
            break
    assert "it gave nothing for" in encoding.replaced[0].message
    assert len(encoding.codecs) == 2
    await encoding.end()


class Hanging:
    """A processor that does not come back from its second picture or block until it is let."""

    def __init__(self) -> None:
        self.let, self.closed = threading.Event(), threading.Event()
        self.calls = 0

    def process(self, media: Any, *_: Any) -> Any:
        self.calls += 1
        if self.calls == 2:
            self.let.wait(30)
        return media

    def close(self) -> None:
        self.closed.set()


@pytest.mark.parametrize("kind", ["video", "audio"])
async def test_a_processor_that_hangs_is_left_out(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its loss is told by name, media goes on without it through the same encoder, and it is closed once it is back."""
    monkeypatch.setattr("jackfield.session.encode.PATIENCE_S", 0.2)
    told: list[tuple[CallError, str]] = []
    hanging, treatment = Hanging(), Treatment(lambda error, name: told.append((error, name)))
    treatment.use([OpenProcessor("blur", "mist", ("background",), hanging)])
    work = Encoding(treatment=treatment, sound=AudioEncoding() if kind == "audio" else None)
    try:
        for _ in range(3):
            work.intake.put(picture(64, 48) if kind == "video" else AudioBlock(np.ones((960, 1), np.int16)))
            await until(lambda: hanging.calls or work.frames)
        await until(lambda: told)
        assert told[0][1] == "blur"
        assert "blur (mist) failed and is left out: TimeoutError: it has not come back" in str(told[0][0])
        count = len(work.frames)
        work.intake.put(picture(64, 48) if kind == "video" else AudioBlock(np.ones((960, 1), np.int16)))
        await until(lambda: len(work.frames) > count)
        assert (len(work.codecs), work.codecs[0].closed, work.replaced, work.errors) == (1, False, [], [])
        assert not hanging.closed.is_set(), "nobody closes what is still in use"
        hanging.let.set()
        await asyncio.to_thread(hanging.closed.wait, 5)
        assert hanging.closed.is_set()
        assert not work.codecs[0].closed
    finally:
        hanging.let.set()
        await asyncio.to_thread(work.thread.stop)


async def test_hardware_that_hangs_is_left_behind() -> None:
    """Another thread goes on with another encoder; the one that comes back at last touches nothing any more."""
    back = threading.Event()

    def hangs(media: Any) -> Any:
        back.wait(20)
        return [EncodedFrame(KEY, "VP8", True, 7)]

    card = Card(2, hangs)
    encoding = Encoding(card=card)
    for count in range(1, 3):
        encoding.intake.put(picture(32, 16))
        await until(lambda c=count: len(encoding.frames) == c)
    encoding.intake.put(picture(32, 16))
    await until(lambda: encoding.replaced)
    assert "has not come back for 0.3 s" in encoding.replaced[0].message
    await until(lambda: len(encoding.frames) == 3)  # of the last picture, with no other to come
    encoding.intake.put(picture(32, 16))
    await until(lambda: len(encoding.frames) == 4)
    assert not card.closed
    back.set()
    await until(lambda: card.closed)
    assert 7 not in [frame.time_ns for frame, _ in encoding.frames]
    await until(lambda: sum(thread.name == "jackfield encode test" for thread in threading.enumerate()) == 1)
    await encoding.end()


async def test_a_loop_that_is_late_makes_no_encoder_look_hung() -> None:
    """A machine that slept, or a process that was stopped: time that nobody saw does not count."""
    hold = threading.Event()

    def slow(media: Any) -> Any:
        hold.wait(0.9)
        return [EncodedFrame(KEY, "VP8", True, media.time_ns)]

    encoding = Encoding(card=Card(1, slow))
    for count in range(1, 3):
        encoding.intake.put(picture(32, 16))
        await asyncio.sleep(0.1)
        time.sleep(0.9)  # noqa: ASYNC251 -- the loop is held on purpose
        await until(lambda c=count: len(encoding.frames) == c)
    assert encoding.replaced == []
    await encoding.end()


async def test_sound_is_encoded_in_blocks_with_its_loudness() -> None:
    """Ten milliseconds in, twenty out, and how loud each is."""
    encoding = Encoding(sound=AudioEncoding())
    for _ in range(5):
        encoding.intake.put(AudioBlock(np.full((480, 1), 16_384, np.int16)))
    await until(lambda: len(encoding.frames) == 2)
    assert [level for _, level in encoding.frames] == [6, 6]
    await encoding.end()


def test_loudness_counts_down_from_full_scale() -> None:
    """0 dB, -20 dB, silence (RFC 6464)."""
    square = np.where(np.arange(960) % 2, 32_767, -32_767).astype(np.int16)
    assert (loudness(square), loudness(square // 10), loudness(square * 0)) == (0, 20, 127)
