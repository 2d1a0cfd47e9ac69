"""The cameras of the configuration: listed as they are configured, reached when they are opened."""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from attrs import evolve

from jackfield import own_python
from jackfield.media.program.comeback import Comeback
from jackfield.roles import Capture, Unwatch
from jackfield.values.devices import Device, DeviceChange, DeviceKind
from jackfield.values.errors import CallError, DeviceDenied, DeviceError, DeviceGone
from jackfield.values.findings import Finding
from jackfield.values.formats import AudioFormat, MediaFormat, VideoFormat
from jackfield_rtsp.options import Camera, Options

if TYPE_CHECKING:
    from jackfield.media.program.capture import ProgramCapture

SOUND = "-sound"
#: A look whether somebody listens at a camera's port.
_LOOK_S = 2.0
#: `open` must answer within the ten seconds that the framework gives it.
_FIRST_S = 8.0
#: What its client prints cannot be waited for on Windows: `selectors` takes sockets alone there.
_NOT_HERE = "IP cameras are read on Linux and macOS, and not on Windows"
#: The doctor waits so long for all of them: the first answer, and a busy machine.
_DIAGNOSIS_S = 16.0


class RtspDriver:
    """The driver. A camera that was given up is tried again once its port answers, as long as somebody watches; one
    that refused the password is not: it might lock us out."""

    name = "rtsp"
    kinds: frozenset[DeviceKind] = frozenset({"camera", "microphone"})

    def __init__(self, options: Options) -> None:
        self._cameras = options.cameras
        self._comeback = Comeback(self._answers)

    def devices(self) -> Sequence[Device]:
        """One for each table, and its microphone where that is wanted. Nothing is sent to any."""
        return [self._comeback.now(device) for device, _ in self._all()]

    def watch(self, changed: Callable[[DeviceChange], None]) -> Unwatch:
        """Reports a camera that was given up, and when it answers again."""
        return self._comeback.watch(changed)

    def open(self, device: Device, format: MediaFormat) -> Capture:
        """The camera is connected and gave its first picture or sound; the error says what it answered."""
        found = next(((known, camera) for known, camera in self._all() if known.id == device.id), None)
        if found is None:
            name = device.id.partition(":")[2]
            raise DeviceGone(f"there is no {device.id}: write a table [rtsp.{name}]")
        known, camera = found
        if isinstance(format, AudioFormat) != (known.kind == "microphone"):
            raise DeviceError(f"{known.id} is a {known.kind} and cannot be opened as {format}")
        capture = self._connected(known, camera, format, lambda error: self._comeback.lost(known, error))
        self._comeback.found(known)
        return capture

    def diagnose(self) -> Sequence[Finding]:
        """Cameras that cannot be used now, found by connecting to all of them side by side."""
        answers: dict[str, CallError] = {}

        def look(device: Device, camera: Camera) -> None:
            try:
                self._connected(device, camera, VideoFormat(), lambda error: None).stop()
            except CallError as error:
                answers[device.id] = error

        asked = [pair for pair in self._all() if pair[0].kind == "camera"]
        threads = [threading.Thread(target=look, args=pair, daemon=True) for pair in asked]
        for thread in threads:
            thread.start()
        end = time.monotonic() + _DIAGNOSIS_S
        for (device, _), thread in zip(asked, threads, strict=True):
            thread.join(max(0.0, end - time.monotonic()))
            if thread.is_alive():
                answers[device.id] = DeviceGone(
                    f"{device.id} said nothing within {_DIAGNOSIS_S:g} s; is it switched on?"
                )
        return [_finding(device_id, error) for device_id, error in list(answers.items())]

    def _all(self) -> list[tuple[Device, Camera]]:
        found = []
        for name, camera in self._cameras.items():
            found.append((listed(name, camera), camera))
            if camera.sound:
                found.append((listed_sound(name, camera), camera))
        return found

    def _connected(
        self, device: Device, camera: Camera, format: MediaFormat, given_up: Callable[[CallError], None]
    ) -> ProgramCapture:
        from jackfield.media.program.capture import Patience, ProgramCapture
        from jackfield.media.program.process import RunningProgram
        from jackfield_rtsp.reader import CameraReader

        table = f"rtsp.{device.id.partition(':')[2].removesuffix(SOUND if device.kind == 'microphone' else '')}"
        what = f"{device.label} ({device.id})"
        if sys.platform == "win32":
            raise DeviceError(f"{what} cannot be used: {_NOT_HERE}; name another camera")
        given = json.dumps(_task(camera, "audio" if device.kind == "microphone" else "video")).encode()
        capture = ProgramCapture(
            what,
            lambda: RunningProgram(
                own_python.command("jackfield_rtsp.client"), environment=own_python.environment(), given=given
            ),
            lambda: CameraReader(what, table, camera, format),
            fix=f"it is configured in [{table}]",
            patience=Patience(first_s=_FIRST_S, stall_s=camera.timeout_s + 1.0, give_up_s=camera.give_up_s),
            given_up=given_up,
        )
        capture.ready()
        return capture

    def _answers(self, device: Device) -> bool:
        """Whether somebody listens at its port."""
        if self._comeback.now(device).state == "denied":
            return False
        camera = next((camera for known, camera in self._all() if known.id == device.id), None)
        if camera is None:
            return False
        try:
            with socket.create_connection((camera.host, camera.port), _LOOK_S):
                return True
        except (OSError, UnicodeError):  # the second of a name that can be none, as `a..b`
            return False


def listed(name: str, camera: Camera) -> Device:
    """The camera, as it is configured."""
    codec = "H264" if camera.codec == "h264" else None
    mode = VideoFormat(camera.width, camera.height, camera.fps, codec=codec)
    label = camera.label or name
    device = Device(
        f"rtsp:{name}", "camera", label, camera.address, modes=(mode,), rank=camera.rank, facing=camera.facing
    )
    return evolve(device, state="unusable", note=_NOT_HERE) if sys.platform == "win32" else device


def listed_sound(name: str, camera: Camera) -> Device:
    """Its microphone."""
    device = listed(name, camera)
    return evolve(
        device, id=device.id + SOUND, kind="microphone", label=f"{device.label}, sound", modes=(AudioFormat(),)
    )


def _task(camera: Camera, kind: str) -> dict[str, object]:
    return {
        "url": camera.secret_url,
        "host": camera.host,
        "port": camera.port,
        "transport": camera.transport,
        "kind": kind,
        "timeout_s": camera.timeout_s,
    }


def _finding(device_id: str, error: CallError) -> Finding:
    found, _, fix = error.message.partition("; ")
    severity = "error" if isinstance(error, DeviceDenied) else "warning"
    return Finding(severity, device_id, found, fix)  # type: ignore[arg-type]
