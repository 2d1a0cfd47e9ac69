"""Programs as captures: started, read, held to a rate, started again, given up, ended with all that they started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from jackfield.media.program.capture import Patience, ProgramCapture
from jackfield.media.program.comeback import Comeback
from jackfield.media.program.process import RunningProgram, without_logins
from jackfield.media.program.raw import RawPictures, Samples
from jackfield.testing.fakes import FakeSink
from jackfield.values.devices import Device, DeviceChange
from jackfield.values.errors import CallError, DeviceDenied, DeviceError, DeviceGone
from jackfield.values.formats import AudioFormat, VideoFormat
from jackfield.values.media import EncodedFrame

GREY = VideoFormat(32, 16, 50.0, "gray")
SIZE = 32 * 16
QUICK = Patience(first_s=3.0, stall_s=0.6, back_off_s=0.05, most_s=0.2, steady_s=1.0, give_up_s=1.0)
#: Prints a grey picture, as bright as its number, fifty times a second.
GREYS = f"""
import os, sys, time
number = 0
while True:
    os.write(1, bytes([number % 256]) * {SIZE})
    number += 1
    {{then}}
    time.sleep(0.02)
"""


def python(text: str) -> list[str]:
    return [sys.executable, "-c", text]


def greys(then: str = "pass") -> list[str]:
    return python(GREYS.format(then=then))


@contextmanager
def running(argv: list[str], patience: Patience = QUICK, **more: Any) -> Iterator[ProgramCapture]:
    capture = ProgramCapture(
        "Test (pipe:test)",
        lambda: RunningProgram(argv),
        more.pop("reader", lambda: RawPictures(GREY)),
        fix="mend it",
        patience=patience,
        **more,
    )
    try:
        yield capture
    finally:
        capture.stop()


def until(fact: Callable[[], object], limit_s: float = 10.0) -> bool:
    end = time.monotonic() + limit_s
    while not fact() and time.monotonic() < end:
        time.sleep(0.01)
    return bool(fact())


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def lives(pid: int) -> bool:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] != "Z"


def test_what_it_prints_is_delivered_and_stopping_leaves_nothing() -> None:
    """Pictures flow; after `stop` there is no process, thread or file descriptor more than before."""
    before, threads = descriptors(), threading.active_count()
    sink = FakeSink()
    with running(greys()) as capture:
        capture.ready()
        assert capture.format == GREY
        capture.start(sink)
        media = sink.wait(10)
        pid = capture._program.pid
        began = time.monotonic()
        capture.stop()
        assert time.monotonic() - began < 1
        count = len(sink.media)
    assert len(media) >= 10
    assert sink.errors == []
    time.sleep(0.1)
    assert len(sink.media) == count
    assert not Path(f"/proc/{pid}").exists(), "it was not reaped"
    assert (descriptors(), threading.active_count()) == (before, threads)


def test_it_ends_with_a_process_that_is_killed() -> None:
    """Silent programs that never write, and what they started: gone soon after SIGKILL to whoever started them."""
    text = """
import signal
from jackfield.media.program.process import RunningProgram
program = RunningProgram(["sh", "-c", "sleep 4321 & echo $!; exec sleep 4321"])
while (said := program.read(99)) is None:
    pass
print(program.pid, program._watcher.pid, said.decode(), flush=True)
signal.pause()
"""
    with subprocess.Popen(python(text), stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pids = [int(word) for word in owner.stdout.readline().split()]
        assert len(pids) == 3
        assert all(map(lives, pids))
        owner.kill()
    assert until(lambda: not any(map(lives, pids))), pids


def test_its_watcher_ends_with_it() -> None:
    """Nothing of it is left once it has been ended, by itself or by us."""
    for command in (["true"], ["sleep", "4321"]):
        program = RunningProgram(command)
        assert program._watcher is not None
        pid = program._watcher.pid
        program.end()
        assert not Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("open rtsp://u:geheim@cam/x failed", "open rtsp://…@cam/x failed"),
        ("'http://u:ge@h/eim@cam:80/x'", "'http://…@cam:80/x'"),
        ("rtsp://u@cam/x", "rtsp://…@cam/x"),
        ("rtsp://cam:554/x to ada@example.org", "rtsp://cam:554/x to ada@example.org"),
    ],
)
def test_names_and_passwords_in_urls_are_not_shown(said: str, shown: str) -> None:
    """In anything it says; addresses without them stay as they are."""
    assert without_logins(said) == shown
    with running(python(f"import sys; sys.exit({said!r})")) as capture, pytest.raises(DeviceGone) as caught:
        capture.ready()
    assert shown in caught.value.message


@pytest.mark.parametrize("word", ["a\0b", "a\udc00b\ud800"])
def test_a_word_that_no_command_can_have_is_said(word: str, caplog: pytest.LogCaptureFixture) -> None:
    """In our words, and with no traceback in the log."""
    with running(["echo", word]) as capture, pytest.raises(DeviceError, match="half of a surrogate pair; mend it"):
        capture.ready()
    assert "Traceback" not in caplog.text


def test_its_whole_family_ends_with_it(tmp_path: Path) -> None:
    """A grandchild, and a program that turns a deaf ear to SIGTERM, end too, within the second."""
    note = tmp_path / "pid"
    text = f"""
import os, signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen(["sleep", "600"], stdout=subprocess.DEVNULL)
open({str(note)!r}, "w").write(str(child.pid))
"""
    with running(python(text + GREYS.format(then="pass"))) as capture:
        capture.ready()
        child, pid = int(note.read_text()), capture._program.pid
        assert lives(child)
        began = time.monotonic()
        capture.stop()
        assert time.monotonic() - began < 1
    assert until(lambda: not lives(child), 1)
    assert not lives(pid)


def test_a_program_that_ends_by_itself_takes_its_children_with_it(tmp_path: Path) -> None:
    """No orphan is left to hold the camera."""
    note = tmp_path / "pid"
    text = f"""
import os, subprocess
child = subprocess.Popen(["sleep", "600"])
open({str(note)!r}, "w").write(str(child.pid))
os.close(1); os.close(2)
"""
    with running(python(text)) as capture, pytest.raises(DeviceGone, match="ended"):
        capture.ready()
    assert until(lambda: not lives(int(note.read_text())), 1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import sys; sys.exit('camera is not attached')", "status 1; it said: camera is not attached; mend it"),
        ("import os; os.abort()", "SIGABRT"),
        ("print('hello')", "status 0"),
        ("import time; time.sleep(60)", "printed nothing for 0.5 s"),
        ("import time; print(5, flush=True); time.sleep(60)", "printed 2 bytes in 0.5 s, and no picture"),
        ("import os; os.close(1); import time; time.sleep(60)", "its output ended"),
    ],
)
def test_one_that_gives_nothing_is_an_error_at_once(text: str, said: str) -> None:
    """`ready` says how it ended or hung, its last words, and what to do."""
    patience = Patience(first_s=3.0 if "sleep" not in text else 0.5)
    with running(python(text), patience) as capture, pytest.raises(DeviceGone) as caught:
        capture.ready()
    assert said in caught.value.message
    assert "Test (pipe:test)" in caught.value.message


def test_one_that_is_not_there_is_an_error() -> None:
    """The operating system's reason is in the message."""
    with running(["/no/such/program"]) as capture, pytest.raises(DeviceGone, match="No such file"):
        capture.ready()


def test_one_that_dies_is_started_again(caplog: pytest.LogCaptureFixture) -> None:
    """After 100 pictures it ends with words; pictures go on, the log has the words, no error is delivered."""
    sink = FakeSink()
    with running(greys("sys.exit('lens fell off') if number == 100 else None")) as capture:
        capture.ready()
        capture.start(sink)
        media = sink.wait(130, 20.0)
    assert len(media) >= 130
    assert sink.errors == []
    assert "status 1; it said: lens fell off; it is started again in 0.05 s" in caplog.text
    assert [item.time_ns for item in media] == sorted({item.time_ns for item in media})


def test_what_came_before_the_sink_begins_with_the_newest_keyframe() -> None:
    """The keyframe that opening waited for is not lost: else nothing could be shown before the next."""
    capture = ProgramCapture.__new__(ProgramCapture)
    capture._early = []

    def kept(*said: str) -> str:
        capture._keep([EncodedFrame(each.encode(), "H264", each.isupper(), 0) for each in said])
        return b"".join(each.data for each in capture._early).decode()  # type: ignore[union-attr]

    assert kept("a", "b") == ""
    assert kept("K", "c", "d") == "Kcd"
    assert kept("L", "e") == "Le"
    assert kept(*"x" * 62) == "Le" + "x" * 62
    assert kept("y", "z") == ""

    reader = {"reader": lambda: RawPictures(GREY)}
    with running(greys(), **reader) as begun:
        begun.ready()
        time.sleep(0.2)
        sink = FakeSink()
        begun.start(sink)
        first, second = sink.wait(2)[:2]
        numbers = [int(each.to_ndarray(format="gray")[0, 0]) for each in (first, second)]  # type: ignore[union-attr]
        assert numbers[0] > 5  # the newest, and what follows it
        assert numbers[1] == numbers[0] + 1


def test_one_that_hangs_is_ended_and_started_again(caplog: pytest.LogCaptureFixture) -> None:
    """Silence is a hang."""
    sink = FakeSink()
    with running(greys("time.sleep(600) if number == 20 else None"), Patience(3.0, 0.6, 0.05)) as capture:
        capture.ready()
        capture.start(sink)
        media = sink.wait(30, 20.0)
    assert len(media) >= 30
    assert "nothing came any more for 0.6 s" in caplog.text


def test_one_that_always_fails_is_given_up() -> None:
    """After so long the sink hears `DeviceGone` with the last words, once, and the thread ends."""
    sink, heard = FakeSink(), []
    patience = Patience(first_s=3.0, back_off_s=0.05, most_s=0.1, give_up_s=1.0)
    with running(greys("sys.exit('no light')"), patience, given_up=heard.append) as capture:
        capture.ready()
        capture.start(sink)
        assert until(lambda: sink.errors, 20)
        assert until(lambda: not capture._thread.is_alive())
        capture.stop()
    assert heard == sink.errors
    (error,) = sink.errors
    assert isinstance(error, DeviceGone)
    assert "given up: it ended with status 1; it said: no light; mend it" in error.message


def test_time_in_which_it_gives_something_is_no_failing() -> None:
    """It ends every three fifths of a second, with pictures till then: of a second without any, little has passed."""
    sink = FakeSink()
    patience = Patience(first_s=3.0, back_off_s=0.01, most_s=0.01, steady_s=60.0, give_up_s=3.0)
    with running(greys("if number >= 30: break"), patience) as capture:
        capture.start(sink)
        media = sink.wait(240, 30.0)
    assert (len(media) >= 240, sink.errors) == (True, [])


def test_one_that_is_given_up_before_it_is_started_is_told_of_then() -> None:
    """It was `ready`, and failed for good before `start`: the sink that comes hears of it, once; a stopped one not."""
    heard: list[CallError] = []
    patience = Patience(first_s=3.0, back_off_s=0.05, most_s=0.1, give_up_s=0.2)
    with running(greys("sys.exit('no light')"), patience, given_up=heard.append) as capture:
        capture.ready()
        assert until(lambda: not capture._thread.is_alive(), 20)
        sink = FakeSink()
        capture.start(sink)
        assert sink.errors == heard
        assert "no light" in sink.errors[0].message
        capture.stop()
        late = FakeSink()
        capture.start(late)
        assert late.errors == []


def test_stopping_in_every_state_is_quick() -> None:
    """While it starts, while it waits to start again, after it was given up, twice."""
    for argv in (python("import time; time.sleep(60)"), greys("sys.exit()"), greys()):
        patience = Patience(first_s=5.0, back_off_s=30.0, give_up_s=100.0)
        with running(argv, patience) as capture:
            time.sleep(0.5)
            began = time.monotonic()
            capture.stop()
            capture.stop()
            assert time.monotonic() - began < 1
            assert not capture._thread.is_alive()


@pytest.mark.parametrize(
    "argv",
    [
        ["cat", "/dev/zero"],
        ["sh", "-c", "cat /dev/zero >&2 & while true; do echo no; done >&2"],
        ["cat", "/dev/urandom"],
    ],
    ids=["pictures", "words", "noise"],
)
def test_a_flood_costs_little(argv: list[str], caplog: pytest.LogCaptureFixture) -> None:
    """One that prints without end is held back by its own pipe: neither memory nor processor time grows."""
    sink = FakeSink()
    with running(argv, Patience(first_s=1.5)) as capture:
        capture.start(sink)
        spent = time.process_time()
        time.sleep(1.2)
        spent = time.process_time() - spent
    assert spent < 0.8, f"{spent:.2f} s of processor time in 1.2 s"
    assert len(sink.media) < 600
    if argv[0] == "cat":
        assert "is held back" in caplog.text


def test_last_words_are_few_plain_and_short() -> None:
    """Control characters, long lines and many of them."""
    text = "import sys; sys.stderr.write('x' * 9999 + '\\n' + '\\x1b[31mred\\x07\\r' + 'a\\nb\\n' * 50 + 'the end')"
    program = RunningProgram(python(text))
    assert until(lambda: not program.listen())
    program.end()
    assert program.words.endswith("a / b / a / b / the end")
    assert len(program.words) < 8 * 203
    assert program.words.isprintable()


def test_its_input_is_closed_or_given() -> None:
    """A program that asks something gets no answer but what was meant for it."""
    for given, said in ((None, b"''"), (b"secret", b"'secret'")):
        program = RunningProgram(python("import sys; print(repr(sys.stdin.read()))"), given=given)
        out = b""
        while (data := program.read(100)) != b"":
            out += data or b""
            time.sleep(0.01)
        assert program.end() == "it ended with status 0"
        assert out.strip() == said


def test_a_signal_reaches_a_run_that_has_begun() -> None:
    """Before the first picture it would find nobody who expects it."""
    text = "import signal; signal.signal(signal.SIGUSR1, lambda *_: os.write(2, b'asked'))"
    with running(python("import os\n" + text + GREYS.format(then="pass"))) as capture:
        capture.signal(signal.SIGUSR1)
        capture.ready()
        capture.signal(signal.SIGUSR1)
        assert until(lambda: "asked" in capture._program.words)


def test_it_can_be_restarted_at_once() -> None:
    """With no pause, and not counted as a failure."""
    sink = FakeSink()
    with running(greys(), Patience(first_s=5.0, back_off_s=60.0)) as capture:
        capture.ready()
        capture.start(sink)
        sink.wait(5)
        pid, count = capture._program.pid, len(sink.media)
        capture.restart()
        assert until(lambda: len(sink.media) > count + 10)
        assert capture._program.pid != pid
    assert sink.errors == []


def test_sound_flows_too() -> None:
    """Blocks of ten milliseconds."""
    sink = FakeSink()
    text = "import os, time\nwhile True:\n    os.write(1, bytes(960)); time.sleep(0.01)"
    with running(python(text), reader=lambda: Samples(AudioFormat())) as capture:
        capture.ready()
        capture.start(sink)
        assert {block.samples.shape for block in sink.wait(5)} == {(480, 1)}


def test_a_fault_of_the_reader_is_told() -> None:
    """Not swallowed, and no thread dies unseen."""

    class Broken(RawPictures):
        def feed(self, data: bytes, now_ns: int) -> Any:
            raise KeyError("oops")

    with running(greys(), reader=lambda: Broken(GREY)) as capture, pytest.raises(DeviceError, match="KeyError"):
        capture.ready()


# --- devices that come back
CAMERA = Device("pipe:test", "camera", "Test")


def test_what_failed_is_gone_for_a_while() -> None:
    """Nobody watches: it counts as gone, or as denied, until the time is over; or until it works."""
    now = [100.0]
    comeback = Comeback(clock=lambda: now[0])
    assert comeback.now(CAMERA) == CAMERA
    comeback.lost(CAMERA, DeviceGone("it fell"))
    assert (comeback.now(CAMERA).state, comeback.now(CAMERA).note) == ("gone", "it fell")
    comeback.lost(CAMERA, DeviceDenied("wrong password"))
    assert comeback.now(CAMERA).state == "denied"
    now[0] += 11
    assert comeback.now(CAMERA) == CAMERA
    comeback.lost(CAMERA, CallError("again"))
    comeback.found(CAMERA)
    assert comeback.now(CAMERA) == CAMERA


def test_whoever_watches_is_told_when_another_try_is_worth_it() -> None:
    """Gone at once; ready once it looks as if it worked; and then no thread is left."""
    tried: list[Device] = []
    changes: list[DeviceChange] = []

    def worth_trying(device: Device) -> bool:
        tried.append(device)
        return len(tried) == 3

    comeback = Comeback(worth_trying, after_s=0.05)
    unwatch = comeback.watch(changes.append)
    comeback.lost(CAMERA, DeviceGone("it fell"))
    assert until(lambda: len(changes) == 2)
    assert [(change.change, change.device.state) for change in changes] == [("changed", "gone"), ("changed", "ready")]
    assert tried == [CAMERA] * 3
    assert until(lambda: comeback._thread is None)
    comeback.lost(CAMERA, DeviceGone("again"))
    unwatch()
    assert until(lambda: comeback._thread is None)


def test_a_look_that_raises_is_no_and_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    """So is a watcher's fault no end of it: both are logged, and the device comes back all the same."""
    tried: list[Device] = []
    changes: list[DeviceChange] = []

    def worth_trying(device: Device) -> bool:
        tried.append(device)
        if len(tried) == 1:
            "a..b".encode("idna")  # a host name as somebody may write it
        return True

    def faulty(change: DeviceChange) -> None:
        raise KeyError("oops")

    comeback = Comeback(worth_trying, after_s=0.05)
    unwatches = [comeback.watch(faulty), comeback.watch(changes.append)]
    comeback.lost(CAMERA, DeviceGone("it fell"))
    assert until(lambda: len(changes) == 2)
    assert [change.device.state for change in changes] == ["gone", "ready"]
    assert len(tried) == 2
    assert "pipe:test: whether it works again could not be seen" in caplog.text
    assert "UnicodeError" in caplog.text
    assert "a watcher of pipe:test failed" in caplog.text
    assert until(lambda: comeback._thread is None)
    for unwatch in unwatches:
        unwatch()
