"""The made-up cameras, microphones and screen: what there is, what it is to open one, and pulling its plug."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import evolve

from jackfield.roles import Capture, Unwatch, Verifier
from jackfield.values.devices import Device, DeviceChange, DeviceKind
from jackfield.values.errors import DeviceBusy, DeviceDenied, DeviceGone
from jackfield.values.formats import AudioFormat, MediaFormat, VideoFormat
from jackfield_synthetic.options import Options
from jackfield_synthetic.plugs import Plugs

if TYPE_CHECKING:
    from jackfield_synthetic.captures import TickedCapture

SIZES = ((1280, 720), (1920, 1080), (640, 360), (320, 180))
_PICTURES = tuple(VideoFormat(width, height, 30.0, "yuv420p") for width, height in SIZES)
_SOUND = (AudioFormat(48_000, 1), AudioFormat(48_000, 2), AudioFormat(16_000, 1))

#: Their order gives each its number, which its pictures and tones carry.
CARDS = (
    Device("synthetic:card-front", "camera", "Test card, front", modes=_PICTURES, rank=5, facing="front"),
    Device("synthetic:card-rear", "camera", "Test card, rear", modes=_PICTURES, rank=4, facing="rear"),
    Device("synthetic:card-screen", "screen", "Test card, as a screen", modes=_PICTURES, rank=3),
    Device("synthetic:gone", "camera", "Test card with a loose plug", modes=_PICTURES, rank=1),
)
TONES = (
    Device("synthetic:tone-low", "microphone", "Tones, low", modes=_SOUND, rank=5, facing="front", clean=True),
    Device("synthetic:tone-high", "microphone", "Tones, high", modes=_SOUND, rank=4, facing="rear", clean=True),
)
_FAILING = (
    Device("synthetic:busy", "camera", "A camera that another program holds", modes=_PICTURES, rank=1),
    Device("synthetic:denied", "camera", "A camera that is not yours to open", modes=_PICTURES, rank=1),
)
GONE = "synthetic:gone"


class SyntheticCaptures:
    """The driver. ``unplug`` and ``plug`` do to any device what a hand does to a cable."""

    name = "synthetic"
    kinds: frozenset[DeviceKind] = frozenset({"camera", "microphone", "screen"})

    def __init__(self, options: Options, *, clock_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._options = options
        self._clock_ns = clock_ns
        self._plugs = Plugs()
        self._lock = threading.Lock()
        self._running: list[TickedCapture] = []

    def devices(self) -> Sequence[Device]:
        """What is plugged in."""
        return [device for device in self._all() if self._plugs.is_in(device.id)]

    def watch(self, changed: Callable[[DeviceChange], None]) -> Unwatch:
        """Reports what ``unplug`` and ``plug`` do."""
        return self._plugs.watch(changed)

    def open(self, device: Device, format: MediaFormat) -> Capture:
        """A camera in any size and rate, a microphone at any rate; a file as it is."""
        if device.id == "synthetic:busy":
            raise DeviceBusy(f"{device.label} ({device.id}) is in use by another program: close that, and try again")
        if device.id == "synthetic:denied":
            raise DeviceDenied(f"{device.label} ({device.id}) may not be opened by this user: allow it, and try again")
        if device.id not in {known.id for known in self.devices()}:
            raise DeviceGone(f"{device.id} is not plugged in")
        from jackfield_synthetic.captures import open_capture

        capture = open_capture(device, format, self._options, self._clock_ns)
        if device.id == GONE:
            capture.after(self._options.gone_after_s, lambda: self._lose(device))
        with self._lock:
            self._running = [other for other in self._running if not other.stopped] + [capture]
        return capture

    def verifier(self) -> Verifier:
        """Recognises the test cards and tones of this plugin."""
        from jackfield_synthetic.verifier import SyntheticVerifier

        return SyntheticVerifier(clock_ns=self._clock_ns)

    def unplug(self, device_id: str) -> None:
        """The device is gone: captures of it fail with ``DeviceGone``, and watchers hear of it."""
        device = self._known(device_id)

        def lose() -> None:
            with self._lock:
                lost = [capture for capture in self._running if capture.device.id == device_id]
            for capture in lost:
                capture.lose(DeviceGone(f"{device.label} ({device_id}) was unplugged"))

        self._plugs.pull(device, lose)

    def plug(self, device_id: str) -> None:
        """The device is back."""
        self._plugs.push(self._known(device_id))

    def _lose(self, device: Device) -> None:
        self.unplug(device.id)
        back = threading.Timer(self._options.gone_for_s, self.plug, (device.id,))
        back.daemon = True
        back.start()

    def _known(self, device_id: str) -> Device:
        return next(known for known in self._all() if known.id == device_id)

    def _all(self) -> Sequence[Device]:
        failing = [device for device in (*CARDS, *_FAILING) if device.rank == 1] if self._options.errors else []
        return [*(card for card in CARDS if card.id != GONE), *TONES, *failing, *self._files()]

    def _files(self) -> Sequence[Device]:
        if not self._options.file:
            return ()
        path = Path(self._options.file).expanduser()
        found = path.is_file()
        state, note = ("ready", "") if found else ("unusable", f"there is no file {path}")
        picture = Device("synthetic:file", "camera", path.name, str(path), state=state, note=note, rank=8)  # type: ignore[arg-type]
        return picture, evolve(picture, id="synthetic:file-sound", kind="microphone", clean=True)
