"""Devices, encoders and loudspeakers that open slowly, break, or open when nobody waits any more."""

from __future__ import annotations

import asyncio
import threading
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from attrs import evolve

from jackfield.plugins import Choice
from jackfield.plugins.patience import started
from jackfield.plugins.side_by_side import side_by_side
from jackfield.session.feed import Feed
from jackfield.session.hotplug import HotPlug
from jackfield.session.intake import Tap
from jackfield.session.opening import TooSlow, opened
from jackfield.session.outputs import Outputs
from jackfield.session.publication import Publication
from jackfield.testing.fake_call import FakeCall
from jackfield.values.devices import Device
from jackfield.values.errors import CallError, DeviceGone, PluginError
from jackfield.values.formats import AudioFormat, VideoFormat, impossible
from jackfield.values.settings import SessionSettings

LIMIT_S = 5.0
CAMERA = Device("slow:camera", "camera", "Slow camera")
SPEAKER = Device("slow:speaker", "speaker", "Slow speaker")


class Slow:
    """A driver, its device and its encoder in one: each step waits until the test lets it, or breaks."""

    name = "slow"
    format: Any = VideoFormat(320, 180, 15.0)

    def __init__(self, *, held: bool = True, opens: Any = None, starts: Any = None, stops: Any = None) -> None:
        self.errors = {"open": opens, "start": starts, "stop": stops}
        self.let = threading.Event()
        self.began, self.stopped = threading.Event(), threading.Event()
        self.steps: list[str] = []
        if not held:
            self.let.set()

    def _step(self, name: str) -> None:
        self.steps.append(name)
        if self.errors[name] is not None:
            raise self.errors[name]

    def open(self, *_: Any) -> Slow:
        self.began.set()
        self.let.wait(LIMIT_S)
        self._step("open")
        return self

    def start(self, *arguments: Any) -> None:
        self.given = arguments
        self._step("start")

    def stop(self) -> None:
        self.stopped.set()
        self._step("stop")

    close = stop


class SlowPlugins:
    """What a publication and a loudspeaker ask of the plugins."""

    def __init__(self, slow: Slow) -> None:
        self.slow = slow
        self.choices: dict[str, Choice] = {}

    def encoder(self, codec: str, *_: Any, **__: Any) -> tuple[Slow, Choice]:
        return self.slow.open(), Choice("encoder", "slow", "slow", "the only one", ())

    def devices(self, kind: str) -> list[Device]:
        return [SPEAKER]

    def device(self, kind: str, wish: Any, *, failed: Any = None) -> tuple[Device, Slow, None]:
        return SPEAKER, self.slow, None


async def all_closed(slow: Slow) -> None:
    """What was being opened when nobody waited any more is closed as soon as it is open."""
    async with asyncio.timeout(LIMIT_S):
        while slow.steps.count("open") != slow.steps.count("stop"):
            await asyncio.sleep(0.005)


async def happens(event: threading.Event) -> None:
    assert await asyncio.to_thread(event.wait, LIMIT_S)


async def cancelled(job: Any, slow: Slow) -> None:
    """The job is cancelled while the driver opens; then the driver is through."""
    task = asyncio.ensure_future(job)
    await happens(slow.began)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    slow.let.set()


async def test_what_opens_after_a_cancellation_is_closed() -> None:
    """Whoever waited is gone: the thread that opened it closes it."""
    slow = Slow()
    await cancelled(opened(slow.open, Slow.stop), slow)
    await happens(slow.stopped)
    assert slow.steps == ["open", "stop"]


async def test_what_opens_too_late_is_closed() -> None:
    """The same after the time given; an error that comes late is nobody's."""
    slow, broken = Slow(), Slow(opens=OSError("late"))
    for each in (slow, broken):
        with pytest.raises(TooSlow):
            await opened(each.open, Slow.stop, timeout_s=0.01)
        each.let.set()
    await happens(slow.stopped)
    assert not broken.stopped.is_set()


async def test_what_is_open_at_the_cancellation_is_closed() -> None:
    """It opened between two turns of the loop, and its waiter never saw it."""
    slow = Slow(held=False)
    done = threading.Event()
    task = asyncio.create_task(opened(lambda: (slow.open(), done.set())[0], Slow.stop))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert done.wait(LIMIT_S)  # the loop does not run meanwhile
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await happens(slow.stopped)


def test_the_end_of_the_loop_closes_it_too() -> None:
    """As when Ctrl-C ends `asyncio.run` while a camera opens."""
    slow = Slow()

    async def interrupted() -> None:
        task = asyncio.create_task(opened(slow.open, Slow.stop))
        await happens(slow.began)
        task.cancel()
        asyncio.get_running_loop().call_soon(slow.let.set)

    asyncio.run(interrupted())
    assert slow.stopped.wait(LIMIT_S)


async def test_a_camera_that_opens_after_its_join_was_given_up_is_closed() -> None:
    """The next join finds it free."""
    slow = Slow()
    await cancelled(Feed(slow.format, device=CAMERA, driver=slow).open(), slow)  # type: ignore[arg-type]
    await happens(slow.stopped)


async def test_an_encoder_that_opens_after_the_end_is_closed() -> None:
    """The publication is over, and holds none."""
    slow = Slow()
    source = Slow(held=False)
    feed = Feed(source.format, device=CAMERA, driver=source)  # type: ignore[arg-type]
    plugins: Any = SlowPlugins(slow)
    publication = Publication(feed, "video", "camera", "", SessionSettings(), plugins)
    await cancelled(publication.supply.prepare(["VP8"]), slow)
    await publication.end()
    await happens(slow.stopped)
    assert publication.encoder == ""
    assert source.steps == ["open", "stop"]


# --- loudspeakers ---------------------------------------------------------------------------------------------------
def outputs(slow: Slow) -> tuple[Outputs, list[tuple[CallError, str]]]:
    slow.format = AudioFormat()
    failed: list[tuple[CallError, str]] = []
    plugins: Any = SlowPlugins(slow)
    hotplug = HotPlug(plugins, lambda event: None)
    out = Outputs(FakeCall(), plugins, lambda error, source: failed.append((error, source)), lambda _: None, hotplug)
    return out, failed


@pytest.mark.parametrize(("step", "steps"), [("opens", ["open"]), ("starts", ["open", "start", "stop"])])
async def test_a_loudspeaker_that_breaks_is_told_and_closed(step: str, steps: list[str]) -> None:
    """At the join by an event, and to `set_speaker`'s caller: an error of ours, whatever the driver raised."""
    slow = Slow(held=False, **{step: OSError("no such card")})
    out, failed = outputs(slow)
    await out.open()
    async with asyncio.timeout(LIMIT_S):
        while not failed:
            await asyncio.sleep(0.001)
    (error, source), *_ = failed
    assert isinstance(error, PluginError)
    assert "no such card" in error.message
    assert source == SPEAKER.label
    assert slow.steps[: len(steps)] == steps
    with pytest.raises(PluginError, match="no such card"):
        await out.set_speaker(None)
    assert out.speaker is None
    await out.close()
    if step == "starts":
        await all_closed(slow)


async def test_a_loudspeaker_that_cannot_be_had_leaves_the_former_one_playing() -> None:
    """Whether there is none of the name, or it does not open; and `explain` goes on telling what plays."""
    first, other = Slow(held=False), Slow(held=False, opens=OSError("no such card"))
    out, failed = outputs(first)
    await out.set_speaker(None)
    plugins: Any = out._plugins
    plugins.choices["speaker"] = playing = Choice("speaker", SPEAKER.id)
    elsewhere = evolve(SPEAKER, id="slow:other")

    def device(kind: str, wish: Any, *, failed: Any = None) -> tuple[Device, Slow, None]:
        plugins.choices["speaker"] = Choice(f"speaker {wish}")
        if wish == "bogus":
            raise DeviceGone("no speaker matches 'bogus'")
        return elsewhere, other, None

    plugins.device = device
    with pytest.raises(DeviceGone, match="bogus"):
        await out.set_speaker("bogus")
    assert (out.speaker, first.steps.count("stop")) == (SPEAKER, 0)
    with pytest.raises(PluginError, match="no such card"):
        await out.set_speaker("other")
    assert out.speaker == SPEAKER
    assert first.steps[-2:] == ["open", "start"]
    assert (plugins.choices["speaker"], failed) == (playing, [])
    await out.close()


async def test_a_loudspeaker_that_cannot_be_closed_is_told() -> None:
    """The call goes on, or ends, all the same."""
    out, failed = outputs(Slow(held=False, stops=OSError("stuck")))
    await out.set_speaker(None)
    await out.close()
    assert ["stuck" in error.message for error, _ in failed] == [True]


async def test_a_loudspeaker_that_ends_by_itself_is_told() -> None:
    """On the event loop, whatever thread it said so on; not once it is closed."""
    slow = Slow(held=False)
    out, failed = outputs(slow)
    await out.set_speaker(None)
    _, tell = slow.given
    await asyncio.to_thread(tell, DeviceGone("unplugged"))
    await asyncio.sleep(0)
    assert [(error.message, source) for error, source in failed] == [("unplugged", SPEAKER.label)]
    await out.close()
    await asyncio.to_thread(tell, DeviceGone("too late"))
    await asyncio.sleep(0)
    assert len(failed) == 1


async def test_a_loudspeaker_that_opens_late_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Too slow, or the call was left meanwhile."""
    slow = Slow()
    out, _ = outputs(slow)
    monkeypatch.setattr("jackfield.session.playback.OPEN_TIMEOUT_S", 0.01)
    with pytest.raises(DeviceGone, match="did not open within"):
        await out.set_speaker(None)
    slow.let.set()
    await happens(slow.stopped)
    monkeypatch.undo()
    left = Slow()
    await cancelled(outputs(left)[0].set_speaker(None), left)
    await happens(left.stopped)


async def test_a_loudspeaker_that_would_not_open_is_taken_when_it_does() -> None:
    """Busy at the join: it is told once, and the call is heard as soon as the other program is gone."""
    slow = Slow(held=False, opens=DeviceGone("busy"))
    out, failed = outputs(slow)
    await out.open()
    async with asyncio.timeout(LIMIT_S):
        while not failed:
            await asyncio.sleep(0.001)
        slow.errors["open"] = None
        while out.speaker is None:
            await asyncio.sleep(0.01)
    assert [error.message for error, _ in failed] == ["busy"]
    await out.close()
    assert slow.steps[-3:] == ["open", "start", "stop"]


async def test_a_loudspeaker_that_ends_as_it_begins_leaves_one_player_at_most() -> None:
    """It says so while it is being started: it is closed before it is opened again."""
    slow = Slow(held=False)
    out, failed = outputs(slow)
    start = slow.start

    def ends(fill: Any, tell: Any) -> None:
        start(fill, tell)
        tell(DeviceGone("gone again"))

    slow.start = ends  # type: ignore[method-assign]
    await out.open()
    async with asyncio.timeout(LIMIT_S):
        while slow.steps.count("open") < 3:
            await asyncio.sleep(0.01)
    await out.close()
    assert failed
    await all_closed(slow)
    assert slow.steps[:6] == ["open", "start", "stop"] * 2


@pytest.mark.parametrize("said", ["gone", OSError("cable"), None])
async def test_whatever_a_plugin_says_of_its_end_is_an_error_of_ours(said: Any) -> None:
    """It is told as such, so that the device is waited for like any other."""
    told: list[CallError] = []
    intake: Any = object()
    tap = Tap(intake, told.append)
    tap.fail(said)
    tap.fail(said)
    (error,) = told
    assert isinstance(error, PluginError)
    assert repr(said) in error.message


@pytest.mark.parametrize("made", [None, "capture", object()])
async def test_what_is_no_capture_is_refused_in_words(made: Any) -> None:
    """And not by an attribute that is missing."""

    class Strange:
        def open(self, *_: Any) -> Any:
            return made

    with pytest.raises(PluginError, match="whose format is no VideoFormat"):
        await Feed(VideoFormat(320, 180, 15.0), device=CAMERA, driver=Strange()).open()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "format",
    [
        VideoFormat(320, 180, float("nan")),
        VideoFormat(320, 180, float("inf")),
        VideoFormat(320, 180, -1.0),
        VideoFormat(-320, 180),
        VideoFormat(10**7, 180),
        VideoFormat("320", 180),  # type: ignore[arg-type]
    ],
)
async def test_a_camera_of_an_impossible_format_is_refused(format: VideoFormat) -> None:
    """Nobody could make an encoder for it: one sentence shows what its plugin said, and it is given back."""
    slow = Slow(held=False)
    slow.format = format
    with pytest.raises(PluginError, match="which no device has; mend the plugin"):
        await Feed(VideoFormat(320, 180, 15.0), device=CAMERA, driver=slow).open()  # type: ignore[arg-type]
    assert slow.steps == ["open", "stop"]


@pytest.mark.parametrize(
    ("format", "is_impossible"),
    [
        (VideoFormat(np.int64(640), np.int32(480), np.float32(30)), False),  # type: ignore[arg-type]
        (VideoFormat(640, 480, Fraction(30_000, 1001)), False),  # type: ignore[arg-type]
        (VideoFormat(0, 0, 0), False),
        (AudioFormat(48_000.0, np.int16(2)), False),  # type: ignore[arg-type]
        (VideoFormat(640, 480, np.float64("nan")), True),
        (VideoFormat(640, 480, fps=True), True),
        (VideoFormat(640, 480, Fraction(10**400)), True),  # type: ignore[arg-type]
        (VideoFormat(640.5, 480), True),  # type: ignore[arg-type]
        (AudioFormat(48_000.5), True),  # type: ignore[arg-type]
        (AudioFormat(48_000, channels=True), True),
    ],
)
def test_numbers_of_any_type_are_a_format(format: VideoFormat | AudioFormat, is_impossible: bool) -> None:
    """Plugins compute with numpy and fractions; truth is no number."""
    assert impossible(format) is is_impossible
    assert is_impossible or str(format)


@pytest.mark.parametrize("ends", [SystemExit(9), KeyboardInterrupt(), asyncio.CancelledError(), StopIteration()])
async def test_a_plugin_that_wants_to_end_the_program_ends_its_own_device(ends: BaseException) -> None:
    """Whether it opens or starts."""

    async def used(feed: Feed) -> None:
        await feed.open()
        await feed.start(Any, lambda error: None)  # type: ignore[arg-type]

    for slow in (Slow(held=False, opens=ends), Slow(held=False, starts=ends)):
        feed = Feed(slow.format, device=CAMERA, driver=slow)  # type: ignore[arg-type]
        with pytest.raises(PluginError, match=type(ends).__name__):
            await used(feed)


@pytest.mark.parametrize("ends", [SystemExit(9), KeyboardInterrupt(), GeneratorExit(), StopIteration(), OSError(5)])
def test_what_a_plugin_raises_ends_its_own_work_alone(ends: BaseException) -> None:
    """On a thread, among others that are asked, and as it is where it is an ordinary error."""

    def job() -> None:
        raise ends

    seen = started(job, "test").exception(LIMIT_S)
    (asked,) = side_by_side([job], LIMIT_S)
    assert isinstance(seen, Exception)
    assert (type(seen), str(seen)) == (type(asked), str(asked))
    assert seen is ends or str(seen) == f"it raised {type(ends).__name__}"
