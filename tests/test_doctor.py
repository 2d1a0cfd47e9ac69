"""``jackfield doctor``, whole, on machines that lack this or that: what was found, and the command that mends it."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from attrs import frozen

from jackfield.testing import install

LIMIT_S = 50.0

#: Two cameras of one kind, an encoder that says why it does not work, and one that takes its process down.
TWINS = """
    import os
    from attrs import define
    from jackfield import Device, hookimpl

    TWINS = [
        Device(f"twins:usb-046d_C920-usb-0:1.{port}", "camera", "C920", f"/dev/video{port}", f"usb-0:1.{port}", rank=60)
        for port in (1, 2)
    ]

    class Driver:
        name, kinds = "twins", frozenset({"camera"})
        def devices(self):
            return TWINS
        def watch(self, changed):
            return lambda: None
        def open(self, device, format): ...

    @define
    class Encoder:
        name: str
        reason: str = ""
        makes, codec, backend, rank = "encoder", "H264", "card", 90
        def probe(self):
            return self.reason or os.abort()
        def open(self, encoding): ...

    class Plugin:
        name, api_version = "twins", (1, 0)
        @hookimpl
        def register_captures(self):
            return [Driver()]
        @hookimpl
        def register_codecs(self):
            return [Encoder("h264-tired", "no capable device: the driver is older than the card"), Encoder("h264-mad")]

    plugin = Plugin()
"""


@frozen
class Report:
    """What the doctor said, and its exit code."""

    code: int
    lines: tuple[str, ...]

    def of(self, what: str) -> tuple[str, str]:
        """The first line about ``what``, and the line below it where that says what to do."""
        for line, below in zip(self.lines, (*self.lines[1:], ""), strict=True):
            if line[2:].startswith(f"{what}:"):
                return line, below.strip().removeprefix("→ ") if "→" in below else ""
        pytest.fail(f"nothing is said of {what}:\n" + "\n".join(self.lines))


async def report(folder: Path, configuration: str = "", *, within: tuple[str, ...] = (), **variables: str) -> Report:
    """The doctor, in a process of its own with this configuration and these variables."""
    (folder / "jackfield.toml").write_text(configuration)
    gone = ("DISPLAY", "WAYLAND_DISPLAY", "XDG_SESSION_TYPE", "PULSE_SERVER")
    environment = {name: value for name, value in os.environ.items() if name not in gone}
    paths = os.pathsep.join([str(folder / "site"), *(part for part in sys.path if part)])
    environment |= {"PYTHONPATH": paths, "JACKFIELD_STATE_DIR": str(folder / "state"), **variables}
    process = await asyncio.create_subprocess_exec(
        *within, sys.executable, "-m", "jackfield", "doctor", cwd=folder, env=environment,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(LIMIT_S):
        out, err = await process.communicate()
    assert b"Traceback" not in out + err, (out + err).decode()
    print(out.decode())
    return Report(process.returncode or 0, tuple(out.decode().splitlines()))


async def test_nothing_attached_and_a_command_that_is_not_there(tmp_path: Path) -> None:
    """Each kind says who looked for it; the pipe names the command; no display is no failure."""
    wanted = '[plugins]\ndisable = ["synthetic"]\n[pipe.front]\ncommand = "rpicam-vud -t 0 -o -"\nformat = "h264"\n'
    said = await report(tmp_path, wanted)
    assert said.code == 1, "a command that is configured and not there is an error"
    line, fix = said.of("pipe:front")
    assert line.startswith("✗ ")
    assert "rpicam-vud" in line
    assert "[pipe.front] command" in fix
    camera, _ = said.of("camera")
    assert camera.startswith("· ")
    assert "rpicam-vud" in camera, "the camera that is configured is the one that could be taken"
    speaker, fix = said.of("speaker")
    assert speaker.startswith("· speaker: none is attached; looked for by ")
    assert fix == "attach one; `jackfield devices speaker --watch` shows it come"
    line, fix = said.of("screen: display")
    assert line == "· screen: display: there is no display to take: $DISPLAY is not set"
    assert "Xvfb" in fix


async def test_two_of_one_kind_an_encoder_that_fails_and_wayland(tmp_path: Path) -> None:
    """Both ids are named; each encoder keeps its reason, one that crashed too; the screen says why it is not taken."""
    install(tmp_path / "site", "twins", TWINS)
    said = await report(tmp_path, '[call]\ncamera = "C920"\n', WAYLAND_DISPLAY="wayland-0", DISPLAY=":0")
    assert said.code == 1
    line, fix = said.of("camera")
    assert line.startswith("✗ camera: 'C920' matches 2 devices: ")
    assert "twins:usb-046d_C920-usb-0:1.1 (C920, /dev/video1)" in line
    assert "twins:usb-046d_C920-usb-0:1.2 (C920, /dev/video2)" in line
    assert fix == "name one of them by its id"
    assert said.of("H264 encoder")[0].startswith("✓ H264 encoder: h264-x264")
    reasons = [line for line in said.lines if line.startswith("· codecs of twins: ")]
    assert [line for line in reasons if "no capable device: the driver is older than the card (h264-tired)" in line]
    assert [line for line in reasons if "crashed (SIGABRT) (h264-mad)" in line]
    line, fix = said.of("screen:wayland")
    assert line.startswith("· ")
    assert "Wayland" in line
    assert "Xorg" in fix


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="udev is of Linux. To run it: use Linux")
async def test_a_machine_without_libudev(tmp_path: Path) -> None:
    """Said once, with the package that brings it; nobody is sent to whoever wrote the plugin."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "pyudev.py").write_text("def Context():\n    raise ImportError('No library named udev')\n")
    said = await report(tmp_path)
    assert said.code == 1
    about = [line for line in said.lines if "No library named udev" in line and line[0] in "✗·"]
    assert about == ["✗ v4l2: udev: cameras cannot be listed: No library named udev"]
    assert said.of("v4l2: udev")[1].startswith("apt-get install libudev1")
    assert not [line for line in said.lines if "tell who wrote it" in line]


async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A camera that takes no name and no password (RTSP as of RFC 2326, section 10)."""
    with suppress(asyncio.IncompleteReadError, ConnectionError):
        while request := await reader.readuntil(b"\r\n\r\n"):
            number = next(line for line in request.splitlines() if line.lower().startswith(b"cseq"))
            answer = b'RTSP/1.0 401 Unauthorized\r\n%s\r\nWWW-Authenticate: Basic realm="door"\r\n\r\n'
            writer.write(answer % number)
            await writer.drain()
    writer.close()


async def test_an_ip_camera_that_refuses_the_password(tmp_path: Path) -> None:
    """It is asked, and what it says comes with the keys to correct; the password is nowhere."""
    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    wanted = f'[rtsp.door]\nurl = "rtsp://127.0.0.1:{port}/live"\nuser = "viewer"\n'
    async with server:
        said = await report(tmp_path, wanted, JACKFIELD_RTSP_DOOR_PASSWORD="wrong-secret")
    assert said.code == 1
    line, fix = said.of("rtsp:door")
    assert line.startswith("✗ ")
    assert "refuses the name and password" in line
    assert "[rtsp.door]" in fix
    assert "wrong-secret" not in "".join(said.lines)
    camera, _ = said.of("camera")
    assert camera.startswith("· camera: a call begins without: rtsp:door does not open"), "as the call does"


@pytest.mark.needs("netns")
async def test_without_the_library_of_sound(tmp_path: Path) -> None:
    """The loader knows of none: it is named, with its package; a driver that lacks its library hides no other."""
    hidden = 'mount --bind /dev/null /etc/ld.so.cache && exec "$@"'
    flags = ["-m"] if os.geteuid() == 0 else ["-Urm"]
    said = await report(tmp_path, within=("unshare", *flags, "sh", "-c", hidden, "sh"))
    line, fix = said.of("sounddevice: libportaudio")
    assert "PortAudio is not installed" in line
    assert fix == "apt-get install libportaudio2"
    assert said.of("camera")[0].startswith("✓ camera: synthetic:card-front")
    assert said.of("speaker")[0].startswith("✓ speaker: synthetic:speaker")
