"""A USB sound card that QEMU plugs into the VM and pulls out of it, asked for from inside."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.lab.vm.modules import load, settle, wait_for
from tests.lab.vm.qemu import PLAYED

_PORT = Path("/dev/virtio-ports/qmp")
_PLAYED = Path("/vm", PLAYED)
_WAV_HEADER_BYTES, _FRAME_BYTES = 44, 4
#: Left to choose, QEMU takes another each time.
_AT_PORT = "1"
_numbers = itertools.count()


class QemuError(RuntimeError):
    """QEMU refused what it was asked."""


def ask(command: str, **arguments: Any) -> Any:
    """One QMP command to the QEMU that this VM runs in, and its answer."""
    with _PORT.open("r+b", buffering=0) as port:
        _exchange(port, "qmp_capabilities", {}, tolerant=True)  # the first time only; later it is refused
        return _exchange(port, command, arguments)


def _exchange(port: Any, command: str, arguments: dict[str, Any], *, tolerant: bool = False) -> Any:
    number = next(_numbers)
    port.write(json.dumps({"execute": command, "arguments": arguments, "id": number}).encode() + b"\n")
    pending = b""
    while True:
        pending += port.read(65536)
        *lines, pending = pending.split(b"\n")
        for answer in map(json.loads, filter(None, map(bytes.strip, lines))):
            if answer.get("id") != number:
                continue  # the greeting, or an event
            if "error" in answer and not tolerant:
                raise QemuError(f"{command} {arguments}: {answer['error']['desc']}")
            return answer.get("return")


class UsbSoundCard:
    """A stereo loudspeaker on USB (QEMU's ``usb-audio``, vendor 46f4). It plays into a file, in real time."""

    def __init__(self, name: str = "speaker") -> None:
        self.name = name
        self.plugged = False

    def plug(self) -> int:
        """It is plugged in and ready; answers with its ALSA card number."""
        load("xhci-pci")
        load("snd-usb-audio")
        before = _cards()
        ask("device_add", driver="usb-audio", id=self.name, audiodev="played", bus="xhci.0", port=_AT_PORT)
        self.plugged = True
        (card,) = wait_for(lambda: _cards() - before)
        settle()
        return card

    def unplug(self) -> None:
        """It is pulled out, whatever it plays."""
        if self.plugged:
            before = _cards()
            ask("device_del", id=self.name)
            self.plugged = False
            wait_for(lambda: before - _cards())
            settle()

    def played(self, since: int = 0) -> NDArray[np.int16]:
        """What it has played since it was plugged in, from the sample ``since`` on: 48 kHz, two channels."""
        with _PLAYED.open("rb") as file:
            file.seek(_WAV_HEADER_BYTES + since * _FRAME_BYTES)
            sound = file.read()
        return np.frombuffer(sound[: len(sound) // _FRAME_BYTES * _FRAME_BYTES], np.int16).reshape(-1, 2)


def _cards() -> set[int]:
    """The numbers of the sound cards that udev has finished with."""
    found = Path("/sys/class/sound").glob("controlC*")
    return {int(path.name.removeprefix("controlC")) for path in found}
