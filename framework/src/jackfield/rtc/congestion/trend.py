"""Whether packets wait longer and longer: the slope of the delay, held against a threshold that adapts.

draft-ietf-rmcat-gcc-02 sections 5.3 to 5.5, with the slope of a least-squares line in place of the Kalman filter:
Carlucci et al., "Congestion Control for Web Real-Time Communication", IEEE/ACM Transactions on Networking 2017.
"""

from __future__ import annotations

from collections import deque
from typing import Literal

from jackfield.rtc.congestion.groups import Variation

Signal = Literal["normal", "overuse", "underuse"]

#: A line is drawn through so many groups, and through these at the beginning: `_SAMPLES_MAX` sees to the doubt.
_WINDOW, _WINDOW_LEAST = 20, 6
_SMOOTHING = 0.9
#: The slope is multiplied by this and by the number of samples, up to `_SAMPLES_MAX`: few prove little.
_GAIN, _SAMPLES_MAX = 4.0, 60
_THRESHOLD_MS, _THRESHOLD_LEAST_MS, _THRESHOLD_MOST_MS = 12.5, 6.0, 600.0
#: How fast the threshold follows upwards and down, per ms: fast up, so as not to starve beside TCP (section 5.4).
_FOLLOWS_UP, _FOLLOWS_DOWN = 0.0087, 0.039
#: What lies this far above the threshold is a spike, and is not followed.
_SPIKE_MS = 15.0
_OVERUSE_MS = 10.0
_LONGEST_STEP_MS = 100.0


class DelayTrend:
    """Fed with variations; ``signal`` says how the path is used."""

    def __init__(self) -> None:
        self.signal: Signal = "normal"
        self.threshold_ms = _THRESHOLD_MS
        self._points: deque[tuple[float, float]] = deque(maxlen=_WINDOW)
        self._samples = 0
        self._delay_ms = self._smoothed_ms = 0.0
        self._began_ms: float | None = None
        self._slope = self._slope_before = 0.0
        self._over_ms = 0.0
        self._overs = 0
        self._seen_ms: float | None = None

    def add(self, variation: Variation) -> None:
        """Another group has arrived."""
        if self._began_ms is None:
            self._began_ms = variation.at_ms
        self._samples = min(self._samples + 1, 1000)
        self._delay_ms += variation.arrived_ms - variation.sent_ms
        self._smoothed_ms = _SMOOTHING * self._smoothed_ms + (1 - _SMOOTHING) * self._delay_ms
        self._points.append((variation.at_ms - self._began_ms, self._smoothed_ms))
        if len(self._points) >= _WINDOW_LEAST:
            self._slope = _slope(self._points)
        self._judge(variation)

    def _judge(self, variation: Variation) -> None:
        if self._samples < 2:
            return
        trend_ms = min(self._samples, _SAMPLES_MAX) * self._slope * _GAIN
        if trend_ms > self.threshold_ms:
            self._over_ms += variation.sent_ms if self._overs else variation.sent_ms / 2
            self._overs += 1
            if self._over_ms > _OVERUSE_MS and self._overs > 1 and self._slope >= self._slope_before:
                self._over_ms, self._overs = 0.0, 0
                self.signal = "overuse"
        else:
            self._over_ms, self._overs = 0.0, 0
            self.signal = "underuse" if trend_ms < -self.threshold_ms else "normal"
        self._slope_before = self._slope
        self._adapt(abs(trend_ms), variation.at_ms)

    def _adapt(self, size_ms: float, now_ms: float) -> None:
        step_ms = min(now_ms - (self._seen_ms if self._seen_ms is not None else now_ms), _LONGEST_STEP_MS)
        self._seen_ms = now_ms
        if size_ms > self.threshold_ms + _SPIKE_MS:
            return
        follows = _FOLLOWS_DOWN if size_ms < self.threshold_ms else _FOLLOWS_UP
        threshold_ms = self.threshold_ms + follows * (size_ms - self.threshold_ms) * step_ms
        self.threshold_ms = min(max(threshold_ms, _THRESHOLD_LEAST_MS), _THRESHOLD_MOST_MS)


def _slope(points: deque[tuple[float, float]]) -> float:
    """Of the least-squares line: ms of delay per ms."""
    count, (x_0, y_0) = len(points), points[0]
    x_sum = y_sum = xx_sum = xy_sum = 0.0
    for x, y in points:
        x, y = x - x_0, y - y_0  # the sums stay small, however long it has run
        x_sum += x
        y_sum += y
        xx_sum += x * x
        xy_sum += x * y
    below = count * xx_sum - x_sum * x_sum
    return (count * xy_sum - x_sum * y_sum) / below if below else 0.0
