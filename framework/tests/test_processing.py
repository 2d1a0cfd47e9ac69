"""Processors: which are taken, in which order, and what becomes of media and of those that fail."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from jackfield.media.far_end import RATE, FarEnd
from jackfield.plugins import Config, OpenProcessor, Plugins, open_processors
from jackfield.plugins.loader import LoadedPlugin, lacks
from jackfield.roles import AudioProcessor, DetectsSpeech, ProcessorFactory, VideoProcessor
from jackfield.session.listening import MicrophoneWatch
from jackfield.session.processing import Treatment
from jackfield.testing import FakeProcessor, FakeProcessorFactory, samples
from jackfield.testing.timers import ManualTimers
from jackfield.values.devices import Device
from jackfield.values.errors import CallError
from jackfield.values.media import AudioBlock
from jackfield.values.settings import SessionSettings

MICROPHONE = Device("grey:one", "microphone", "A microphone")


def plugins(*factories: Any) -> Plugins:
    """Each factory in a plugin of its own, called as it is."""
    loaded = [LoadedPlugin(each.name, "1", each, None, {}, {"register_processors": (each,)}) for each in factories]
    return Plugins(Config(), tuple(loaded), (), ())


def taken(made: Sequence[OpenProcessor]) -> list[tuple[str, tuple[str, ...]]]:
    return [(each.name, each.does) for each in made]


def test_the_fakes_fill_their_roles() -> None:
    """What tests put in a processor's place has what its role asks for."""
    assert lacks(FakeProcessorFactory("fake"), ProcessorFactory) == []
    assert lacks(FakeProcessor(), AudioProcessor) == lacks(FakeProcessor(), VideoProcessor) == []


def test_one_that_does_it_all_is_opened_once() -> None:
    """Echo, noise and gain by the same: one processor, in the order of the settings."""
    factory = FakeProcessorFactory("all", does=("auto_gain_control", "noise_suppression", "echo_cancellation"))
    found = plugins(factory)
    made = open_processors(found, "audio", MICROPHONE, SessionSettings())
    assert taken(made) == [("all", ("echo_cancellation", "noise_suppression", "auto_gain_control"))]
    assert len(factory.opened) == 1
    assert next(str(choice) for choice in found.explain()) == "processor echo cancellation: all (all): rank 50"


def test_each_is_switched_alone_by_its_setting() -> None:
    """What a setting turns off is not opened, and the choice says so."""
    factory = FakeProcessorFactory("all", does=("echo_cancellation", "noise_suppression"))
    found = plugins(factory)
    made = open_processors(found, "audio", MICROPHONE, SessionSettings(noise_suppression=False))
    assert taken(made) == [("all", ("echo_cancellation",))]
    told = {choice.asked: str(choice) for choice in found.explain()}
    assert told["processor noise suppression"] == "processor noise suppression: nothing: noise_suppression is off"
    assert told["processor auto gain control"] == "processor auto gain control: nothing: none is installed"


def test_the_best_is_taken_for_each_and_why_not_the_others_is_kept() -> None:
    """By rank; one that does not suit, lacks its library or fails to open is passed over with its reason."""
    factories = [
        FakeProcessorFactory("absent", rank=90, does=("noise_suppression",), lacking="rnnoise is not installed"),
        FakeProcessorFactory("picky", rank=80, does=("noise_suppression",), refuses="it wants 16 kHz"),
        FakeProcessorFactory("broken", rank=70, does=("noise_suppression",), fails=RuntimeError("no memory")),
        FakeProcessorFactory("quiet", rank=60, does=("noise_suppression",)),
        FakeProcessorFactory("all", does=("echo_cancellation", "noise_suppression", "auto_gain_control")),
    ]
    found = plugins(*factories)
    made = open_processors(found, "audio", MICROPHONE, SessionSettings())
    assert taken(made) == [("all", ("echo_cancellation", "auto_gain_control")), ("quiet", ("noise_suppression",))]
    (choice,) = (each for each in found.explain() if each.asked == "processor noise suppression")
    reasons = {each.name: each.reason for each in choice.passed_over}
    assert reasons == {
        "absent": "rnnoise is not installed",
        "picky": "it wants 16 kHz",
        "broken": "opening it failed: RuntimeError: no memory",
        "all": "not needed: quiet works and comes first",
    }
    assert factories[-1].opened[0].closed, "what was opened before the failure is closed and opened again"


def test_clean_sound_is_left_alone() -> None:
    """A made-up or processed microphone is not processed; what no setting names still is."""
    factory = FakeProcessorFactory("all", does=("echo_cancellation", "robot_voice"))
    found = plugins(factory)
    clean = Device("grey:line", "microphone", "A line", clean=True)
    assert taken(open_processors(found, "audio", clean, SessionSettings())) == [("all", ("robot_voice",))]
    told = {choice.asked: choice.why for choice in found.explain()}
    assert told["processor echo cancellation"] == "grey:line gives sound that is meant to be sent as it is"


def test_pictures_and_sound_have_processors_of_their_own() -> None:
    """A processor of pictures is not asked about sound."""
    found = plugins(FakeProcessorFactory("turn", kind="video", does=("rotate",)))
    assert open_processors(found, "audio", MICROPHONE, SessionSettings()) == []
    assert taken(open_processors(found, "video", None, SessionSettings())) == [("turn", ("rotate",))]


# --- on the encoding thread -------------------------------------------------------------------------------------------
class Line:
    """One treatment, with what it dropped."""

    def __init__(self, *processors: Any, far_end: FarEnd | None = None, watch: Any = None) -> None:
        self.dropped: list[tuple[CallError, str]] = []
        self.treatment = Treatment(lambda error, name: self.dropped.append((error, name)), far_end=far_end, watch=watch)
        self.use(*processors)

    def use(self, *processors: Any) -> None:
        self.treatment.use(
            [OpenProcessor(f"p{i}", "fake", ("echo_cancellation",), p) for i, p in enumerate(processors)]
        )

    def sound(self, *blocks: AudioBlock) -> list[Any]:
        return [made for block in blocks for made in self.treatment.apply(block)]


def test_sound_without_processors_passes_as_it_came() -> None:
    """The very same block, whatever its shape."""
    block = samples.block(0, ptime_ms=7, rate=44_100, channels=2)
    assert Line().sound(block) == [block]


def test_processors_take_ten_milliseconds_of_48_khz_mono_each_after_the_other() -> None:
    """Whatever the microphone gives; no sample is lost, and instants are those of the first sample."""
    first, second = FakeProcessor(add=1), FakeProcessor(add=2)
    line = Line(first, second)
    made = line.sound(*(samples.block(index, ptime_ms=20, channels=2) for index in range(5)))
    assert {block.samples.shape for block in made} == {(480, 1)}
    assert [block.time_ns - samples.START_NS for block in made] == [index * 10_000_000 for index in range(10)]
    sent = np.concatenate([block.samples[:, 0] for block in made])
    came = np.concatenate([samples.block(index).samples[:, 0] for index in range(5)])
    assert np.array_equal(sent, came + 3)
    assert [block.time_ns for block in second.near] == [block.time_ns for block in made]


def test_processors_are_told_what_the_loudspeaker_plays() -> None:
    """The far end beside the near end; None while nothing plays."""
    far_end, processor = FarEnd(), FakeProcessor()
    line = Line(processor, far_end=far_end)
    line.sound(samples.block(0, ptime_ms=10))
    for index in range(10):
        at_ns = samples.START_NS + index * 10_000_000
        far_end.played(AudioBlock(np.full((480, 1), index + 1, np.int16), RATE, at_ns), 30.0)
    line.sound(*(samples.block(index, ptime_ms=10) for index in range(1, 10)))
    assert processor.far[0] is None
    assert [int(far.samples[0, 0]) for far in processor.far[1:]] == list(range(2, 11))
    assert set(processor.delays_ms[1:]) == {30}


@pytest.mark.parametrize("how", ["raises", "shortens"])
def test_a_processor_that_fails_is_left_out_and_the_sound_goes_on(how: str) -> None:
    """One error, which says what the call goes without; the others go on, and nothing is missing."""
    broken, other = FakeProcessor(**{how: 3}), FakeProcessor(add=5)
    line = Line(broken, other)
    made = line.sound(*(samples.block(index, ptime_ms=10) for index in range(8)))
    assert len(made) == 8
    ((error, name),) = line.dropped
    assert name == "p0"
    assert error.code == "ERROR_PLUGIN"
    assert "goes on without its echo cancellation" in error.message
    assert broken.closed
    assert not other.closed
    assert np.array_equal(made[-1].samples, samples.block(7, ptime_ms=10).samples + 5)


def test_the_last_processor_that_fails_leaves_the_raw_sound() -> None:
    """From then on sound passes as it came."""
    line = Line(FakeProcessor(raises=1))
    blocks = [samples.block(index, ptime_ms=20) for index in range(3)]
    made = line.sound(*blocks)
    assert made[-2:] == blocks[1:]
    assert len(line.dropped) == 1


def test_others_take_over_between_two_blocks() -> None:
    """Another device has other processors; those before are closed, and unused ones too."""
    first, unused, last = FakeProcessor(), FakeProcessor(), FakeProcessor(add=9)
    line = Line(first)
    line.sound(samples.block(0, ptime_ms=10))
    line.use(unused)
    line.use(last)
    (made,) = line.sound(samples.block(1, ptime_ms=10))
    assert (first.closed, unused.closed, last.closed) == (True, True, False)
    assert np.array_equal(made.samples, samples.block(1, ptime_ms=10).samples + 9)
    line.treatment.close()
    assert last.closed


def test_pictures_go_through_one_after_the_other_too() -> None:
    """And one that raises is left out."""
    broken, other = FakeProcessor(raises=2), FakeProcessor()
    line = Line(broken, other)
    frames = [samples.picture(index) for index in range(4)]
    assert [made for frame in frames for made in line.treatment.apply(frame)] == frames
    assert len(other.frames) == 4
    assert len(line.dropped) == 1


class Odd:
    """A processor that answers, or raises, what no processor may; ``closing`` is waited for by its close."""

    def __init__(self, answer: object, closing: threading.Event | None = None) -> None:
        self.answer, self.closing = answer, closing

    def process(self, *media: object) -> Any:
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer

    def close(self) -> None:
        if self.closing is not None:
            self.closing.wait(60)


@pytest.mark.parametrize("answer", [None, 5, SystemExit("x"), KeyboardInterrupt()], ids=repr)
def test_one_that_answers_no_media_or_ends_its_thread_is_left_out(answer: object) -> None:
    """The raw picture and the raw sound go on, and one error tells of it."""
    frame, block = samples.picture(0), samples.block(0, ptime_ms=10)
    pictures, sound = Line(Odd(answer)), Line(Odd(answer))
    assert list(pictures.treatment.apply(frame)) == [frame]
    assert np.array_equal(sound.sound(block)[0].samples, block.samples)
    for line in (pictures, sound):
        ((error, name),) = line.dropped
        assert (error.code, name) == ("ERROR_PLUGIN", "p0")


def test_one_that_hangs_when_it_is_closed_is_left_to_itself(caplog: pytest.LogCaptureFixture) -> None:
    """Closing goes on without it, and one line says so, without a traceback; the others are closed."""
    let, other = threading.Event(), FakeProcessor()
    line = Line(Odd(None, let), other)
    line.treatment.close()
    assert other.closed
    assert not let.is_set()
    let.set()
    (record,) = caplog.records
    assert record.getMessage() == "processor p0 (fake) could not be closed: TimeoutError: not done within 0.5 s"
    assert record.exc_info is None


def test_a_muted_microphone_is_processed_and_heard_and_sends_nothing() -> None:
    """So that it knows the echo when it is on again, and its own noise; a detector's word is asked for."""
    told: list[str] = []
    timers = ManualTimers()
    watch = MicrophoneWatch(timers, lambda *_: None, lambda: told.append("talking"), muted=True)
    watch.start()
    processor = FakeProcessor(likely=0.95)
    assert isinstance(processor, DetectsSpeech)
    line = Line(processor, watch=watch)
    voice = (samples.babble(3.0) * 12_000).astype(np.int16)[:, None]
    for at in range(0, len(voice) - 480, 480):
        assert line.sound(AudioBlock(voice[at : at + 480])) == []
        timers.advance(0.01)
    assert told == ["talking"]
    assert len(processor.near) == len(voice) // 480 - 1
    watch.mute(False)
    assert len(line.sound(samples.block(0, ptime_ms=10))) == 1
