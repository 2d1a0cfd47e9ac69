"""The device as a process: takes one command a line (JSON) and answers each with its state."""

from __future__ import annotations

import json
import sys
from typing import Any

from tests.lab.vm.fakecam.device import Device
from tests.lab.vm.fakecam.state import Behaviour, Identity
from tests.lab.vm.fakecam.store import Pictures, tone


class Process:
    """The one device of this process, plugged in or not."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._behaviour = Behaviour()
        self._pictures, self._tone = Pictures(identity.card), tone(identity.card)
        self._device: Device | None = None
        self._before: dict[str, Any] = {}

    def do(self, command: dict[str, Any]) -> dict[str, Any]:
        """Carries out one command: ``plug``, ``unplug``, ``behave`` with what is to change, or just ``state``."""
        what = command.pop("do")
        if what == "plug" and (self._device is None or self._device.gone):
            self._unplug()
            self._device = Device(self._identity, self._behaviour, self._pictures, self._tone)
            self._device.plug()
        elif what == "unplug":
            self._unplug()
        elif what == "behave":
            for name, value in command.items():
                setattr(self._behaviour, name, value)
        return self.state()

    def state(self) -> dict[str, Any]:
        """What it has done and seen since the process began; its encoder's part since it was last plugged in."""
        counted = ("frames_sent", "bytes_sent", "streams_opened", "frozen", "corrupt", "truncate", "wrong_size")
        counters = {name: getattr(self._behaviour, name) for name in counted}
        return counters | self._seen() | {"plugged": self._device is not None and not self._device.gone}

    def _seen(self) -> dict[str, Any]:
        if self._device is not None:
            streaming, encoder = self._device.streaming, self._device.units.encoder
            self._before = {
                "streaming": streaming and [streaming.format, *streaming.size, streaming.fps],
                "idr_requests": encoder.idr_requests,
                "bitrate_bps": encoder.bitrate_bps,
                "bitrates_bps": encoder.bitrates_bps,
                "controls": self._device.units.values,
            }
        return self._before

    def _unplug(self) -> None:
        if self._device is not None:
            self._seen()
            self._device.close()
            self._device = None
            self._before["streaming"] = None


def main() -> None:
    process = Process(Identity(**json.loads(sys.argv[1])))
    for line in sys.stdin:
        print(json.dumps(process.do(json.loads(line))), flush=True)
    process.do({"do": "unplug"})


if __name__ == "__main__":
    main()
