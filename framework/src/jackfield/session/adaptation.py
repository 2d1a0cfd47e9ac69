"""How large and how often pictures are sent, when the path or the processor cannot take all of them."""

from __future__ import annotations

from typing import Any, Literal

from attrs import define, frozen

Reason = Literal["none", "bandwidth", "cpu"]
#: What is kept as long as it can be: smooth motion (a camera), or detail (a screen, which is read).
Keeps = Literal["motion", "detail"]

_MS = 1_000_000
#: Below this share of what a size needs a smaller one looks better; a larger one is taken when this share of its need
#: is there. What lies between is left alone.
_TOO_LITTLE, _ENOUGH = 0.35, 0.6
#: Nothing changes before it was so for this long, down and up.
_DOWN_NS, _UP_NS = 1_000 * _MS, 5_000 * _MS
#: The share of the time that encoding may take, and what it may be expected to take for going up again.
_BUSY, _FREE = 0.9, 0.6
_BUSY_NS, _FREE_NS, _FREE_MAX_NS = 2_000 * _MS, 10_000 * _MS, 160_000 * _MS
#: Pictures are not made smaller than this.
_SHORT_SIDE_LEAST = 90


@frozen
class Step:
    """A picture is so much smaller in each direction, and every so many-th is sent."""

    scale: float = 1.0
    every: int = 1

    @property
    def share(self) -> float:
        """Of all the pixels of the source, how many are sent."""
        return self.scale * self.scale / self.every


#: What moves gets smaller first; what is read (a screen) gets slower first.
_MOTION = (Step(), Step(0.75), Step(0.5), Step(0.375), Step(0.25), Step(0.25, 2))
_DETAIL = (Step(), Step(1.0, 2), Step(1.0, 4), Step(0.75, 4), Step(0.5, 4))


@define
class _Level:
    """One reason's place among the steps, and since when it would rather be elsewhere."""

    index: int = 0
    down_ns: int | None = None
    up_ns: int | None = None

    def settle(self, index: int) -> None:
        """It is there now."""
        self.index = index
        self.down_ns = self.up_ns = None


class Adaptation:
    """Says which `Step` to send. `step` and `encoded` on the encoding thread, `steer` on any.

    ``full_bps`` is what the full picture at the full rate is worth; ``fps`` the source's rate.
    """

    def __init__(self, full_bps: int, fps: float, *, keeps: Keeps = "motion") -> None:
        self._full_bps, self._fps = full_bps, fps
        self._steps = _MOTION if keeps == "motion" else _DETAIL
        self._bitrate_bps: int | None = None
        self._path, self._processor = _Level(), _Level()
        self._load = 0.0
        self._pause_ns = _FREE_NS
        self._went_up_ns: int | None = None
        #: How often the step has changed.
        self.changes = 0

    @property
    def reason(self) -> Reason:
        """What limits the pictures that are sent (W3C qualityLimitationReason)."""
        if self._processor.index > self._path.index:
            return "cpu"
        return "bandwidth" if self._path.index else "none"

    def stats(self) -> dict[str, Any]:
        """What limits the pictures, and how often that changed them, by W3C name."""
        return {"qualityLimitationReason": self.reason, "qualityLimitationResolutionChanges": self.changes}

    def steer(self, bitrate_bps: int) -> None:
        """The path gives so much."""
        self._bitrate_bps = bitrate_bps

    def encoded(self, seconds: float) -> None:
        """Encoding one picture took this long."""
        self._load += (seconds * self._fps / self._now.every - self._load) * 0.1

    def step(self, width: int, height: int, now_ns: int) -> Step:
        """What to send of a source of this size."""
        before = self._now
        last = max(i for i, step in enumerate(self._steps) if i == 0 or _is_seen(step, width, height))
        self._follow_path(last, now_ns)
        self._follow_processor(last, now_ns)
        if self._now != before:
            self.changes += 1
        return self._now

    @property
    def _now(self) -> Step:
        return self._steps[max(self._path.index, self._processor.index)]

    def _need(self, index: int) -> float:
        """What pictures of this step want; the need grows more slowly than the pixels."""
        return float(self._full_bps * self._steps[index].share ** 0.75)

    def _follow_path(self, last: int, now_ns: int) -> None:
        level, bps = self._path, self._bitrate_bps
        if bps is None:
            return
        down = next((i for i in range(level.index, last + 1) if bps >= _TOO_LITTLE * self._need(i)), last)
        up = next((i for i in range(level.index) if bps >= _ENOUGH * self._need(i)), level.index)
        if down > level.index:
            level.up_ns = None
            level.down_ns = now_ns if level.down_ns is None else level.down_ns
            if now_ns - level.down_ns >= _DOWN_NS:
                level.settle(down)
        elif up < level.index:
            level.down_ns = None
            level.up_ns = now_ns if level.up_ns is None else level.up_ns
            if now_ns - level.up_ns >= _UP_NS:
                level.settle(up)
        else:
            level.down_ns = level.up_ns = None

    def _follow_processor(self, last: int, now_ns: int) -> None:
        level = self._processor
        if self._load > _BUSY and level.index < last:
            level.up_ns = None
            level.down_ns = now_ns if level.down_ns is None else level.down_ns
            if now_ns - level.down_ns >= _BUSY_NS:
                self._too_much(level, now_ns)
        elif level.index and self._load * self._growth(level.index) < _FREE:
            level.down_ns = None
            level.up_ns = now_ns if level.up_ns is None else level.up_ns
            if now_ns - level.up_ns >= self._pause_ns:
                level.settle(level.index - 1)
                self._went_up_ns = now_ns
        else:
            level.down_ns = level.up_ns = None

    def _too_much(self, level: _Level, now_ns: int) -> None:
        """Smaller; and who went up too early waits twice as long before the next try."""
        if self._went_up_ns is not None and now_ns - self._went_up_ns < 2 * self._pause_ns:
            self._pause_ns = min(2 * self._pause_ns, _FREE_MAX_NS)
        level.settle(max(level.index, self._path.index) + 1)
        self._load = 0.0

    def _growth(self, index: int) -> float:
        """How much more there is to encode one step up."""
        return self._steps[index - 1].share / self._steps[max(index, self._path.index)].share


def _is_seen(step: Step, width: int, height: int) -> bool:
    return min(width, height) * step.scale >= _SHORT_SIDE_LEAST
