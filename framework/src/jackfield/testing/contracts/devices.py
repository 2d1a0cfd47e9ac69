"""Clauses that drivers of cameras, microphones, screens and loudspeakers share."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import pytest

from jackfield.testing.contracts.offered import PluginUnderTest
from jackfield.values.devices import Device, DeviceChange, DeviceKind

#: A listing must not block a person's interface.
LISTING_LIMIT_S = 2.0


class DeviceClauses(PluginUnderTest):
    """Listing and watching. Override ``usable`` to leave out devices that a test must not open."""

    def usable(self, driver: Any) -> Sequence[Device]:
        """Devices that the clauses may open."""
        return [device for device in driver.devices() if device.state == "ready"]

    def some(self, driver: Any) -> Sequence[Device]:
        """The usable devices; skips, saying so, where there is none."""
        devices = self.usable(driver)
        if not devices:
            pytest.skip(f"{driver.name} finds no device that is ready. To run it: attach one")
        return devices

    def test_a_device_id_begins_with_the_name_of_its_plugin(self, offer: Any) -> None:
        """The id is ``<plugin>:<what lasts>``, so that a wish says which plugin it needs."""
        for device in offer.devices():
            assert device.plugin == self.plugin.name
            assert device.id.partition(":")[2].strip()

    def test_device_ids_differ(self, offer: Any) -> None:
        """No two devices of one kind share an id."""
        ids = [(device.kind, device.id) for device in offer.devices()]
        assert len(set(ids)) == len(ids)

    def test_listing_again_gives_the_same_ids(self, offer: Any) -> None:
        """An id lasts: nothing about it is counted or made up anew."""
        assert [device.id for device in offer.devices()] == [device.id for device in offer.devices()]

    def test_listing_is_quick(self, offer: Any) -> None:
        """Listing opens nothing and does not block."""
        started = time.monotonic()
        offer.devices()
        assert time.monotonic() - started < LISTING_LIMIT_S

    def test_every_device_has_a_label_and_says_what_ails_it(self, offer: Any) -> None:
        """People see a label; a device that is not ready says why."""
        for device in offer.devices():
            assert device.label.strip()
            assert device.state == "ready" or device.note, f"{device.id} is {device.state} and does not say why"

    def test_watching_can_be_ended(self, offer: Any) -> None:
        """``watch`` answers with what ends it, and reports nothing that did not change."""
        changes: list[DeviceChange] = []
        unwatch = offer.watch(changes.append)
        unwatch()
        assert changes == []

    def test_a_device_that_is_not_there_is_gone(self, offer: Any) -> None:
        """Opening a device that was pulled out raises ``DeviceGone``, not an error of the operating system."""
        from jackfield.values.errors import DeviceGone

        kind = self.kinds_of(offer)[0]
        absent = Device(f"{self.plugin.name}:no-such-device", kind, "Absent", address="/nowhere")
        with pytest.raises(DeviceGone):
            offer.open(absent, self.format_for(kind))

    def kinds_of(self, driver: Any) -> Sequence[DeviceKind]:
        """The kinds of device that a driver has, in a fixed order."""
        return sorted(driver.kinds)

    def format_for(self, kind: DeviceKind) -> Any:
        """What a device is opened with."""
        from jackfield.values.formats import AudioFormat, VideoFormat

        return VideoFormat(640, 360, 15.0) if kind in ("camera", "screen") else AudioFormat()
