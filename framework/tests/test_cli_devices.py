"""``jackfield devices`` and ``doctor``: whole ids at any width, live changes; a driver that fails hides no other."""

from __future__ import annotations

import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from jackfield.cli import main
from jackfield.cli.frame.device_table import in_full, summary
from jackfield.cli.frame.exits import Exit
from jackfield.testing import install
from jackfield.values.formats import VideoFormat

FRONT = "cam:usb-046d_HD_Pro_Webcam_C920_5F3A6D2F-usb-0000:00:14.0-1.2:1.0"
REAR = FRONT.replace("-1.2:", "-1.3:")
NOTE = "/dev/video2 belongs to group video, and ada is not in it: sudo usermod -aG video ada, then log in again"

CAMERAS = f"""
    import threading
    from jackfield import AudioFormat, Device, DeviceChange, VideoFormat, hookimpl

    MODES = tuple(VideoFormat(w, h, fps, "mjpeg") for w, h in ((1920, 1080), (640, 480)) for fps in (30.0, 15.0))
    FRONT = Device("{FRONT}", "camera", "HD Pro Webcam C920", "/dev/video0", "usb-0000:00:14.0-1.2",
                   MODES + (VideoFormat(1920, 1080, 30.0, codec="H264"),), rank=60)
    REAR = Device("{REAR}", "camera", "HD Pro Webcam C920", "/dev/video2", "usb-0000:00:14.0-1.3",
                  state="denied", note="{NOTE}", rank=60)
    SOUND = Device("cam:sound", "microphone", "Webcam", "hw:1,0", modes=(AudioFormat(48_000), AudioFormat(44_100, 2)))

    class Driver:
        name, kinds = "cam", frozenset({{"camera", "microphone"}})
        def devices(self):
            return [SOUND, FRONT, REAR]
        def modes(self, device):
            return (VideoFormat(800, 600, 10.0, "yuyv422"),)
        def watch(self, changed):
            over = threading.Event()
            def run():
                kinds = ("removed", "added")
                while not over.wait(0.3):
                    changed(DeviceChange(kinds[0], FRONT))
                    kinds = kinds[::-1]
            threading.Thread(target=run, daemon=True).start()
            return over.set
        def open(self, device, format): ...

    class Plugin:
        name, api_version = "cam", (1, 0)
        @hookimpl
        def register_captures(self):
            return [Driver()]

    plugin = Plugin()
"""

BROKEN = """
    from jackfield import hookimpl

    class Driver:
        name, kinds = "broken", frozenset({"camera"})
        def devices(self):
            raise OSError(5, "Input/output error")
        def watch(self, changed):
            raise RuntimeError("netlink socket refused")
        def open(self, device, format): ...

    class Plugin:
        name, api_version = "broken", (1, 0)
        @hookimpl
        def register_captures(self):
            return [Driver()]

    plugin = Plugin()
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jackfield_state: Path) -> Path:
    """A working directory where plugins ``cam`` and ``broken`` are installed beside the others."""
    install(tmp_path / "site", "cam", CAMERAS)
    install(tmp_path / "site", "broken", BROKEN)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DISPLAY", raising=False)
    return tmp_path


@pytest.mark.parametrize("columns", [40, 80, 120, 200])
def test_no_id_is_broken_at_any_width(
    columns: int, site: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ids and addresses can be copied; an id that is longer than the terminal is wide has a line of its own."""
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert main(["devices", "camera"]) == Exit.OK
    said = re.sub(r"\x1b\[\d*m", "", capsys.readouterr().out)
    for whole in (FRONT, REAR, "/dev/video0", "usb-0000:00:14.0-1.2", "1920x1080@30", "denied"):
        assert whole in said
    assert " ".join(NOTE.split()) in " ".join(said.split())
    for line in said.splitlines():
        assert len(line) <= columns or FRONT in line or REAR in line


def test_a_wide_terminal_and_a_program_get_a_table(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One row for each device; what ails one stands below."""
    assert main(["devices"]) == Exit.OK
    said = capsys.readouterr()
    (row,) = (line for line in said.out.splitlines() if FRONT in line)
    assert row.split("  ")[0].strip() == "camera"
    assert "1920x1080@30 mjpeg H264" in row
    assert "48000/44100 Hz 1/2 ch" in said.out
    assert f"{REAR}: it is denied: {NOTE}" in said.out.splitlines()


def test_a_driver_that_fails_is_one_line_and_hides_no_other(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On stderr, with what to do; the others are all there, for programs too."""
    assert main(["devices", "--json"]) == Exit.OK
    said = capsys.readouterr()
    assert {FRONT, REAR, "cam:sound"} <= {device["id"] for device in json.loads(said.out)}
    (line,) = (line for line in said.err.splitlines() if "broken" in line)
    assert "could not be listed: OSError: [Errno 5] Input/output error; see `jackfield doctor`" in line
    assert "Traceback" not in said.err


def test_modes_are_shown_in_full_and_asked_for(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Rates of one size share a line; a device whose listing shows none is asked for its modes."""
    assert main(["devices", "camera", "--modes"]) == Exit.OK
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert {"mjpeg 1920x1080@30,15", "mjpeg 640x480@30,15", "H264 1920x1080@30", "yuyv422 800x600@10"} <= set(lines)
    main(["devices", "camera", "--modes", "--json"])
    rear = next(device for device in json.loads(capsys.readouterr().out) if device["id"] == REAR)
    assert [(mode["width"], mode["pixel_format"]) for mode in rear["modes"]] == [(800, "yuyv422")]


def test_modes_of_no_known_size_say_so() -> None:
    """A command or an IP camera is listed before anybody knows how large its pictures are."""
    unknown, rated = VideoFormat(0, 0, 0.0, codec="H264"), VideoFormat(0, 0, 30.0, "yuv420p")
    half = VideoFormat(640, 0, 15.0, codec="H264")
    assert list(in_full([unknown, rated])) == ["H264 its own size", "yuv420p its own size@30"]
    assert [summary([each]) for each in (unknown, rated, half)] == [
        "its own size H264",
        "its own size@30 yuv420p",
        "its own size@15 H264",
    ]


def test_where_nothing_is_attached_it_says_where_to_look(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An empty list ends with its exit code; the doctor names the drivers that looked."""
    (site / "jackfield.toml").write_text('[plugins]\ndisable = ["synthetic", "cam"]\n')
    assert main(["devices", "camera"]) == Exit.DEVICE
    assert "`jackfield doctor` says what is missing" in capsys.readouterr().out
    main(["doctor"])
    said = capsys.readouterr().out
    assert "· camera: none is attached; looked for by " in said
    assert "broken" in next(line for line in said.splitlines() if line.startswith("· camera"))
    assert "→ attach one; `jackfield devices camera --watch` shows it come" in said
    assert "✗ plugin broken: its devices could not be listed" in said


def test_the_doctor_says_what_ails_a_device_and_which_two_fit(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A denied camera with its command; an ambiguous wish with both ids; a wish that nothing fits."""
    (site / "jackfield.toml").write_text('[call]\ncamera = "C920"\nmicrophone = "Blue"\n')
    assert main(["doctor"]) == Exit.FAILED
    said = capsys.readouterr().out
    assert f"· {REAR}: denied\n    → {NOTE}" in said
    assert f"✗ camera: 'C920' matches 2 devices: {FRONT} (HD Pro Webcam C920, /dev/video0); {REAR}" in said
    assert "→ name one of them by its id" in said
    assert "✗ microphone: no microphone matches 'Blue'; there are cam:sound (Webcam)" in said


def test_what_is_well_has_nothing_to_be_fixed(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For programs too: only what is missing, or worth a note, comes with a fix."""
    main(["doctor", "--json"])
    checks = json.loads(capsys.readouterr().out)
    assert {check["fix"] for check in checks if check["state"] == "ok"} == {""}
    assert any(check["fix"] for check in checks)


# --- watching
class Watching:
    """``jackfield devices --watch`` in a process of its own, whose lines can be waited for."""

    def __init__(self, site: Path, *arguments: str) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site / "site"), *sys.path])}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "jackfield", "devices", "--watch", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=site,
            # whoever runs the tests in the background may have it ignored
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        self.lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))

    def until(self, part: str) -> str:
        end = time.monotonic() + 40
        while time.monotonic() < end:
            line = self.lines.get(timeout=40)
            if part in line:
                return line
        pytest.fail(f"{part!r} was not shown")

    def ends(self) -> tuple[int, str]:
        """Its exit code and what it said on stderr."""
        assert self.process.stderr
        assert self.process.stdout
        code = self.process.wait(40)
        said = self.process.stderr.read()
        self._reader.join(5)
        self.process.stderr.close()
        self.process.stdout.close()
        return code, said


def test_changes_are_shown_until_ctrl_c_also_where_one_driver_cannot_be_watched(site: Path) -> None:
    """What is there, what goes and comes; Ctrl-C is the end of it and no failure."""
    watching = Watching(site)
    assert FRONT in watching.until("present  camera")
    assert FRONT in watching.until("removed  camera")
    assert "ready" in watching.until("added    camera")
    watching.process.send_signal(signal.SIGINT)
    code, said = watching.ends()
    assert code == Exit.OK
    assert "plugin broken cannot be watched, so its changes are not shown: RuntimeError: netlink socket refused" in said
    assert "Traceback" not in said


def test_a_reader_that_goes_is_the_end_of_it(site: Path) -> None:
    """As with ``| head``, also where nothing changes any more."""
    reading, writing = os.pipe()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site / "site"), *sys.path])}
    command = [sys.executable, "-m", "jackfield", "devices", "microphone", "--watch"]
    process = subprocess.Popen(command, stdout=writing, stderr=subprocess.PIPE, env=environment, cwd=site)
    os.close(writing)
    os.read(reading, 1)
    os.close(reading)
    _, said = process.communicate(timeout=40)
    assert process.returncode in (Exit.OK, Exit.FAILED)
    assert b"Traceback" not in said
