"""The driver: what udev lists, what an open camera is, and what can be asked and adjusted on one."""

from __future__ import annotations

import errno
import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

from attrs import evolve

from jackfield.roles import Capture, Control, Unwatch
from jackfield.values.devices import Device, DeviceChange, DeviceKind
from jackfield.values.errors import DeviceError, DeviceGone
from jackfield.values.findings import Finding
from jackfield.values.formats import MediaFormat, VideoFormat
from jackfield_v4l2.border import allow, denied, translated
from jackfield_v4l2.controls import dials, put
from jackfield_v4l2.identity import SENSOR, Seen, captures, device_of
from jackfield_v4l2.kernel import Kernel, Linux
from jackfield_v4l2.modes import Mode, choose, codes_of, is_sensor, modes_of
from jackfield_v4l2.node import Node
from jackfield_v4l2.options import Options
from jackfield_v4l2.presets import presets
from jackfield_v4l2.revival import Revival
from jackfield_v4l2.udev import Action, Nodes, NoUdev, Udev

logger = logging.getLogger("jackfield.v4l2")


class V4l2Captures:
    """Every camera that Linux drives. Any thread."""

    name = "v4l2"
    kinds: frozenset[DeviceKind] = frozenset({"camera"})

    def __init__(
        self,
        options: Options,
        *,
        nodes: Nodes | None = None,
        kernel: Kernel | None = None,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._options, self._clock_ns = options, clock_ns
        self._nodes: Nodes = nodes or Udev()
        self._kernel: Kernel = kernel or Linux()
        self._lock = threading.Lock()
        #: By id: what opening a device taught.
        self._modes: dict[str, tuple[MediaFormat, ...]] = {}
        self._unusable: dict[str, str] = {}
        self._revival = Revival(self._gives_pictures)

    # --- listing
    def devices(self) -> Sequence[Device]:
        """The cameras that are plugged in. Modes are there where USB descriptors show them; else `modes` asks."""
        return [device for device, _ in self._listed()]

    def watch(self, changed: Callable[[DeviceChange], None]) -> Unwatch:
        """Reports on udev's thread when a camera can be opened, and when it is gone; frozen ones when they are back."""
        there: dict[str, Device] = {}
        listed = threading.Event()

        def tell(action: Action, seen: Seen) -> None:
            listed.wait()
            for change in self._changes(there, action, seen):
                changed(change)

        unwatch = self._nodes.watch(tell)  # first: what changes while it is listed is heard of
        try:
            there.update({seen.sys_path: device for device, seen in self._listed()})
        finally:
            listed.set()
        unrevive = self._revival.watch(lambda device: changed(DeviceChange("changed", device)))

        def stop() -> None:
            unwatch()
            unrevive()

        return stop

    def diagnose(self) -> Sequence[Finding]:
        """Cameras that this user may not open, that there is none, or that libudev is missing."""
        group = self._kernel.group
        try:
            listed = self.devices()
        except NoUdev as error:
            found, _, fix = error.message.rpartition("; ")
            return [Finding("error", "udev", found, fix)]
        if not listed:
            fix = "plug one in; in a container, pass it: --device /dev/video0"
            return [Finding("warning", "cameras", "no camera is attached", fix)]
        return [
            Finding("error", device.address, f"{device.label} may not be opened", allow(group(device.address)))
            for device in listed
            if device.state == "denied"
        ]

    def _listed(self) -> list[tuple[Device, Seen]]:
        found = [(self._device(seen), seen) for seen in self._nodes.seen() if captures(seen)]
        taken: set[str] = set()
        for number, (device, seen) in enumerate(found):
            if device.id in taken:  # of one driver, one path and one name: only the node's number is left
                found[number] = evolve(device, id=f"{device.id}-{device.address.rpartition('/')[2]}"), seen
            taken.add(device.id)
        return found

    def _device(self, seen: Seen) -> Device:
        device = device_of(seen, self._kernel.may_open(seen.address))
        if device.state == "denied":
            device = evolve(device, note=denied(device, self._kernel))
        with self._lock:
            note, modes = self._unusable.get(device.id, ""), self._modes.get(device.id, ())
        if note:
            device = evolve(device, state="unusable", note=note)
        return device if device.modes or not modes else evolve(device, modes=modes)

    def _changes(self, there: dict[str, Device], action: Action, seen: Seen) -> Sequence[DeviceChange]:
        known = there.pop(seen.sys_path, None)
        if action == "remove" or not captures(seen):
            if known is None:
                return ()
            with self._lock:
                self._unusable.pop(known.id, None)
            self._revival.forget(known)
            return (DeviceChange("removed", evolve(known, state="gone", note="unplugged")),)
        listed = (device for device, other in self._listed() if other.sys_path == seen.sys_path)
        device = there[seen.sys_path] = next(listed, None) or self._device(seen)
        if known is None:
            return (DeviceChange("added", device),)
        return (DeviceChange("changed", device),) if device != known else ()

    # --- opening
    def open(self, device: Device, format: MediaFormat) -> Capture:
        """The camera, set to the mode that comes nearest; it runs from `start` on."""
        if not isinstance(format, VideoFormat):
            raise DeviceError(f"{device.id} is a camera and cannot be opened as {format}")
        from jackfield_v4l2.steered import capture_of

        device, seen = self._found(device)
        self._revival.forget(device)
        with ExitStack() as undo:
            capture = capture_of(self._opened(device, seen, format, undo))
            undo.pop_all()
        return capture

    def _opened(self, device: Device, seen: Seen, wanted: VideoFormat, undo: ExitStack) -> Any:
        from jackfield_v4l2.capture import Opened
        from jackfield_v4l2.h264_unit import Steering, steering
        from jackfield_v4l2.source_change import adopt_signal, heed_signal
        from jackfield_v4l2.stream import Stream

        with translated(device, self._kernel, "opening"):
            node = undo.enter_context(Node(self._kernel, device.address))
            self._refuse_sensors(device, node)
            adopt_signal(node, digital_only=True)
            heed_signal(node)
            found = modes_of(node, wanted)
            self._remember(device, found)
            mode = choose(found, wanted)
            if mode is None:
                raise DeviceError(self._no_mode(device, found, wanted), details={"device": device.id})
            self._preset(device, node)
            stream = Stream.prepared(node, mode)
            undo.callback(stream.close)
            steered = steering(node, seen.usb.h264_unit) if mode.format.codec else Steering()
        return Opened(
            device, node, stream, mode, wanted, steered, self._options, self._clock_ns, froze=self._revival.froze
        )

    def _found(self, device: Device) -> tuple[Device, Seen]:
        """The device as it is now, wherever it has gone since it was listed."""
        for found, seen in self._listed():
            if found.id == device.id:
                if found.state == "unusable":
                    raise DeviceError(f"{found.label} ({found.id}) cannot be used: {found.note}")
                return found, seen
        there = ", ".join(found.id for found in self.devices()) or "no other camera"
        raise DeviceGone(
            f"{device.label} ({device.id}) is not plugged in; there is {there}", details={"device": device.id}
        )

    def _refuse_sensors(self, device: Device, node: Node) -> None:
        kind = node.buffer_type()
        if node.needs_pipeline or is_sensor(codes_of(node, kind)):
            with self._lock:
                self._unusable[device.id] = SENSOR
            raise DeviceError(f"{device.label} ({device.id}) cannot be used: {SENSOR}")

    def _no_mode(self, device: Device, found: Sequence[Mode], wanted: VideoFormat) -> str:
        who = f"{device.label} ({device.id})"
        if not found:
            return f"{who} gives no layout that is known here: use pipe with a program that reads it"
        return f"{who} has no {wanted.codec} mode; it has " + ", ".join(
            sorted({mode.format.codec or mode.format.pixel_format for mode in found})
        )

    def _preset(self, device: Device, node: Node) -> None:
        general, special = presets(self._options.controls, device)
        if not general and not special:
            return
        found = dials(node)
        names = {dial.control.name for dial in found}
        for name, value in general.items():
            if name in names:
                put(node, found, name, value, f"v4l2.controls.{name}")
            else:
                logger.warning("%s has no control %s; it has %s", device.id, name, ", ".join(sorted(names)) or "none")
        for name, value in special.items():
            put(node, found, name, value, f"v4l2.controls.{name}")

    def _remember(self, device: Device, found: Sequence[Mode]) -> None:
        with self._lock:
            self._modes[device.id] = tuple(dict.fromkeys(mode.format for mode in found))

    # --- asking and adjusting
    def modes(self, device: Device) -> Sequence[MediaFormat]:
        """Every mode, asked of the driver: the node is open for some milliseconds, its stream is not touched."""
        device, _ = self._found(device)
        with translated(device, self._kernel, "asking for its modes"), Node(self._kernel, device.address) as node:
            self._refuse_sensors(device, node)
            self._remember(device, modes_of(node))
        with self._lock:
            return self._modes[device.id]

    def controls(self, device: Device) -> Sequence[Control]:
        """What can be adjusted on the camera, in use or not."""
        device, _ = self._found(device)
        with translated(device, self._kernel, "asking for its controls"), Node(self._kernel, device.address) as node:
            return [dial.control for dial in dials(node)]

    def set_control(self, device: Device, name: str, value: int | bool | str) -> None:
        """One control is set, in use or not."""
        device, _ = self._found(device)
        with translated(device, self._kernel, f"setting {name}"), Node(self._kernel, device.address) as node:
            put(node, dials(node), name, value, name)

    # --- cameras that froze
    def _gives_pictures(self, device: Device) -> Device | None:
        """The camera, where it is there and gives a picture within a second or two; None where it does not."""
        from jackfield_v4l2.stream import Stream

        try:
            device, _ = self._found(device)
            with ExitStack() as undo:
                node = undo.enter_context(Node(self._kernel, device.address))
                stream = Stream.prepared(node, None)
                undo.callback(stream.close)
                stream.start()
                ready = self._kernel.wait(node.fd, self._revival.wake, self._revival.PATIENCE_S)
                return device if ready.picture and stream.take() is not None else None
        except DeviceError:
            return None
        except OSError as error:
            return device if error.errno == errno.EBUSY else None  # whoever has it can tell
