"""The fake USB camera as a test sees it: plugged in, pulled, frozen, damaged, and asked what it has seen."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.lab.machine import ROOT
from tests.lab.vm.fakecam.store import FORMATS
from tests.lab.vm.modules import load, settle, wait_for

_AT_PORT = re.compile(r"/vhci_hcd\.0/usb\d+/\d+-(\d+)/")
_DRIVERS = ("vhci-hcd", "uvcvideo", "snd-usb-audio")


class FakeCamera:
    """A USB webcam with MJPEG, YUYV and H.264 in three sizes at 30 and 15 fps, and a microphone; plugged in on entry.

    ``card`` says which of the synthetic adapter's test cards and tones it sends. A second camera takes another ``port``
    (0 to 7) and may have the same serial; ``formats`` leaves some out. Commands have been carried out when they
    return; `plug` returns once udev has settled.
    """

    def __init__(
        self,
        serial: str = "FC0001",
        port: int = 0,
        *,
        card: int = 0,
        pictures: bool = True,
        sound: bool = True,
        formats: Sequence[str] = FORMATS,
    ) -> None:
        self.serial, self.port = serial, port
        self._pictures, self._sound = pictures, sound
        self._identity: dict[str, Any] = {
            "formats": list(formats),
            "serial": serial,
            "port": port,
            "card": card,
            "pictures": pictures,
            "sound": sound,
        }
        if not pictures:
            self._identity["product"] = "FakeMic"
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> FakeCamera:
        for driver in _DRIVERS:
            load(driver)
        pipe = subprocess.PIPE
        command = [sys.executable, "-m", "tests.lab.vm.fakecam", json.dumps(self._identity)]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True)
        self.plug()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._running():  # closes its pipes, at whose end it ends
            self.unplug()

    # --- what a hand does ---------------------------------------------------------------------------------------------
    def plug(self, *, wait: bool = True) -> None:
        """It is plugged in; with ``wait``, its devices are there and udev has settled."""
        self._do("plug")
        if wait:
            wait_for(self.ready)
            settle()

    def unplug(self, *, wait: bool = True) -> None:
        """It is pulled out; with ``wait``, its devices are gone and udev has settled."""
        self._do("unplug")
        if wait:
            wait_for(lambda: not self._nodes("video4linux") and not self._nodes("sound"))
            settle()

    def unplug_while_opening(self, at: str = "commit") -> None:
        """It is pulled when it is next opened: at the ``probe`` of a format, or at its ``commit`` (as it starts)."""
        self._do("behave", pull_at=at)

    def freeze(self, *, pictures: bool = True, sound: bool = True) -> None:
        """It stays plugged in and sends nothing more."""
        self._do("behave", frozen=pictures, silent=sound)

    def thaw(self) -> None:
        """It sends again."""
        self._do("behave", frozen=False, silent=False)

    def corrupt(self, frames: int) -> None:
        """The middle third of its next frames is noise."""
        self._do("behave", corrupt=frames)

    def truncate(self, frames: int) -> None:
        """Its next frames end in the middle."""
        self._do("behave", truncate=frames)

    def wrong_size(self, frames: int) -> None:
        """Its next frames are of another size than was agreed (MJPEG and H.264; raw ones are then cut or overlong)."""
        self._do("behave", wrong_size=frames)

    def fps(self, rate: float) -> None:
        """It sends at this rate whatever was agreed; 0 is the rate agreed."""
        self._do("behave", fps=rate)

    # --- what it has seen ---------------------------------------------------------------------------------------------
    @property
    def state(self) -> dict[str, Any]:
        """Everything it knows of itself: counters, ``streaming`` (format, width, height, fps), ``controls``."""
        return self._do("state")

    @property
    def frames_sent(self) -> int:
        return int(self.state["frames_sent"])

    @property
    def streaming(self) -> list[Any] | None:
        """Format, width, height and rate while somebody watches."""
        found: list[Any] | None = self.state["streaming"]
        return found

    @property
    def idr_requests(self) -> int:
        """How often its encoder was asked for an IDR since it was plugged in."""
        return int(self.state["idr_requests"])

    @property
    def bitrate_bps(self) -> int:
        """What its encoder was told to aim at."""
        return int(self.state["bitrate_bps"])

    # --- where it is --------------------------------------------------------------------------------------------------
    @property
    def video(self) -> str:
        """The path of the node that gives pictures."""
        (node,) = [node for node in self._nodes("video4linux") if (node / "index").read_text().strip() == "0"]
        return f"/dev/{node.name}"

    @property
    def alsa_card(self) -> int:
        """The number of its sound card."""
        (number,) = self._numbers()
        return number

    def ready(self) -> bool:
        """Whether every node that it will have is there."""
        return (not self._pictures or len(self._nodes("video4linux")) >= 2) and (
            not self._sound or bool(self._numbers())
        )

    def _numbers(self) -> list[int]:
        names = [node.name for node in self._nodes("sound")]
        return [int(name.removeprefix("controlC")) for name in names if name.startswith("controlC")]

    def _nodes(self, subsystem: str) -> list[Path]:
        nodes = Path("/sys/class", subsystem).iterdir() if Path("/sys/class", subsystem).exists() else ()
        return [node for node in nodes if self._is_mine(node)]

    def _is_mine(self, node: Path) -> bool:
        try:
            at = _AT_PORT.search(str(node.resolve()))
        except OSError:
            return False  # it went while it was looked at
        return at is not None and int(at[1]) == self.port + 1

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            raise RuntimeError("the fake camera is a context manager: enter it first")
        return self._process

    def _do(self, what: str, **changes: Any) -> dict[str, Any]:
        process = self._running()
        print(json.dumps({"do": what} | changes), file=process.stdin, flush=True)
        answer = process.stdout.readline() if process.stdout else ""
        if not answer:
            raise RuntimeError(f"the fake camera's process has ended with {process.wait(10)}")
        state: dict[str, Any] = json.loads(answer)
        return state


def microphone(serial: str = "FM0001", port: int = 4, *, card: int = 1) -> FakeCamera:
    """A USB microphone alone, not yet plugged in: it can be pulled while the camera stays."""
    return FakeCamera(serial, port, card=card, pictures=False)
