"""The emulated devices of the hardware lab, seen with the kernel's own tools: what other hardware tests stand on."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.lab.vm.sound_card import UsbSoundCard

pytestmark = pytest.mark.vm


def tool(*command: str, limit_s: float = 120) -> str:
    """What a command says, which must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=limit_s, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


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
