"""The contract of loudspeakers."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any, ClassVar

from jackfield.testing.contracts.devices import DeviceClauses
from jackfield.values.devices import Device, DeviceKind

#: A device may need this long until it asks for the first time.
FIRST_ASKED_S = 5.0
STOP_LIMIT_S = 1.0


class PlaybackContract(DeviceClauses):
    """What a call relies on of whatever plays sound."""

    hook: ClassVar[str] = "register_playbacks"

    def kinds_of(self, driver: Any) -> Sequence[DeviceKind]:
        """A driver of loudspeakers has nothing else."""
        return ["speaker"]

    def test_every_device_is_a_speaker(self, offer: Any) -> None:
        """A driver of loudspeakers lists nothing else."""
        assert all(device.kind == "speaker" for device in offer.devices())

    def test_an_open_speaker_asks_for_sound(self, offer: Any) -> None:
        """After ``start`` it calls ``fill`` with the samples it wants, at the pace of its format."""
        for device in self.some(offer):
            asked, player, failures = self._started(offer, device)
            before = len(asked)
            time.sleep(0.5)
            player.stop()
            assert not failures
            asked = asked[before:]
            seconds = sum(asked) / player.format.rate
            assert all(samples > 0 for samples in asked)
            assert 0.25 < seconds < 1.5, f"{device.id} asked for {seconds:.2f} s of sound in half a second"

    def test_sound_is_asked_for_on_a_thread_of_its_own(self, offer: Any) -> None:
        """``fill`` never runs on the thread that started the player."""
        for device in self.some(offer):
            threads: set[int] = set()
            _, player, _ = self._started(offer, device, threads)
            time.sleep(0.2)
            player.stop()
            assert threads
            assert threading.get_ident() not in threads

    def test_stopping_is_quick_and_final(self, offer: Any) -> None:
        """``stop`` returns within a second; ``fill`` is not called after it, and no failure is reported."""
        for device in self.some(offer):
            asked, player, failures = self._started(offer, device)
            time.sleep(0.1)
            started = time.monotonic()
            player.stop()
            assert time.monotonic() - started < STOP_LIMIT_S
            count = len(asked)
            time.sleep(0.15)
            assert len(asked) == count
            assert not failures, "being stopped is no failure"

    def test_what_was_opened_and_never_started_can_be_stopped(self, offer: Any) -> None:
        """``stop`` may be the first that is called; the device is free after it."""
        for device in self.some(offer):
            offer.open(device, self.format_for("speaker")).stop()
            asked, player, failures = self._started(offer, device)
            player.stop()
            assert asked
            assert not failures

    def _started(
        self, driver: Any, device: Device, threads: set[int] | None = None
    ) -> tuple[list[int], Any, list[Any]]:
        """What it asks for from now on, the player, and the failures that it tells; it has asked once."""
        import numpy as np

        player = driver.open(device, self.format_for("speaker"))
        asked: list[int] = []
        failures: list[Any] = []

        def fill(samples: int) -> Any:
            asked.append(samples)
            if threads is not None:
                threads.add(threading.get_ident())
            return np.zeros((samples, player.format.channels), dtype=np.int16)

        player.start(fill, failures.append)
        deadline = time.monotonic() + FIRST_ASKED_S
        while not asked and time.monotonic() < deadline:
            time.sleep(0.01)
        return asked, player, failures
