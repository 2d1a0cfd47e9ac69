"""Devices that fail again and again are left alone for longer each time."""

from __future__ import annotations

from jackfield.media.clock import Clock

#: How long a device rests after its first failure, its second …; the last goes on.
RESTS_S = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0)
#: A device that held for so long is forgiven what was before.
HELD_S = 30.0
#: Timers may be early by less than this.
_EARLY_S = 0.01


class Rests:
    """Of the devices of one publication, or of the loudspeaker, by their ids."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures: dict[str, int] = {}
        self._until_ns: dict[str, int] = {}
        #: Which came last, and when.
        self._came: tuple[str, int] | None = None

    def came(self, device_id: str) -> None:
        """It is in use from now on."""
        self._came = device_id, self._clock.now_ns()

    def went(self) -> None:
        """Whatever was in use is no more."""
        came, self._came = self._came, None
        if came is None:
            return
        device_id, came_ns = came
        if self._clock.now_ns() - came_ns < HELD_S * 1e9:
            self.failed(device_id)
        else:
            self._failures.pop(device_id, None)
            self._until_ns.pop(device_id, None)

    def failed(self, device_id: str) -> None:
        """It went as soon as it had come, or did not come at all."""
        count = self._failures[device_id] = self._failures.get(device_id, 0) + 1
        rest_s = RESTS_S[min(count, len(RESTS_S)) - 1]
        self._until_ns[device_id] = self._clock.now_ns() + round(rest_s * 1e9)

    def plugged_in(self, device_id: str) -> None:
        """Somebody saw to it: it may be tried at once."""
        self._until_ns.pop(device_id, None)

    def left_s(self, device_id: str) -> float:
        """So long it is to be left alone."""
        left_s = (self._until_ns.get(device_id, 0) - self._clock.now_ns()) / 1e9
        return left_s if left_s > _EARLY_S else 0.0
