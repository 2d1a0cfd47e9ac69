"""What an X server shows is what comes: screens and windows, as they move, grow, hide and go."""

from __future__ import annotations

import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from jackfield_screen.driver import ScreenCaptures
from jackfield_screen.grabber import Grabber
from jackfield_screen.options import Options

from jackfield.values.devices import Device, DeviceChange
from jackfield.values.errors import DeviceError, DeviceGone
from jackfield.values.formats import AudioFormat, VideoFormat
from tests.lab import xserver
from tests.lab.xserver import XServer

pytestmark = pytest.mark.needs("xvfb")

RED, GREEN, BLUE = 0xC03020, 0x20A040, 0x2040C0


class Sink:
    """Keeps what comes."""

    def __init__(self) -> None:
        self.pictures: queue.Queue[Any] = queue.Queue()
        self.errors: queue.Queue[Exception] = queue.Queue()

    def deliver(self, media: Any) -> None:
        self.pictures.put(media)

    def fail(self, error: Exception) -> None:
        self.errors.put(error)

    def until(self, wanted: Callable[[Any], bool], seconds: float = 10.0) -> Any:
        """The first picture of which ``wanted`` is true."""
        end, last = time.monotonic() + seconds, None
        while time.monotonic() < end:
            try:
                last = self.pictures.get(timeout=0.2)
            except queue.Empty:
                continue
            if wanted(last):
                return last
        pytest.fail(f"no such picture came; the last was {last and (last.width, last.height, colour(last))}")


def colour(frame: Any, x: int | None = None, y: int | None = None) -> int:
    """The colour at a point, or in the middle, as 0xRRGGBB."""
    array = frame.to_ndarray()
    red, green, blue = array[frame.height // 2 if y is None else y, frame.width // 2 if x is None else x]
    return int(red) << 16 | int(green) << 8 | int(blue)


@pytest.fixture
def driver(x_server: XServer) -> ScreenCaptures:
    return ScreenCaptures(Options(display=x_server.display))


@pytest.fixture
def taken() -> Iterator[Callable[..., tuple[Any, Sink]]]:
    """Opens and starts devices; at the end they are stopped and no thread of theirs is left."""
    running: list[Any] = []

    def take(driver: ScreenCaptures, device: Device, fps: float = 30.0) -> tuple[Any, Sink]:
        capture, sink = driver.open(device, VideoFormat(640, 360, fps)), Sink()
        running.append(capture)
        capture.start(sink)
        return capture, sink

    yield take
    for capture in running:
        capture.stop()
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("screen")] == []


def named(driver: ScreenCaptures, part: str) -> Device:
    return next(device for device in driver.devices() if part in device.id or part in device.label)


# --- pictures
def test_the_whole_desktop_comes_as_it_is(x_server: XServer, driver: ScreenCaptures, taken: Any) -> None:
    """In its own size whatever was asked for, at the rate that was asked for, with every window in its place."""
    x_server.paint(BLUE)
    x_server.window("one", RED, x=100, y=50, width=300, height=200)
    x_server.window("two", GREEN, x=800, y=500, width=301, height=201)
    capture, sink = taken(driver, named(driver, "desktop"))
    frame = sink.until(lambda frame: True)
    assert str(capture.format) == "1280x800@30 bgr0"
    assert (frame.width, frame.height) == (1280, 800)
    points = [(5, 5), (99, 100), (100, 50), (399, 249), (400, 250), (800, 500), (1100, 700), (1101, 701)]
    found = [colour(frame, *point) for point in points]
    assert found == [BLUE, BLUE, RED, RED, BLUE, GREEN, GREEN, BLUE]


def test_a_window_comes_alone_and_whole(x_server: XServer, driver: ScreenCaptures, taken: Any) -> None:
    """Also where another window covers it, and where it sticks out of the screen."""
    below = x_server.window("below", RED, x=100, y=100, width=300, height=201)
    x_server.window("above", GREEN, x=50, y=50, width=500, height=500)
    capture, sink = taken(driver, named(driver, "below"))
    frame = sink.until(lambda frame: True)
    assert (frame.width, frame.height) == (capture.format.width, capture.format.height) == (300, 200)
    assert (frame.to_ndarray().reshape(-1, 3) == [0xC0, 0x30, 0x20]).all()
    below.change(x=-200, y=700)
    below.paint(BLUE)
    frame = sink.until(lambda frame: colour(frame) == BLUE)
    assert (frame.to_ndarray().reshape(-1, 3) == [0x20, 0x40, 0xC0]).all()


@pytest.mark.parametrize("cursor", [True, False])
def test_the_pointer_is_drawn_where_it_is_wanted(x_server: XServer, taken: Any, cursor: bool) -> None:
    """An arrow with its tip where it points; nothing where the options say so."""
    driver = ScreenCaptures(Options(display=x_server.display, cursor=cursor))
    x_server.paint(BLUE)
    x_server.point(600, 400)
    _, sink = taken(driver, named(driver, "desktop"))
    frame = sink.until(lambda frame: True).to_ndarray()
    other = np.argwhere((frame != [0x20, 0x40, 0xC0]).any(axis=2))
    assert bool(len(other)) is cursor
    if cursor:
        assert len(other) > 50
        assert abs(other - [400, 600]).max() < 24


def test_a_window_that_grows_goes_on_in_its_new_size(x_server: XServer, driver: ScreenCaptures, taken: Any) -> None:
    """Grown and shrunk many times while pictures are taken; odd sizes lose their last row and column."""
    window = x_server.window("elastic", RED)
    capture, sink = taken(driver, named(driver, "elastic"), fps=60.0)
    sink.until(lambda frame: (frame.width, frame.height) == (320, 240))
    for number in range(12):
        width, height = (641, 481) if number % 2 else (200 + number, 101)
        window.change(width=width, height=height)
        window.paint(GREEN + number)
        frame = sink.until(lambda frame, number=number: colour(frame, 2, 2) == GREEN + number)
        assert (frame.width, frame.height) == (width & ~1, height & ~1)
        assert (capture.format.width, capture.format.height) == (width & ~1, height & ~1)
    assert sink.errors.empty()


def test_a_window_that_hides_comes_back(x_server: XServer, driver: ScreenCaptures, taken: Any) -> None:
    """Minimised it gives nothing and does not fail; shown again it goes on."""
    window = x_server.window("shy", RED)
    _, sink = taken(driver, named(driver, "shy"))
    sink.until(lambda frame: colour(frame) == RED)
    window.show(shown=False)
    time.sleep(0.2)
    while not sink.pictures.empty():
        sink.pictures.get()
    time.sleep(0.4)
    assert sink.pictures.empty()
    window.show()
    window.paint(GREEN)
    sink.until(lambda frame: colour(frame) == GREEN)
    assert sink.errors.empty()


def test_a_window_that_closes_is_gone(x_server: XServer, driver: ScreenCaptures, taken: Any) -> None:
    """The capture ends in our words, and it can be opened no more."""
    window = x_server.window("mortal", RED)
    device = named(driver, "mortal")
    _, sink = taken(driver, device)
    sink.until(lambda frame: colour(frame) == RED)
    window.close()
    error = sink.errors.get(timeout=10)
    assert isinstance(error, DeviceGone)
    assert "'mortal' was closed" in str(error)
    with pytest.raises(DeviceGone, match="mortal"):
        driver.open(device, VideoFormat())


def test_a_monitor_that_is_pulled_out_is_gone_and_one_that_moves_is_followed(
    x_server: XServer, driver: ScreenCaptures, taken: Any
) -> None:
    """Each monitor is a part of the desktop; its new place or size comes on the same capture."""
    x_server.paint(BLUE)
    x_server.window("left", RED, x=0, y=0, width=400, height=300)
    x_server.window("right", GREEN, x=400, y=0, width=401, height=301)
    x_server.add_monitor("HDMI-9", 0, 0, 400, 300)
    try:
        device = named(driver, "HDMI-9")
        assert (device.id, device.label) == ("screen:x11-HDMI-9", "Screen (HDMI-9)")
        _, sink = taken(driver, device)
        assert colour(sink.until(lambda frame: frame.width == 400)) == RED
        x_server.remove_monitor("HDMI-9")
        assert isinstance(sink.errors.get(timeout=10), DeviceGone)
        x_server.add_monitor("HDMI-9", 400, 0, 401, 301)
        _, sink = taken(driver, named(driver, "HDMI-9"))
        assert colour(sink.until(lambda frame: frame.width == 400)) == GREEN
    finally:
        x_server.remove_monitor("HDMI-9")


def test_another_resolution_goes_on_and_a_monitor_that_is_switched_off_is_gone(taken: Any) -> None:
    """The desktop comes in its new size, on the same capture; the watch reports both."""
    server = xserver.start(801, 600)
    driver = ScreenCaptures(Options(display=server.display))
    changes: queue.Queue[DeviceChange] = queue.Queue()
    unwatch = driver.watch(changes.put)
    try:
        (_, desktop), (_, monitor) = (taken(driver, named(driver, part)) for part in ("x11-desktop", "x11-screen"))
        desktop.until(lambda frame: (frame.width, frame.height) == (800, 600))
        server.resize(640, 401)
        server.paint(GREEN)
        found = desktop.until(lambda frame: (frame.width, frame.height) == (640, 400) and colour(frame) == GREEN)
        assert colour(found, 0, 0) == GREEN
        assert isinstance(monitor.errors.get(timeout=10), DeviceGone)
        heard = {}
        while len(heard) < 2:
            change = changes.get(timeout=10)
            heard[change.device.id] = (change.change, change.device.modes[0].width)
        assert heard == {"screen:x11-screen": ("removed", 800), "screen:x11-desktop": ("changed", 640)}
        assert desktop.errors.empty()
    finally:
        unwatch()
        server.conn.disconnect()
        server.stop()


def test_a_server_that_ends_is_a_screen_that_is_gone(taken: Any) -> None:
    """The capture fails in our words within seconds, and nothing is listed any more."""
    server = xserver.start(640, 480)
    driver = ScreenCaptures(Options(display=server.display))
    try:
        _, sink = taken(driver, named(driver, "desktop"))
        sink.until(lambda frame: True)
    finally:
        server.stop()
    assert isinstance(sink.errors.get(timeout=10), DeviceGone)
    assert driver.devices() == []
    server.conn.disconnect()


def test_a_server_that_is_stopped_is_a_screen_that_is_gone(taken: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its connection would wait for ever: the capture fails in our words, once, and the thread ends when it goes on."""
    monkeypatch.setattr("jackfield_screen.captures._LOOK_S", 0.2)
    server = xserver.start(640, 480)
    driver = ScreenCaptures(Options(display=server.display))
    try:
        capture, sink = taken(driver, named(driver, "desktop"))
        sink.until(lambda frame: True)
        server.process.send_signal(signal.SIGSTOP)
        error = sink.errors.get(timeout=20)
        assert isinstance(error, DeviceGone)
        assert "has not answered for 1 s: its display hangs" in error.message
    finally:
        server.process.send_signal(signal.SIGCONT)
        capture.stop()
        server.conn.disconnect()
        server.stop()
    assert sink.errors.empty()


def test_two_captures_run_side_by_side(x_server: XServer, driver: ScreenCaptures, taken: Any) -> None:
    """Two windows, each in its own pictures."""
    x_server.window("first", RED)
    x_server.window("second", GREEN)
    (_, one), (_, other) = taken(driver, named(driver, "first")), taken(driver, named(driver, "second"))
    assert colour(one.until(lambda frame: True)) == RED
    assert colour(other.until(lambda frame: True)) == GREEN


def test_the_beat_is_kept_and_nothing_spins(
    x_server: XServer, driver: ScreenCaptures, taken: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten pictures a second for one that asks for ten: it looks once for each, and not a beat too early."""
    looks: list[float] = []
    take = Grabber.take

    def counted(grabber: Grabber) -> Any:
        looks.append(time.monotonic())
        return take(grabber)

    monkeypatch.setattr(Grabber, "take", counted)
    capture, sink = taken(driver, named(driver, "desktop"), fps=10.0)
    begun, cpu = time.monotonic(), time.process_time()
    for _ in range(21):
        sink.pictures.get(timeout=5)
    capture.stop()
    seconds = looks[-1] - looks[0]
    print(f"{len(looks)} looks in {seconds:.2f} s, {(time.process_time() - cpu) / (time.monotonic() - begun):.0%} CPU")
    assert capture.format.fps == 10.0
    # Late beats may be caught up with for a tenth of a second, which is one beat more; a spin would be hundreds.
    assert 21 <= len(looks) <= seconds * 10 + 3
    assert len(looks) == 21 + sink.pictures.qsize()


# --- listing
def test_windows_are_told_apart_and_keep_their_ids(x_server: XServer, driver: ScreenCaptures) -> None:
    """By class and title when they were first seen; the same twice gets its number behind it."""
    first = x_server.window("Notes – äöü", RED)
    x_server.window("Same", RED)
    twin = x_server.window("Same", RED)
    x_server.window("tiny", RED, width=8, height=8)
    windows = [device for device in driver.devices() if device.address.startswith("0x")]
    assert [device.id for device in windows] == [
        "screen:window-Painted-Notes-äöü",
        "screen:window-Painted-Same",
        f"screen:window-Painted-Same-{twin.number:x}",
    ]
    first.name("Another title")
    assert driver.devices()[-3].id == "screen:window-Painted-Notes-äöü"
    assert driver.devices()[-3].label == "Another title"
    assert {device.rank for device in windows} == {20}


def test_windows_are_left_out_where_the_options_say_so(x_server: XServer) -> None:
    """Screens alone."""
    x_server.window("one", RED)
    driver = ScreenCaptures(Options(display=x_server.display, windows=False))
    assert [device.id for device in driver.devices()] == ["screen:x11-screen", "screen:x11-desktop"]


def test_a_screen_is_no_microphone(x_server: XServer, driver: ScreenCaptures) -> None:
    """The wrong kind of format is an error in our words."""
    with pytest.raises(DeviceError, match="cannot be opened as"):
        driver.open(named(driver, "desktop"), AudioFormat())


# --- watching
def test_what_comes_and_goes_is_reported(x_server: XServer, driver: ScreenCaptures) -> None:
    """Windows and monitors, a new title, a new size; and nothing once the watch is over."""
    changes: queue.Queue[DeviceChange] = queue.Queue()

    def heard(change: str, part: str) -> Device:
        while True:
            found = changes.get(timeout=10)
            if found.change == change and part in found.device.id:
                return found.device

    unwatch = driver.watch(changes.put)
    try:
        window = x_server.window("seen", RED)
        device = heard("added", "seen")
        assert device in driver.devices()
        window.name("renamed")
        assert heard("changed", "seen").label == "renamed"
        window.change(width=500, height=400)
        assert heard("changed", "seen").modes[0].width == 500
        window.close()
        heard("removed", "seen")
        x_server.add_monitor("DP-7", 0, 0, 640, 480)
        heard("added", "DP-7")
        x_server.remove_monitor("DP-7")
        heard("removed", "DP-7")
    finally:
        unwatch()
    assert not any(thread.name == "screen watch" for thread in threading.enumerate())
    assert changes.empty()


def test_a_server_that_ends_takes_its_screens_with_it() -> None:
    """Each is reported as removed."""
    server = xserver.start(640, 480)
    driver = ScreenCaptures(Options(display=server.display))
    changes: queue.Queue[DeviceChange] = queue.Queue()
    unwatch = driver.watch(changes.put)
    try:
        server.stop()
        gone = {changes.get(timeout=10).device.id for _ in range(2)}
        assert gone == {"screen:x11-screen", "screen:x11-desktop"}
    finally:
        unwatch()
        server.conn.disconnect()


def test_listing_loads_no_media_library(x_server: XServer) -> None:
    """Neither PyAV nor numpy is needed to say what there is."""
    import subprocess

    code = (
        "import sys; from jackfield_screen.driver import ScreenCaptures; from jackfield_screen.options import Options;"
        f"found = ScreenCaptures(Options(display={x_server.display!r})).devices();"
        "print(len(found), sorted({'av', 'numpy'} & set(sys.modules)))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said == "2 []\n"
