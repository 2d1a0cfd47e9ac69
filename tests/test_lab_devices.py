"""The emulated devices of the hardware lab, seen with the kernel's own tools: what other hardware tests stand on."""

from __future__ import annotations

import ctypes
import fcntl
import struct
import subprocess
from pathlib import Path

import pytest

from tests.lab.vm import modules
from tests.lab.vm.camera import FakeCamera, microphone
from tests.lab.vm.fakecam import controls, store
from tests.lab.vm.fakecam.descriptors import ENCODER
from tests.lab.vm.sound_card import UsbSoundCard

pytestmark = pytest.mark.vm


def tool(*command: str, limit_s: float = 120) -> str:
    """What a command says, which must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=limit_s, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.mark.soak
@pytest.mark.needs("v4l-utils")
def test_vivid_gives_raw_pictures_in_many_formats(vivid: str, tmp_path: Path) -> None:
    """v4l2-ctl lists its formats, and takes five pictures of one of them."""
    formats = tool("v4l2-ctl", "-d", vivid, "--list-formats")
    assert all(f"'{each}'" in formats for each in ("YUYV", "UYVY", "NV12", "YU12", "RGB3", "GREY"))
    taken = tmp_path / "pictures"
    wanted = "width=640,height=360,pixelformat=YUYV"
    tool(
        "v4l2-ctl",
        "-d",
        vivid,
        f"--set-fmt-video={wanted}",
        "--stream-mmap",
        "--stream-count=5",
        f"--stream-to={taken}",
    )
    assert taken.stat().st_size == 5 * 640 * 360 * 2


@pytest.mark.soak
@pytest.mark.needs("alsa-utils")
def test_the_loopback_card_records_what_is_played_bit_by_bit(aloop: int, tmp_path: Path) -> None:
    """A second of sound goes in at one end and comes out at the other, unchanged."""
    sound = bytes(range(1, 251)) * 768  # one second of 48 kHz stereo at 16 bit
    (tmp_path / "played").write_bytes(sound * 20)
    form = ("-t", "raw", "-f", "S16_LE", "-r", "48000", "-c", "2")
    with subprocess.Popen(["aplay", "-q", "-D", f"hw:{aloop},0", *form, str(tmp_path / "played")]) as player:
        tool("arecord", "-q", "-D", f"hw:{aloop},1", *form, "-d", "4", str(tmp_path / "heard"))
        player.terminate()
    whole = (tmp_path / "heard").read_bytes().strip(b"\0")
    assert len(whole) > len(sound) // 4
    assert whole in sound * 6


@pytest.mark.soak
@pytest.mark.needs("alsa-utils")
def test_a_usb_sound_card_is_plugged_in_plays_and_is_pulled_out(usb_audio_card: UsbSoundCard) -> None:
    """Twice: aplay plays to it, and udev and ALSA have forgotten it after it was pulled."""
    for _ in range(2):
        card = usb_audio_card.plug()
        assert "QEMU USB Audio" in tool("aplay", "-l")
        assert "ID_BUS=usb" in tool("udevadm", "info", f"/sys/class/sound/card{card}")
        tool("aplay", "-q", "-D", f"plughw:{card}", "-f", "S16_LE", "-r", "48000", "-c", "2", "-d", "1", "/dev/zero")
        usb_audio_card.unplug()
        assert not Path(f"/sys/class/sound/card{card}").exists()


def frames_of(camera: FakeCamera, format: str, size: str, count: int, to: Path) -> bytes:
    """So many pictures in one mode, as v4l2-ctl takes them."""
    width, height = size.split("x")
    wanted = f"width={width},height={height},pixelformat={format}"
    stream = ("--stream-mmap", f"--stream-count={count}", f"--stream-to={to}")
    tool("v4l2-ctl", "-d", camera.video, f"--set-fmt-video={wanted}", "-p", "15", *stream)
    return to.read_bytes()


@pytest.mark.soak
@pytest.mark.needs("v4l-utils")
def test_the_fake_camera_is_a_uvc_camera_to_the_kernel(camera: FakeCamera) -> None:
    """uvcvideo has bound to it: two nodes, three formats in three sizes at two rates, settings, lasting names."""
    listed = tool("v4l2-ctl", "-d", camera.video, "--list-formats-ext")
    assert all(f"'{each}'" in listed for each in ("MJPG", "YUYV", "H264"))
    assert listed.count("640x480") == listed.count("1920x1080") == 3
    assert listed.count("(15.000 fps)") == listed.count("(30.000 fps)") == 9
    known = tool("udevadm", "info", camera.video)
    assert "ID_SERIAL=Fake_Optics_FakeCam_HD_FC0001" in known
    assert ":capture:" in known
    tool("v4l2-ctl", "-d", camera.video, "-c", "brightness=20")
    assert camera.state["controls"]["brightness"] == 20
    settings = tool("v4l2-ctl", "-d", camera.video, "--list-ctrls-menus")
    assert all(name in settings for name in ("contrast", "exposure_time_absolute", "focus_absolute", "zoom_absolute"))


@pytest.mark.soak
@pytest.mark.needs("v4l-utils")
@pytest.mark.parametrize(("format", "begins"), [("MJPG", "ffd8"), ("YUYV", ""), ("H264", "00000001")])
def test_the_fake_camera_sends_the_test_card(camera: FakeCamera, tmp_path: Path, format: str, begins: str) -> None:
    """Five frames in each format come whole through the kernel, and are the ones that were stored."""
    taken = frames_of(camera, format, "640x480", 5, tmp_path / "frames")
    assert taken.startswith(bytes.fromhex(begins))
    stored = {"MJPG": "mjpeg", "YUYV": "yuyv", "H264": "h264"}[format]
    turn = store.load(store.folder() / store.name(0, stored, (640, 480)))
    assert b"".join(turn[:2]) in taken
    modules.wait_for(lambda: camera.streaming is None)


@pytest.mark.soak
@pytest.mark.needs("v4l-utils")
def test_the_fake_camera_sends_larger_pictures(camera: FakeCamera, tmp_path: Path) -> None:
    """1280×720 and 1920×1080 work as well."""
    for size in ((1280, 720), (1920, 1080)):
        taken = frames_of(camera, "MJPG", "{}x{}".format(*size), 2, tmp_path / "frames")
        assert store.load(store.folder() / store.name(0, "mjpeg", size))[0] in taken


@pytest.mark.soak
@pytest.mark.needs("alsa-utils")
def test_the_fake_cameras_microphone_plays_its_tones(camera: FakeCamera, tmp_path: Path) -> None:
    """arecord hears the stored tone, unbroken for a tenth of a second at least."""
    heard = tmp_path / "heard"
    form = (
        "-t",
        "raw",
        "-f",
        "S16_LE",
        "-r",
        "48000",
        "-c",
        "1",
        "-d",
        "2",
        "--buffer-time=2000000",
        "--period-time=100000",
    )
    tool("arecord", "-q", "-D", f"hw:{camera.alsa_card},0", *form, str(heard))
    samples = heard.read_bytes()
    assert samples[9600:19200] in store.tone(0) * 2


def encoder_unit(camera: FakeCamera, selector: int, query: int, data: bytes) -> bytes:
    """One request to the H.264 extension unit through the kernel (UVCIOC_CTRL_QUERY, linux/uvcvideo.h)."""
    buffer = ctypes.create_string_buffer(data, len(data))
    request = struct.pack("BBBxHxxP", ENCODER, selector, query, len(data), ctypes.addressof(buffer))
    with open(camera.video, "rb+", buffering=0) as node:
        fcntl.ioctl(node, 0xC0107521, request)
    return buffer.raw


def test_the_h264_extension_unit_answers_through_the_kernel(camera: FakeCamera) -> None:
    """Its version is 1.0; it takes a bitrate and an IDR request, and refuses a bitrate that is out of range."""
    assert encoder_unit(camera, 0x0A, controls.GET_CUR, bytes(2)) == b"\0\1"
    encoder_unit(camera, 0x09, controls.SET_CUR, struct.pack("<HH", 0, 1))
    assert camera.idr_requests == 1
    encoder_unit(camera, 0x0E, controls.SET_CUR, struct.pack("<HII", 0, 400_000, 300_000))
    assert camera.bitrate_bps == 300_000
    assert struct.unpack("<HII", encoder_unit(camera, 0x0E, controls.GET_CUR, bytes(10)))[2] == 300_000
    with pytest.raises(OSError):
        encoder_unit(camera, 0x0E, controls.SET_CUR, struct.pack("<HII", 0, 1, 1))
    assert camera.bitrate_bps == 300_000


@pytest.mark.soak
@pytest.mark.needs("v4l-utils")
def test_an_idr_is_sent_when_it_is_asked_for_and_a_low_bitrate_makes_frames_small(
    camera: FakeCamera, tmp_path: Path
) -> None:
    """The stream begins with the one IDR of its turn; asked again in the middle, the camera begins a turn anew."""
    to = tmp_path / "frames"
    command = ["v4l2-ctl", "-d", camera.video, "--set-fmt-video=width=640,height=480,pixelformat=H264"]
    with subprocess.Popen([*command, "--stream-mmap", "--stream-count=60", f"--stream-to={to}"]) as taking:
        modules.wait_for(lambda: camera.frames_sent >= 15)
        encoder_unit(camera, 0x09, controls.SET_CUR, struct.pack("<HH", 0, 2))
        modules.wait_for(lambda: camera.frames_sent >= 30)
        encoder_unit(camera, 0x0E, controls.SET_CUR, struct.pack("<HII", 0, 300_000, 300_000))
        assert taking.wait(120) == 0
    taken = to.read_bytes()
    large, small = (
        store.load(store.folder() / store.name(0, "h264", (640, 480), small=small)) for small in (False, True)
    )
    assert taken.count(large[0]) == 2
    assert small[0] in taken
    assert sum(map(len, small)) < sum(map(len, large)) / 2


@pytest.mark.soak
@pytest.mark.needs("v4l-utils")
def test_the_fake_camera_is_unplugged_frozen_and_damaged(camera: FakeCamera, tmp_path: Path) -> None:
    """Each thing that happens to a camera happens to this one, and it works afterwards."""
    at_first = camera.video
    camera.unplug()
    assert not Path(at_first).exists()
    camera.plug()
    assert len(frames_of(camera, "MJPG", "640x480", 3, tmp_path / "again")) > 1000
    camera.freeze()
    taking = ["v4l2-ctl", "-d", camera.video, "--stream-mmap", "--stream-count=3", "--stream-to=/dev/null"]
    with subprocess.Popen(taking, stdout=subprocess.DEVNULL) as frozen:
        modules.wait_for(lambda: camera.streaming)
        sent = camera.frames_sent
        with pytest.raises(subprocess.TimeoutExpired):
            frozen.wait(2)
        assert camera.frames_sent == sent
        camera.thaw()
        assert frozen.wait(120) == 0
    intact = store.load(store.folder() / store.name(0, "mjpeg", (640, 480)))
    for harm in (camera.corrupt, camera.truncate, camera.wrong_size):
        harm(20)  # the first of a stream may be lost on its way
        assert not frames_of(camera, "MJPG", "640x480", 2, tmp_path / "harmed").startswith(intact[0])
        harm(0)
    camera.unplug_while_opening()
    refused = subprocess.run(taking, capture_output=True, text=True, timeout=120, check=False)
    assert "VIDIOC_STREAMON returned -1" in refused.stderr
    modules.wait_for(lambda: not camera.state["plugged"])
    camera.plug()
    assert len(frames_of(camera, "MJPG", "640x480", 3, tmp_path / "again")) > 1000


@pytest.mark.soak
@pytest.mark.needs("v4l-utils")
def test_two_fake_cameras_may_have_one_serial_and_a_microphone_may_come_alone(
    camera: FakeCamera, tmp_path: Path
) -> None:
    """The second is told apart by its port alone and sends another card; the microphone has no pictures."""
    with FakeCamera(port=1, card=1, sound=False) as other, microphone() as alone:
        assert other.video != camera.video
        serials = [tool("udevadm", "info", "-q", "property", each.video) for each in (camera, other)]
        assert all("ID_SERIAL_SHORT=FC0001" in each for each in serials)
        second = store.load(store.folder() / store.name(1, "mjpeg", (640, 480)))
        assert second[0] in frames_of(other, "MJPG", "640x480", 3, tmp_path / "frames")
        assert alone.alsa_card != camera.alsa_card
        assert "FakeMic" in tool("arecord", "-l")
