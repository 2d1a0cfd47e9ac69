"""Cameras on the network, against a real RTSP server: media, log-in, failures, return; nothing hangs or is left."""

from __future__ import annotations

import json
import logging
import os
import queue
import socket
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from jackfield_rtsp.driver import RtspDriver
from jackfield_rtsp.options import Camera, Options
from jackfield_rtsp.plugin import plugin
from jackfield_rtsp.reader import CameraReader
from jackfield_rtsp.records import ERROR, HEADER, KINDS, PACKET, Garbled, Records, record
from jackfield_synthetic.barcode import read_counter
from jackfield_synthetic.tones import hear

from jackfield.media import h264
from jackfield.media.program.reader import Refused, Unreadable
from jackfield.plugins import Config
from jackfield.plugins.loader import load
from jackfield.roles import Diagnoses, ForcesKeyframe, SetsBitrate
from jackfield.testing.fakes import FakeSink
from jackfield.values.errors import CallError, DeviceDenied, DeviceError, DeviceGone
from jackfield.values.formats import AudioFormat, VideoFormat
from jackfield.values.media import EncodedFrame, VideoFrame
from tests.lab.needs import require

from .cameras import FPS, Cable, answering, film, saying, serving

PASSED_ON, RAW = VideoFormat(320, 180, 15.0, codec="H264"), VideoFormat(320, 180, 15.0)
SECRET = "p@ss: w/rd?"


@pytest.fixture(scope="module")
def films(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("films")
    made = {
        codec: film(folder / f"{codec}.mkv", codec, 60 if codec == "h264" else 20)
        for codec in ("h264", "hevc", "mjpeg")
    }
    made["sound"] = film(folder / "sound.mkv", "h264", 20, sound=True)
    made["high422"] = film(folder / "high422.mkv", "h264", 20, profile="high422")
    return made


@pytest.fixture(scope="module")
def port(films) -> int:
    """Every stream, behind a digest log-in."""
    require("rtsp-server")
    streams = [f"{name}:{'h264' if name == 'high422' else name}:{path}" for name, path in films.items()]
    with serving(*streams, user="ada", password=SECRET) as found:
        yield found


def camera(port: int, path: str = "h264", **keys) -> Camera:
    return Camera(url=f"rtsp://127.0.0.1:{port}/{path}", **({"user": "ada", "password": SECRET} | keys))


def driver_of(camera: Camera) -> RtspDriver:
    return RtspDriver(Options(cameras={"door": camera}))


@pytest.fixture
def opened():
    """Opens a driver's first device, starts it, and stops it at the end."""
    running = []

    def open_it(driver, format=PASSED_ON, device=0):
        capture = driver.open(driver.devices()[device], format)
        running.append(capture)
        sink = FakeSink()
        capture.start(sink)
        return capture, sink

    yield open_it
    for capture in running:
        capture.stop()


def children() -> set[int]:
    """Processes of ours that run the client."""
    found = set()
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and b"jackfield_rtsp.client" in (entry / "cmdline").read_bytes():
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                found |= {int(entry.name)} if parent == os.getpid() else set()
        except OSError:
            continue
    return found


# --- listing and configuration
def test_a_camera_is_listed_without_its_password_and_nothing_is_sent():
    """By its name; its microphone where that is wanted; the address has neither name nor password."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        nobody = listener.getsockname()[1]
        url = f"rtsp://bob:{'hidden'}@127.0.0.1:{nobody}/live?token=hidden"
        driver = driver_of(Camera(url=url, sound=True, label="Door", facing="rear", width=1920, height=1080, fps=25))
        began = time.monotonic()
        door, sound = driver.devices()
        print(f"listed in {(time.monotonic() - began) * 1000:.1f} ms")
        listener.settimeout(0.1)
        with pytest.raises(TimeoutError):
            listener.accept()
    assert (door.id, door.kind, door.label, door.facing, door.rank) == ("rtsp:door", "camera", "Door", "rear", 45)
    assert door.address == f"rtsp://127.0.0.1:{nobody}/live"
    assert door.modes == (VideoFormat(1920, 1080, 25.0, codec="H264"),)
    assert (sound.id, sound.kind) == ("rtsp:door-sound", "microphone")
    assert "hidden" not in repr((door, sound, driver._cameras))


def test_windows_is_told_that_it_cannot_and_nothing_is_started(monkeypatch):
    """Listed, opened and by the doctor: pipes cannot be waited for there."""
    monkeypatch.setattr("jackfield_rtsp.driver.sys.platform", "win32")
    driver = RtspDriver(Options(cameras={"door": Camera(url="rtsp://127.0.0.1:9/live")}))
    (device,) = driver.devices()
    assert (device.state, device.note) == (
        "unusable",
        "IP cameras are read on Linux and macOS, and not on Windows",
    )
    with pytest.raises(DeviceError, match="not on Windows; name another camera"):
        driver.open(device, PASSED_ON)
    (finding,) = driver.diagnose()
    assert (finding.key, finding.fix) == ("rtsp:door", "name another camera")


def test_names_and_passwords_reach_the_camera_as_they_are():
    """Whatever they hold; those of their own keys come before those of the URL."""
    made = Camera(url="rtsp://bob:x@cam/a?b=c", user="a@b", password=SECRET)
    assert made.secret_url == "rtsp://a%40b:p%40ss%3A%20w%2Frd%3F@cam/a?b=c"
    assert Camera(url="rtsp://bob:x%40@cam:8554/a").secret_url == "rtsp://bob:x%40@cam:8554/a"
    assert (made.host, made.port, Camera(url="rtsps://cam/").port) == ("cam", 554, 322)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"url": "http://hidden@cam/"}, "has to begin with rtsp://"),
        ({"url": "rtsp://"}, "has to begin with rtsp://"),
        ({"url": "rtsp://cam:hidden/"}, "a port is a number"),
        ({"url": "rtsp://cam/", "password": "hidden"}, "needs a user"),
        ({"url": "rtsp://cam/", "user": "a", "password": 4711}, "allowed is text"),
        ({"url": "rtsp://cam/", "transport": "http"}, "one of tcp, udp"),
        ({}, "is missing"),
    ],
)
def test_a_wrong_table_is_a_finding_without_secrets(table, said):
    """It says what to write, and shows neither URL nor password."""
    plugins = load(Config(tables={"rtsp": {"door": table, "rear": {"url": "rtsp://cam/"}}}), only={"rtsp"})
    (offers,) = (loaded.offers["register_captures"] for loaded in plugins.loaded)
    assert [device.id for device in offers[0].devices()] == ["rtsp:rear"], "the other cameras go on"
    findings = "; ".join(map(str, plugins.findings))
    assert said in findings
    assert "hidden" not in findings
    assert "4711" not in findings


def test_a_password_comes_from_the_environment():
    """It need not stand in the file."""
    tables, environment = (
        {"rtsp": {"front-door": {"url": "rtsp://cam/", "user": "a"}}},
        {"JACKFIELD_RTSP_FRONT_DOOR_PASSWORD": "x"},
    )
    (loaded,) = load(Config(tables=tables, environment=environment), only={"rtsp"}).loaded
    assert loaded.options.cameras["front-door"].password == "x"


# --- media
@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_h264_is_passed_on(port, opened, transport):
    """After a digest log-in: access units whose keyframes have the parameter sets, which came in the SDP alone."""
    capture, sink = opened(driver_of(camera(port, transport=transport)))
    frames = sink.wait(FPS * 2 + 5, 15)
    assert len(frames) >= FPS * 2 + 5
    assert (str(capture.format), capture.format.codec) == ("320x180@15 H264", "H264")
    assert all(isinstance(frame, EncodedFrame) for frame in frames)
    assert frames[0].keyframe or any(frame.keyframe for frame in frames[: FPS + 1])
    for frame in frames:
        if frame.keyframe:
            assert {h264.SPS, h264.PPS, h264.IDR} <= set(h264.nal_types(frame.data))
    assert not isinstance(capture, ForcesKeyframe | SetsBitrate)


@pytest.mark.parametrize("path", ["h264", "hevc", "mjpeg", "high422"])
def test_pictures_are_recognised_whatever_the_camera_encodes(port, opened, path):
    """Decoded here, they are the card's, in order; what browsers lack is decoded though H.264 was asked for."""
    wish = PASSED_ON if path == "high422" else RAW
    capture, sink = opened(driver_of(camera(port, path, codec="other")), wish)
    frames = sink.wait(12, 15)
    assert all(isinstance(frame, VideoFrame) for frame in frames)
    height = 184 if path == "mjpeg" else 180  # RFC 2435 sends sizes in blocks of eight
    assert (capture.format.width, capture.format.height, capture.format.codec) == (320, height, None)
    counters = [reading.counter for frame in frames if (reading := read_counter(frame))]
    assert len(counters) >= 10 or path == "mjpeg"  # four more rows move the barcode
    assert counters == sorted(set(counters))


def test_its_microphone_is_heard(port, opened):
    """Mu-law at 8 kHz, brought to the rate that was asked for."""
    capture, sink = opened(driver_of(camera(port, "sound", sound=True)), AudioFormat(), device=1)
    blocks = sink.wait(60, 15)
    assert {block.samples.shape for block in blocks} == {(480, 1)}
    assert capture.format == AudioFormat(48_000, 1)
    heard = [hear(blocks[at : at + 10]) for at in range(10, 60, 10)]
    assert [part.device for part in heard].count("synthetic:tone-low") >= 3


# --- what a camera says when it will not
def opening(made: Camera) -> CallError:
    """The error with which it cannot be opened; no process is left."""
    driver = driver_of(made)
    with pytest.raises(DeviceError) as caught:
        driver.open(driver.devices()[0], PASSED_ON)
    assert children() == set()
    for shown in (str(caught.value), repr(caught.value), json.dumps(caught.value.details)):
        assert "hidden" not in shown
        assert SECRET not in shown
    return caught.value


@pytest.mark.parametrize(
    "keys", [{"password": "hidden"}, {"user": "eve", "password": "hidden"}, {"user": "", "password": ""}]
)
def test_a_wrong_password_is_denied(port, caplog, keys):
    """`DeviceDenied`, in our words, with what to correct; the password is nowhere in them."""
    caplog.set_level(logging.DEBUG)
    error = opening(camera(port, **keys))
    assert isinstance(error, DeviceDenied)
    assert "door (rtsp:door) cannot be used: it refuses the name and password" in error.message
    assert error.message.endswith("[rtsp.door]")
    assert "hidden" not in caplog.text


def test_a_refused_password_is_not_tried_again_and_again(port):
    """The listing says that it was denied, and why; nobody is locked out."""
    driver, changes = driver_of(camera(port, password="hidden")), queue.Queue()
    driver._comeback._after_s = 0.1
    unwatch = driver.watch(changes.put)
    with pytest.raises(DeviceDenied):
        driver.open(driver.devices()[0], PASSED_ON)
    (device,) = driver.devices()
    assert device.state == "denied"
    assert "refuses the name and password" in device.note
    assert changes.get(timeout=1).device.state == "denied"
    time.sleep(0.5)
    assert changes.empty()
    unwatch()


def test_no_such_stream_is_said(port):
    """The server is there, the path is wrong."""
    error = opening(camera(port, "nowhere"))
    assert isinstance(error, DeviceGone)
    assert f"there is a server at 127.0.0.1:{port}, and no such stream on it" in error.message
    assert "correct the path of url" in error.message


def test_nobody_there_is_said():
    """A port that is closed, a name that is nobody's."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed = listener.getsockname()[1]
    error = opening(Camera(url=f"rtsp://bob:hidden@127.0.0.1:{closed}/x"))
    assert f"127.0.0.1:{closed} refuses the connection" in error.message
    error = opening(Camera(url="rtsp://bob:hidden@no-such-host.invalid/x"))
    assert "there is no host of the name no-such-host.invalid" in error.message


def test_a_host_name_that_can_be_none_is_said_and_looked_at_in_vain():
    """Python refuses to ask for such a name; whoever watches waits for it as for any other."""
    driver = driver_of(Camera(url="rtsp://bob:hidden@cam..home/x"))
    (device,) = driver.devices()
    assert not driver._answers(device)
    with pytest.raises(DeviceGone, match=r"there is no host of the name cam\.\.home"):
        driver.open(device, PASSED_ON)


def test_the_client_is_found_where_the_host_looks_for_it(tmp_path, monkeypatch):
    """A host that extends ``sys.path`` itself has IP cameras too: its client is taken from that path."""
    package = tmp_path / "jackfield_rtsp"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "client.py").write_text("import sys; sys.exit('this is the one on the path of the host')")
    monkeypatch.syspath_prepend(str(tmp_path))
    error = opening(Camera(url="rtsp://127.0.0.1:9/x"))
    assert "this is the one on the path of the host" in error.message


def test_what_is_no_camera_is_said():
    """A web server, and one that prints noise."""
    for answer in (
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\0\xff" * 3000,
        b"RTSP/1.0 503 Service Unavailable\r\nCSeq: 1\r\n\r\n",
    ):
        with saying(answer) as port:
            error = opening(Camera(url=f"rtsp://bob:hidden@127.0.0.1:{port}/x", timeout_s=2))
        assert isinstance(error, DeviceGone)
        assert f"127.0.0.1:{port}" in error.message


@pytest.mark.parametrize("first", ["", "401"])
def test_a_redirect_to_another_server_is_refused_and_the_password_stays(first):
    """Before or after the log-in: nobody connects to where it leads, and the message names the place."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        place = f"127.0.0.1:{other.getsockname()[1]}"
        moved = f"RTSP/1.0 302 Moved\r\nCSeq: %d\r\nLocation: rtsp://eve:told@{place}/x\r\n\r\n"
        log_in = 'RTSP/1.0 401 Unauthorized\r\nCSeq: %d\r\nWWW-Authenticate: Basic realm="x"\r\n\r\n'
        with answering(lambda asked: log_in if first and "Authorization" not in asked else moved) as (port, asked):
            error = opening(Camera(url=f"rtsp://127.0.0.1:{port}/x", user="bob", password="hidden", timeout_s=5))
        other.settimeout(0.2)
        with pytest.raises(TimeoutError):
            other.accept()
    assert isinstance(error, DeviceGone)
    assert f"sends us to another server (rtsp://{place})" in error.message
    assert "told" not in error.message
    assert any("Authorization" in each for each in asked) == bool(first)


def test_a_redirect_in_a_circle_is_followed_a_few_times_only():
    """Within the same server; its requests can be counted on the fingers."""
    with answering(lambda _: f"RTSP/1.0 302 Moved\r\nCSeq: %d\r\nLocation: rtsp://127.0.0.1:{port}/x\r\n\r\n") as (
        port,
        asked,
    ):
        error = opening(Camera(url=f"rtsp://127.0.0.1:{port}/x", timeout_s=5))
    assert "in a circle" in error.message
    assert len(asked) <= 8


def test_a_server_that_says_nothing_holds_nobody():
    """It accepts and is silent: an error after the time that was set; and whoever stops waiting is free in a second."""
    with saying(None) as port:
        began = time.monotonic()
        error = opening(Camera(url=f"rtsp://127.0.0.1:{port}/x", timeout_s=1.5))
        assert "does not answer within 1.5 s" in error.message
        assert time.monotonic() - began < 8
        driver = driver_of(Camera(url=f"rtsp://127.0.0.1:{port}/x", timeout_s=60))
        threads, began = threading.active_count(), time.monotonic()
        from jackfield.media.program.capture import ProgramCapture

        waiting = _started(driver)
        assert isinstance(waiting, ProgramCapture)
        time.sleep(1.0)
        assert children()
        began = time.monotonic()
        waiting.stop()
        assert time.monotonic() - began < 1
        assert children() == set()
        assert threading.active_count() == threads


def _started(driver: RtspDriver):
    """A capture that is still connecting."""
    from unittest.mock import patch

    from jackfield.media.program.capture import ProgramCapture

    with patch.object(ProgramCapture, "ready", lambda self: None):
        return driver._connected(driver.devices()[0], driver._cameras["door"], PASSED_ON, lambda error: None)


# --- in the middle of a call
def test_a_camera_that_freezes_is_left_in_a_second_and_found_again(port, opened, caplog):
    """Connected and silent: the log says so, it reconnects, pictures go on; `stop` does not wait for it."""
    cable = Cable(port)
    try:
        capture, sink = opened(driver_of(camera(cable.port, timeout_s=1.5)))
        sink.wait(10, 15)
        cable.freeze()
        time.sleep(0.3)
        count, end = len(sink.media), time.monotonic() + 12
        while "although it is connected" not in caplog.text and time.monotonic() < end:
            time.sleep(0.05)
        assert "no packet came for 1.5 s, although it is connected" in caplog.text
        assert sink.errors == []
        cable.thaw()
        assert len(sink.wait(count + 20, 20)) >= count + 20
        cable.freeze()
        time.sleep(0.2)
        began = time.monotonic()
        capture.stop()
        assert time.monotonic() - began < 1
        assert children() == set()
    finally:
        cable.close()


def test_a_camera_that_disappears_and_returns_is_seen_again(films, opened, caplog):
    """Its server is killed and started again: pictures go on by themselves, and no error is delivered."""
    require("rtsp-server")
    with ExitStack() as stack:
        port = stack.enter_context(serving(f"h264:h264:{films['h264']}"))
        _, sink = opened(driver_of(camera(port, user="", password="")))
        sink.wait(10, 15)
        stack.close()
        time.sleep(1.5)
        count = len(sink.media)
        stack.enter_context(serving(f"h264:h264:{films['h264']}", port=port))
        assert len(sink.wait(count + 20, 25)) >= count + 20
    assert sink.errors == []
    assert "started again" in caplog.text


def test_a_camera_that_stays_away_is_given_up_and_watched_for(films, opened):
    """`DeviceGone` in our words; when its port answers again, whoever watches hears that it is ready."""
    require("rtsp-server")
    with ExitStack() as stack:
        port = stack.enter_context(serving(f"h264:h264:{films['h264']}"))
        driver, changes = driver_of(camera(port, user="", password="", give_up_s=1.0, timeout_s=2.0)), queue.Queue()
        driver._comeback._after_s = 0.3
        unwatch = driver.watch(changes.put)
        _, sink = opened(driver)
        sink.wait(5, 15)
        stack.close()
        change = changes.get(timeout=20)
        assert (change.device.id, change.device.state) == ("rtsp:door", "gone")
        assert [type(error) for error in sink.errors] == [DeviceGone]
        assert f"127.0.0.1:{port} refuses the connection" in sink.errors[0].message
        time.sleep(0.8)
        assert changes.empty()
        stack.enter_context(serving(f"h264:h264:{films['h264']}", port=port))
        assert changes.get(timeout=10).device.state == "ready"
        _, again = opened(driver)
        assert again.wait(5, 15)
        unwatch()


# --- what doctor asks
def test_doctor_hears_what_ails_a_camera(port):
    """A password that is refused is an error, one that cannot be reached a warning, one that works nothing."""
    with saying(None) as silent:
        cameras = {
            "good": camera(port),
            "denied": camera(port, password="hidden"),
            "silent": Camera(url=f"rtsp://127.0.0.1:{silent}/", timeout_s=2),
        }
        driver = RtspDriver(Options(cameras=cameras))
        assert isinstance(driver, Diagnoses)
        found = {finding.key: finding for finding in driver.diagnose()}
    assert set(found) == {"rtsp:denied", "rtsp:silent"}
    assert found["rtsp:denied"].severity == "error"
    assert "refuses the name and password" in found["rtsp:denied"].found
    assert found["rtsp:denied"].fix == "correct user and password in [rtsp.denied]"
    assert found["rtsp:silent"].severity == "warning"
    assert "hidden" not in str(found)
    assert children() == set()


# --- records
def test_records_are_taken_apart_however_they_are_cut():
    """Kinds and contents, in order; what is no record is said."""
    made = [(HEADER, b"{}"), (PACKET, bytes(9000)), (PACKET, b""), (ERROR, b"x")]
    data, records, found = b"".join(record(*each) for each in made), Records(), []
    for at in range(0, len(data), 7):
        found += records.push(data[at : at + 7])
    assert found == made
    for wrong in (b"Traceback", PACKET + b"\xff\xff\xff\xff"):
        with pytest.raises(Garbled):
            Records().push(wrong)


@pytest.mark.parametrize("kind", KINDS)
def test_every_failure_has_words(kind):
    """Each says what was found and what to do, and fills in all of its places."""
    reader = CameraReader("Door (rtsp:door)", "rtsp.door", Camera(url="rtsp://cam/x"), PASSED_ON)
    content = json.dumps({"kind": kind, "said": "404 Not Found"}).encode()
    with pytest.raises(Refused if kind == "denied" else Unreadable) as caught:
        reader.feed(record(ERROR, content), 1)
    assert "{" not in str(caught.value)
    assert ";" in str(caught.value)


def test_a_forgotten_password_is_named():
    """It is mostly left to the environment, and so is where it was forgotten."""
    reader = CameraReader(
        "Door (rtsp:front-door)", "rtsp.front-door", Camera(url="rtsp://cam/x", user="ada"), PASSED_ON
    )
    with pytest.raises(Refused) as caught:
        reader.feed(record(ERROR, json.dumps({"kind": "denied", "said": ""}).encode()), 1)
    assert "no password is set: export JACKFIELD_RTSP_FRONT_DOOR_PASSWORD" in str(caught.value)


def test_a_port_that_cannot_be_is_named():
    """And not the scheme, which is right."""
    with pytest.raises(ValueError, match="a port is a number from 1 to 65535"):
        Camera(url="rtsp://cam:99999/x")


def test_the_plugin_offers_one_driver():
    """For cameras and their microphones."""
    (driver,) = plugin.register_captures(Options())
    assert (driver.name, driver.devices(), driver.diagnose()) == ("rtsp", [], [])
    assert driver.kinds == {"camera", "microphone"}
