"""What a test may need of the machine: how to see whether it is there, and the command that brings it."""

from __future__ import annotations

import ctypes.util
import os
import platform
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

from attrs import frozen

ROOT = Path(__file__).resolve().parents[2]
PEERS = ROOT / ".peers" / "bin"
VM = ROOT / ".peers" / "vm"
LIVEKIT = PEERS / "livekit-server"
LIVEKIT_VERSION = "v1.13.5"
IN_CI = os.environ.get("CI", "").lower() in ("1", "true", "yes")


@frozen
class Need:
    """One thing that a test may ask for by name.

    ``lack`` answers with what is missing, or with nothing. ``package`` is Debian's, or several; what has one can always
    be had in CI, so a test that lacks it fails there. ``obtainable`` says the same of what is built rather than
    installed. ``soak``: only tests that run for long ask for it, and CI does without.
    """

    name: str
    lack: Callable[[], str]
    fix: str
    package: str = ""
    obtainable: Callable[[], bool] = lambda: False
    soak: bool = False

    @property
    def is_obtainable(self) -> bool:
        return bool(self.package and not self.soak) or self.obtainable()


def find_chromium() -> str:
    """The path of a Chromium or Chrome on this machine; empty where there is none."""
    return next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), ""
    )


def find_tool(name: str) -> str:
    """The path of a system tool, also where it lies in a folder that only an administrator's PATH has."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin") or ""


def _missing(tool: str) -> Callable[[], str]:
    return lambda: "" if find_tool(tool) else f"{tool} is not installed"


@cache
def _lack_of_namespaces() -> str:
    if not find_tool("ip") or not find_tool("unshare") or not find_tool("nsenter"):
        return "ip, unshare or nsenter is not installed"
    flags = ["-n"] if os.geteuid() == 0 else ["-Urn"]
    done = subprocess.run(
        ["unshare", *flags, "ip", "link", "set", "lo", "up"], capture_output=True, text=True, check=False
    )
    return "" if done.returncode == 0 else f"this machine makes no network namespace: {done.stderr.strip()}"


def _lack_of_bottlenecks() -> str:
    if lack := _lack_of_namespaces():
        return lack
    if not find_tool("tc"):
        return "tc is not installed"
    flags = ["-n"] if os.geteuid() == 0 else ["-Urn"]
    narrow = ["tc", "qdisc", "add", "dev", "lo", "root", "tbf", "rate", "1mbit", "burst", "15k", "latency", "1s"]
    done = subprocess.run(["unshare", *flags, *narrow], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else f"this kernel shapes no traffic: {done.stderr.strip()}"


def _lack_of_tunnels() -> str:
    if lack := _lack_of_namespaces():
        return lack
    return "" if os.access("/dev/net/tun", os.R_OK | os.W_OK) else "/dev/net/tun cannot be opened"


def _lack_of_portaudio() -> str:
    return "" if ctypes.util.find_library("portaudio") else "PortAudio is not installed"


def _lack_of_alsa_plugins() -> str:
    found = any(Path("/usr/lib").glob("*/alsa-lib/libasound_module_pcm_pulse.so"))
    return "" if found else "ALSA has no way to a sound server"


#: What Qt's widgets load, drawn off the screen or on one.
_QT_LIBRARIES = {"EGL": "libegl1", "GL": "libgl1", "xkbcommon": "libxkbcommon0", "fontconfig": "libfontconfig1"}
_QT_LIBRARIES |= {"dbus-1": "libdbus-1-3", "glib-2.0": "libglib2.0-0", "X11": "libx11-6"}
_QT_PACKAGES = " ".join(_QT_LIBRARIES.values())


#: What Qt's way to an X server loads beside (doc.qt.io, "Qt for X11 Requirements").
_XCB_LIBRARIES = {"xcb-cursor": "libxcb-cursor0", "xcb-icccm": "libxcb-icccm4", "xcb-image": "libxcb-image0"}
_XCB_LIBRARIES |= {"xcb-keysyms": "libxcb-keysyms1", "xcb-render-util": "libxcb-render-util0"}
_XCB_LIBRARIES |= {"xcb-xkb": "libxcb-xkb1", "xkbcommon-x11": "libxkbcommon-x11-0", "xcb-shape": "libxcb-shape0"}
_XCB_PACKAGES = " ".join(_XCB_LIBRARIES.values())


@cache
def _lack_of_qt() -> str:
    return _lacking(_QT_LIBRARIES, "Qt's widgets need")


@cache
def _lack_of_xcb() -> str:
    return _lacking(_XCB_LIBRARIES, "Qt's way to an X server needs")


def _lacking(libraries: dict[str, str], needing: str) -> str:
    missing = [name for name in libraries if not ctypes.util.find_library(name)]
    return f"{needing} lib{missing[0]}" if missing else ""


#: The system's own Python: what Debian's packages put their modules into.
SYSTEM_PYTHON = "/usr/bin/python3"
_RTSP_SERVER = """
import gi
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gst, GstRtspServer
Gst.init(None)
wanted = "matroskademux", "rtph264pay", "h264parse", "opusdec"
missing = [name for name in wanted if not Gst.ElementFactory.find(name)]
raise SystemExit(f"GStreamer has no {missing[0]}" if missing else 0)
"""


@cache
def _lack_of_rtsp_server() -> str:
    if not Path(SYSTEM_PYTHON).exists():
        return f"{SYSTEM_PYTHON} is not installed"
    done = subprocess.run([SYSTEM_PYTHON, "-c", _RTSP_SERVER], capture_output=True, text=True, check=False)
    return f"GStreamer's RTSP server: {done.stderr.strip().splitlines()[-1]}" if done.returncode else ""


#: "Go forward ten meters": mono, 16 bits, 16 kHz.
SPEECH = Path("/usr/share/pocketsphinx/test/data/goforward.raw")


def _lack_of_speech() -> str:
    return "" if SPEECH.exists() else "no recording of somebody who speaks is installed"


def _apt(package: str) -> str:
    return f"apt-get install {package}   (or APT=1 make test)"


def _lack_of_kernel() -> str:
    if platform.machine() != "x86_64":
        return f"the lab's kernel is for x86-64, and this machine is {platform.machine()}"
    return "" if (VM / "kernel").exists() else "the lab's kernel is not unpacked"


_GSTREAMER = "gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad"
_RTSP_PACKAGES = f"python3-gi gir1.2-gst-rtsp-server-1.0 {_GSTREAMER}"


def _livekit_fix() -> str:
    return "make test   (builds it once, with Go)" if find_tool("go") else "install Go (go.dev/dl), then make test"


def _tool(name: str, tool: str, package: str) -> Need:
    return Need(name, _missing(tool), _apt(package), package)


NEEDS = {
    need.name: need
    for need in (
        Need("chromium", lambda: "" if find_chromium() else "Chromium is not installed", _apt("chromium"), "chromium"),
        Need("redis-server", _missing("redis-server"), _apt("redis-server"), "redis-server"),
        Need("xvfb", _missing("Xvfb"), _apt("xvfb"), "xvfb"),
        Need("pulseaudio", _missing("pulseaudio"), _apt("pulseaudio"), "pulseaudio"),
        Need("pactl", _missing("pactl"), _apt("pulseaudio-utils"), "pulseaudio-utils"),
        Need("portaudio", _lack_of_portaudio, _apt("libportaudio2"), "libportaudio2"),
        Need("alsa-plugins", _lack_of_alsa_plugins, _apt("libasound2-plugins"), "libasound2-plugins"),
        Need(
            "netns",
            _lack_of_namespaces,
            "run as root, or: sysctl -w kernel.unprivileged_userns_clone=1; tools: apt-get install iproute2 util-linux",
            "iproute2",
        ),
        Need("bottleneck", _lack_of_bottlenecks, "modprobe sch_tbf; tools: apt-get install iproute2"),
        Need("tun", _lack_of_tunnels, "modprobe tun; in a container: --device /dev/net/tun --cap-add NET_ADMIN"),
        Need("qt", _lack_of_qt, _apt(_QT_PACKAGES), _QT_PACKAGES),
        Need("qt-xcb", _lack_of_xcb, _apt(_XCB_PACKAGES), _XCB_PACKAGES),
        Need("speech", _lack_of_speech, _apt("pocketsphinx-testdata"), "pocketsphinx-testdata"),
        Need("ffmpeg", _missing("ffmpeg"), _apt("ffmpeg"), "ffmpeg"),
        Need("gst-launch", _missing("gst-launch-1.0"), _apt(_GSTREAMER), _GSTREAMER),
        Need("rtsp-server", _lack_of_rtsp_server, _apt(_RTSP_PACKAGES), _RTSP_PACKAGES),
        Need("go", _missing("go"), "install Go (go.dev/dl)"),
        Need(
            "livekit-server",
            lambda: "" if LIVEKIT.exists() else f"livekit-server {LIVEKIT_VERSION} is not built",
            _livekit_fix(),
            obtainable=lambda: bool(find_tool("go")),
        ),
        Need("janus", _missing("janus"), _apt("janus"), "janus", soak=True),
        _tool("qemu", "qemu-system-x86_64", "qemu-system-x86"),
        _tool("busybox", "busybox", "busybox-static"),
        _tool("kmod", "modprobe", "kmod"),
        _tool("udevd", "/lib/systemd/systemd-udevd", "udev"),
        _tool("v4l-utils", "v4l2-ctl", "v4l-utils"),
        _tool("alsa-utils", "arecord", "alsa-utils"),
        Need(
            "lab-kernel",
            _lack_of_kernel,
            "make test   (brings it once, with apt-get, where qemu-system-x86 is installed)",
            obtainable=lambda: platform.machine() == "x86_64" and bool(find_tool("apt-get")),
        ),
    )
}

#: What it takes to boot the hardware lab's virtual machine.
VM_NEEDS = ("qemu", "busybox", "kmod", "udevd", "lab-kernel")
