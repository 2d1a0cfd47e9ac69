"""A fake of python-sounddevice, as far as this plugin uses it: `Child` processes import it in the library's place.

One card that records a tone of 1 kHz and plays to nobody, at 48 kHz and two channels. The folder that the environment
names as ``FAKE_PORTAUDIO`` is its cable and its temper: with a file ``frozen`` in it the callbacks stop, as they do on
a device that was pulled out, while ``active`` stays true; with ``refuses`` nothing can be opened; with ``absent``
nothing is listed; with ``missing`` the library cannot be loaded. Its test holds it beside the real library.
"""

from __future__ import annotations

import math
import os
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

HERTZ, LEVEL = 1000, 8000
_RATES = (44_100, 48_000)


class PortAudioError(Exception):
    """What the library raises."""


def _temper(name: str) -> bool:
    folder = os.environ.get("FAKE_PORTAUDIO", "")
    return bool(folder) and Path(folder, name).exists()


if _temper("missing"):
    raise OSError("PortAudio library not found")

default = SimpleNamespace(device=(-1, -1) if _temper("absent") else (0, 0))


def query_hostapis() -> tuple[dict[str, Any], ...]:
    """One host API."""
    return ({"name": "ALSA", "devices": [0], "default_input_device": 0, "default_output_device": 0},)


def query_devices(device: int | None = None) -> Any:
    """The list, or one of it."""
    card = {
        "name": "default",
        "index": 0,
        "hostapi": 0,
        "max_input_channels": 2,
        "max_output_channels": 2,
        "default_low_input_latency": 0.01,
        "default_low_output_latency": 0.01,
        "default_high_input_latency": 0.03,
        "default_high_output_latency": 0.03,
        "default_samplerate": 48_000.0,
    }
    return card if device is not None else [] if _temper("absent") else [card]


def check_input_settings(
    device: Any = None, channels: Any = None, dtype: Any = None, extra_settings: Any = None, samplerate: Any = None
) -> None:
    """Raises where the device does not have that rate."""
    if samplerate not in _RATES:
        raise PortAudioError("Invalid sample rate [PaErrorCode -9997]")


check_output_settings = check_input_settings


class _Stream:
    """A thread that calls back at the pace of the blocks."""

    def __init__(self, call: Callable[[int], None], rate: float, blocksize: int) -> None:
        if _temper("refuses"):
            raise PortAudioError("Device unavailable [PaErrorCode -9985]")
        self.active = False
        self.latency = 0.01
        self._call, self._period_s = call, blocksize / rate
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Callbacks come from now on."""
        self.active = True
        self._thread.start()

    def abort(self, ignore_errors: bool = True) -> None:
        """No callback comes any more."""
        self.active = False
        if self._thread.is_alive():
            self._thread.join()

    def close(self, ignore_errors: bool = True) -> None:
        """The device is free."""
        self.abort()

    def _run(self) -> None:
        number, due = 0, time.monotonic()
        while self.active:
            if not _temper("frozen"):
                self._call(number)
                number += 1
            due += self._period_s
            time.sleep(max(0.0, due - time.monotonic()))


_NO_FLAGS = SimpleNamespace(input_overflow=False, output_underflow=False)


class RawInputStream(_Stream):
    """Records the tone."""

    def __init__(
        self,
        samplerate: Any = None,
        blocksize: Any = None,
        device: Any = None,
        channels: Any = None,
        dtype: Any = None,
        latency: Any = None,
        callback: Any = None,
        clip_off: Any = None,
        dither_off: Any = None,
    ) -> None:
        def call(number: int) -> None:
            turns = (HERTZ * (number * blocksize + n) / samplerate for n in range(blocksize))
            samples = [round(LEVEL * math.sin(2 * math.pi * turn)) for turn in turns for _ in range(channels)]
            now = time.monotonic()
            times = SimpleNamespace(inputBufferAdcTime=now - blocksize / samplerate, currentTime=now)
            callback(struct.pack(f"<{len(samples)}h", *samples), blocksize, times, _NO_FLAGS)

        super().__init__(call, samplerate, blocksize)


class RawOutputStream(_Stream):
    """Plays to nobody."""

    def __init__(
        self,
        samplerate: Any = None,
        blocksize: Any = None,
        device: Any = None,
        channels: Any = None,
        dtype: Any = None,
        latency: Any = None,
        callback: Any = None,
        clip_off: Any = None,
        dither_off: Any = None,
    ) -> None:
        def call(number: int) -> None:
            now = time.monotonic()
            times = SimpleNamespace(outputBufferDacTime=now + 0.01, currentTime=now)
            callback(memoryview(bytearray(blocksize * channels * 2)), blocksize, times, _NO_FLAGS)

        super().__init__(call, samplerate, blocksize)
