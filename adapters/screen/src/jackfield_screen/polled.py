"""A desktop that is asked for its screens again and again, where the system sends no word of changes that we hear."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from jackfield.roles import Unwatch
from jackfield.values.devices import Device, DeviceChange
from jackfield.values.errors import DeviceGone
from jackfield.values.findings import Finding
from jackfield_screen.changes import differences
from jackfield_screen.desktop import Area, View

EVERY_S = 2.0
#: How often a screen that is taken is looked for.
_LOOK_EVERY = 30


class PolledDesktop:
    """Whole screens alone; ``listed`` tells each with its area. ``findings`` says why there is none."""

    def __init__(
        self,
        listed: Callable[[], Sequence[tuple[Device, Area]]],
        findings: Callable[[], Sequence[Finding]],
        every_s: float = EVERY_S,
    ) -> None:
        self._listed, self._findings, self._every_s = listed, findings, every_s

    def devices(self) -> Sequence[Device]:
        """The screens now."""
        return [device for device, _ in self._listed()]

    def diagnose(self) -> Sequence[Finding]:
        """Why they cannot be taken."""
        return self._findings()

    def view(self, device: Device) -> View:
        """One screen, looked for again every thirty pictures."""
        return PolledView(device, self._listed)

    def watch(self, changed: Callable[[DeviceChange], None]) -> Unwatch:
        """Compares lists every two seconds, on a thread of its own."""
        over, known = threading.Event(), {device.id: device for device in self.devices()}

        def run() -> None:
            nonlocal known
            while not over.wait(self._every_s):
                found = {device.id: device for device in self.devices()}
                for change, device in differences(known, found):
                    changed(DeviceChange(change, device))
                known = found

        thread = threading.Thread(target=run, name="screen watch", daemon=True)
        thread.start()

        def end() -> None:
            over.set()
            if thread is not threading.current_thread():
                thread.join(self._every_s)

        return end


class PolledView:
    """Where a screen is; asked anew now and then."""

    def __init__(self, device: Device, listed: Callable[[], Sequence[tuple[Device, Area]]]) -> None:
        self._device, self._listed = device, listed
        self._area: Area | None = None
        self._looks = 0

    def look(self) -> Area | None:
        """Its area; `DeviceGone` once it is not listed any more."""
        if self._looks % _LOOK_EVERY == 0:
            areas = {device.id: area for device, area in self._listed()}
            if self._device.id not in areas:
                raise DeviceGone(f"{self._device.label} ({self._device.id}) was unplugged or switched off")
            self._area = areas[self._device.id]
        self._looks += 1
        return self._area

    def close(self) -> None:
        """Nothing is held."""
