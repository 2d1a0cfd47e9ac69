"""H.264 that nobody can decode: noticed, told once, covered, and forgiven when good pictures come again."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Callable

import pytest
from attrs import evolve

from jackfield.media.h264_headers import Headers
from jackfield.media.libav import known
from jackfield.media.libav.decoder import VideoDecoder
from jackfield.media.libav.keyframe_trial import KeyframeTrial, damage
from jackfield.media.libav.tuning import Decoding
from jackfield.session.soundness import Soundness, Trouble
from jackfield.session.sources import VideoSource
from jackfield.values.errors import EncoderError
from jackfield.values.media import EncodedFrame
from tests.lab.bench import IDR, MARK, PPS, SLICE, SMART, SPS, Bench, Call, call

#: What random bits make of the picture's own.
DAMAGED = IDR[:8] + bytes(random.Random(1).randrange(1, 256) for _ in range(len(IDR) - 8))
#: A picture that names a parameter set 2 which nobody gave, and an SPS that ends before it has said its size.
STRANGE, CUT = b"\0\0\0\1\x65\x88\x63\x61\x6d", SPS[:9]
#: A keyframe, and a picture after one, of which the source sent the beginning alone.
HALF, HALF_SLICE = IDR[: len(IDR) // 2], SLICE[:7]


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Devices here give what a test says and no more: that is no stall."""
    monkeypatch.setattr("jackfield.session.absence.PICTURE_STALL_S", 60.0)
    monkeypatch.setattr("jackfield.session.soundness.DAMAGED_S", 0.2)
    monkeypatch.setattr("jackfield.session.soundness._RETRY_S", 0.02)


@pytest.mark.parametrize(
    ("unit", "found"),
    [
        (SPS + PPS + IDR, ""),
        (SPS + PPS, ""),
        (SPS + PPS + DAMAGED, ""),
        (SPS + IDR, "name PPS 0, which it does not give"),
        (PPS + IDR, "PPS 0 names SPS 0, which it does not give"),
        (SPS + PPS + STRANGE, "name PPS 2, which it does not give"),
        (CUT + PPS + IDR, "its SPS cannot be read"),
        (SPS + b"\0\0\1\x68" + IDR, "its PPS cannot be read"),
        (SPS + PPS + b"\0\0\1\x65\x9a\x02", "impossible type"),
        (SPS + PPS + b"\0\0\1\x65", "no header"),
        (b"\0\0\1\xe5\x88\x84", "first bit"),
        (b"neither", "no units"),
    ],
)
def test_headers_tell_what_nobody_can_decode(unit: bytes, found: str) -> None:
    """And nothing is said of what they cannot tell."""
    fault = Headers().fault(unit)
    assert found in fault
    assert bool(fault) == bool(found)


def test_a_size_that_no_level_has_is_no_size() -> None:
    """An SPS of 65536x65536 pixels, made of one whose numbers are turned into longer ones."""
    bits = "01000010" + "11000000" + "00001101" + "1" + "1" + "1" + "1" + "010" + "0"
    bits += "000000000000" + f"{4096:013b}" + "000000000000" + f"{4096:013b}" + "1" + "1" + "0" + "0" + "1"
    bits += "0" * (-len(bits) % 8)
    sps = b"\0\0\1\x67" + int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\0\0", b"\0\0\3")
    assert "its SPS says pictures of" in Headers().fault(sps)


def test_a_keyframe_tells_when_it_is_decoded() -> None:
    """A good one does, also a large one; one of random bits behind a good header does not, nor one that is cut off."""
    large = known.stream("H264")[0].data
    assert damage(SPS + PPS + IDR) == damage(large) == ""
    for bad in (SPS + PPS + DAMAGED, SPS + PPS + HALF, large[: len(large) // 2], large[:-8]):
        assert "damaged" in damage(bad)


class Trial:
    """Answers as it is told, at once."""

    is_running = False

    def __init__(self, answer: str) -> None:
        self.answer: str | None = answer

    def wait(self) -> None:
        pass


def test_keyframes_are_tried_out_seldom() -> None:
    """The first, one of another size, and one after somebody asked; not each, and not each that is asked for."""
    tried: list[bytes] = []
    clock = [0.0]

    def trial(data: bytes) -> Trial:
        tried.append(data)
        return Trial("")

    soundness = Soundness(lambda: clock[0], trial)  # type: ignore[arg-type]
    other = SPS.replace(b"\x0d\xd9", b"\x1f\xd9")

    def seconds(count: int, sps: Callable[[int], bytes] = lambda number: SPS, asked: bool = False) -> int:
        before = len(tried)
        for number in range(count * 30):
            clock[0] += 1 / 30
            if asked:
                soundness.doubt()
            assert soundness.fault(EncodedFrame(sps(number) + PPS + IDR, "H264", True)) == ""
        return len(tried) - before

    assert seconds(20) == 1
    assert seconds(2, lambda number: other) == 1
    assert seconds(20, lambda number: other, asked=True) == 2
    assert seconds(120, lambda number: other, asked=True) in (3, 4)
    assert seconds(10, lambda number: (SPS, other)[number % 2]) <= 10


def test_a_keyframe_that_never_comes_is_told_later() -> None:
    """A long wait for the next one is no damage, and is told once."""
    clock = [0.0]
    soundness = Soundness(lambda: clock[0])
    told: list[Trouble] = []
    for _ in range(30 * 30):
        clock[0] += 1 / 30
        soundness.learn(EncodedFrame(SLICE, "H264", False))
        trouble = soundness.held()
        told += [trouble] if trouble is not None else []
    assert [each.is_damaged for each in told] == [False]


async def _fed(now: Call, until: Callable[[], object], *, sps: bytes = SPS, idr: bytes = IDR) -> None:
    """Pictures come, on a thread as a camera's do, until something is so."""
    stop = threading.Event()

    def feed() -> None:
        number = 0
        while not stop.is_set():
            if not now.capture.stopped and now.capture.sink is not None:
                now.capture.give(keyframe=number % 3 == 0, sps=sps, idr=idr)
            number += 1
            time.sleep(0.01)

    thread = threading.Thread(target=feed)
    thread.start()
    try:
        await now.until(until)
    finally:
        stop.set()
        await asyncio.to_thread(thread.join)


@pytest.mark.parametrize(
    ("sps", "idr"),
    [(CUT, IDR), (SPS, STRANGE), (SPS, DAMAGED), (SPS, HALF), (b"", IDR)],
    ids=["sps", "pps", "slices", "cut off", "no sets"],
)
async def test_a_camera_whose_pictures_nobody_can_decode_is_lost_until_they_hold(sps: bytes, idr: bytes) -> None:
    """Others see a placeholder, an error names the camera once, and its own encoding is sent when it is good again."""
    bench = Bench(SMART)
    async with call(bench) as now:
        await _fed(now, lambda: len(bench.captures) > 1, sps=sps, idr=idr)
        await now.until(lambda: "placeholder" in str(now.sender.what()))
        await _fed(now, lambda: now.capture.keyframes_asked > 3, sps=sps, idr=idr)
        assert now.names() == ["device_lost", "error"]
        (error,) = [event.error for event in now.told if event.name == "error"]
        assert "the H264 of Smart (bench:smart) cannot be sent as it is: " in error.message
        assert "passthrough=False" in error.message
        await _fed(now, lambda: "device_restored" in now.names())
        await now.sent(b"placeholder", b"camera")
        assert now.sender.what() == [b"placeholder", b"camera"]
        assert now.names() == ["device_lost", "error", "device_restored"]


async def test_a_camera_that_becomes_damaged_is_found_by_who_asks_for_keyframes() -> None:
    """Its headers hold: the far end's decoder finds it, asks and asks, and the next keyframe is tried out here."""
    bench = Bench(SMART)
    async with call(bench) as now:
        await _fed(now, lambda: now.sender.frames)
        assert now.sender.what() == [b"camera"]
        await _fed(now, lambda: len(now.sender.frames) > 20, idr=DAMAGED)
        assert now.names() == []
        now.sender.on_keyframe_request("")
        soundness = now.own.publications[0].supply.route._passthrough._soundness
        soundness._tried_at -= 60.0
        await _fed(now, lambda: "device_lost" in now.names(), idr=DAMAGED)


async def test_pictures_between_keyframes_that_are_cut_off_are_the_far_ends_to_find(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """They are sent: whoever receives them shows nothing broken and asks, the camera is asked each time, and its
    keyframes, which hold, are seen. The call goes on, and the log says once what was found since somebody asked."""
    bench = Bench(SMART)
    async with call(bench) as now:
        decoder = VideoDecoder(Decoding("h264"))
        shown: list[bool] = []
        assert now.capture.sink is not None
        give = now.capture.sink.deliver
        soundness = now.own.publications[0].supply.route._passthrough._soundness
        for number in range(24):
            if number == 12:
                assert "between its keyframes" not in caplog.text
            if number >= 12:
                soundness._tried_at -= 60.0
            data = HALF_SLICE if number % 3 else SPS + PPS + IDR
            await asyncio.to_thread(give, EncodedFrame(data + MARK, "H264", number % 3 == 0))
            await now.until(lambda: len(now.sender.frames) > number)  # noqa: B023
            try:
                shown.append(bool(decoder.decode(now.sender.frames[-1][1])))
            except EncoderError:
                shown.append(False)
                asked = now.capture.keyframes_asked
                now.sender.on_keyframe_request("")
                assert now.capture.keyframes_asked == asked + 1
        assert shown == [True, False, False] * 8
        assert (now.names(), now.capture.stopped) == ([], False)
        await now.until(lambda: "(2 of 3 pictures that were tried out)" in caplog.text)
        assert caplog.text.count("camera gives H.264 that is cut short or damaged between its keyframes") == 1


@pytest.mark.parametrize("is_cut", [True, False])
@pytest.mark.parametrize("gop", [4, 40])
def test_who_asks_for_keyframes_has_pictures_after_one_tried_out(gop: int, is_cut: bool) -> None:
    """A dozen of them, or those up to the next keyframe; how many are damaged is told. None before anybody asks."""
    clock, told = [0.0], list[tuple[int, int]]()
    soundness = Soundness(lambda: clock[0], between=lambda damaged, tried: told.append((damaged, tried)))
    first, *rest = (frame.data for frame in known.stream("H264"))
    after = [unit[:-2] if is_cut else unit for unit in rest]

    def give(pictures: int) -> None:
        for number in range(pictures):
            clock[0] += 0.1
            data = after[number % gop % len(after)] if number % gop else first
            assert soundness.fault(EncodedFrame(data, "H264", number % gop == 0)) == ""
        for thread in threading.enumerate():
            if thread.name == "jackfield keyframe trial":
                thread.join()

    give(80)
    assert told == []
    soundness.doubt()
    give(80)
    assert [tried for _, tried in told] == ([min(gop, 13)] if is_cut else [])
    assert all(0 < damaged < tried for damaged, tried in told)


@pytest.mark.parametrize(
    ("idr", "found", "pushes"),
    [(STRANGE, "its slices name PPS 2", 1), (DAMAGED, "damaged", 1), (DAMAGED, "damaged", 8)],
    ids=["pps", "slices", "slices, seldom"],
)
async def test_a_programs_source_that_nobody_can_decode_is_covered(idr: bytes, found: str, pushes: int) -> None:
    """It is told, its track stays, and what it pushes is sent again from the first good keyframe on; also where a trial
    has long ended, and another is due, when the next keyframe comes."""
    bench = Bench()
    async with call(bench, microphone="none", camera="none") as now:
        source = VideoSource(320, 180, 15, codec="H264")
        await now.own.publish(source, name="door")

        async def push(idr: bytes) -> None:
            source.push(EncodedFrame(SPS + PPS + idr, "H264", True))
            for _ in range(pushes):
                await asyncio.sleep(0.01)
                source.push(EncodedFrame(SLICE, "H264", False))

        async with asyncio.timeout(10):
            while "placeholder" not in str(now.sender.what()):
                await push(idr)
            while SPS + PPS + IDR not in {encoded[1].data for encoded in now.sender.frames}:
                await push(IDR)
        (error,) = [event.error for event in now.told if event.name == "error"]
        assert "the H264 of door cannot be sent as it is: " in error.message
        assert found in error.message
        assert now.sender.frames[-1][1].data != b"placeholder"


async def test_what_stands_in_for_a_camera_is_not_begun_anew_with_each_of_its_frames() -> None:
    """The camera is asked for a keyframe, now and then; the placeholder's encoder is not."""
    bench = Bench(SMART)
    async with call(bench) as now:
        now.capture.give()
        supply = now.own.publications[0].supply
        await supply.stand_in()
        await now.until(lambda: "placeholder" in str(now.sender.what()))
        before, asked = len(now.sender.frames), now.capture.keyframes_asked
        for _ in range(30):
            now.capture.give(keyframe=False)
        assert now.capture.keyframes_asked - asked <= 3
        await now.until(lambda: len(now.sender.frames) > before + 2)
        assert [frame.data for _, frame in now.sender.frames[before + 1 :] if frame.keyframe] == []


async def test_a_program_never_waits_for_what_it_pushes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever thread it pushes on; a camera's own thread waits until its keyframe was tried out."""
    waited: list[str] = []
    monkeypatch.setattr(KeyframeTrial, "wait", lambda trial: waited.append(threading.current_thread().name))
    async with call(Bench(SMART)) as now:
        source = VideoSource(320, 180, 15, codec="H264")
        await now.own.publish(source, name="door")
        await asyncio.to_thread(source.push, EncodedFrame(SPS + PPS + IDR, "H264", True))
        assert waited == []
        await asyncio.to_thread(now.capture.give)
        assert len(waited) == 1


@pytest.mark.parametrize("is_away", [False, True])
async def test_a_camera_that_waits_for_its_keyframe_is_not_silent(
    is_away: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it gives is of no use yet, and something stands in: it is neither lost nor opened anew; nor is one that was
    pulled out and is back."""
    for name in ("absence.PICTURE_STALL_S", "absence.REOPEN_S", "supply.FIRST_MEDIA_S"):
        monkeypatch.setattr(f"jackfield.session.{name}", 0.3)
    bench = Bench(SMART)
    async with call(bench) as now:
        now.capture.give()
        if is_away:
            bench.pull(SMART)
            await now.until(lambda: "device_lost" in now.names())
            bench.plug(SMART)
            await now.opened(2)
        else:
            await now.own.publications[0].supply.stand_in()
        capture, told = now.capture, now.names()
        for _ in range(100):
            capture.give(keyframe=False)
            await asyncio.sleep(0.02)
        assert (now.capture, capture.stopped, now.names()) == (capture, False, told)
        await now.until(lambda: "placeholder" in str(now.sender.what()))
        capture.give()
        await now.sent(b"placeholder", b"camera")


@pytest.mark.parametrize("leaves", ["swap", "mute"])
async def test_what_was_wrong_with_a_camera_that_was_left_is_nobodys_fault(leaves: str) -> None:
    """Its thread finds that it is damaged just before it is closed: the next camera is not lost, nor a muted one."""
    other = evolve(SMART, id="bench:other", label="Other")
    bench = Bench(SMART, other)
    async with call(bench, camera=SMART.id) as now:
        supply, first = now.own.publications[0].supply, now.capture
        adapt = supply._adapt

        def becomes_damaged() -> None:
            for _ in range(15):
                first.give(idr=STRANGE)
                time.sleep(0.02)

        async def adapt_late() -> None:
            becomes_damaged()
            await asyncio.sleep(0)
            await adapt()

        first.give()
        if leaves == "swap":
            supply._adapt = adapt_late  # type: ignore[method-assign]
            await now.own.switch_camera()
        else:
            becomes_damaged()
            await now.own.publications[0].mute()
            await now.own.publications[0].unmute()
        now.capture.give()
        await asyncio.sleep(0.1)
        assert (len(bench.captures), [name for name in now.names() if name in ("device_lost", "error")]) == (2, [])
        assert now.sender.what() == [b"camera"]
