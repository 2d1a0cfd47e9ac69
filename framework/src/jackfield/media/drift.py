"""How fast a source is to be played, so that what waits of it stays little and never runs out.

A source and a loudspeaker run on clocks of their own, some ten to some thousand parts per million apart. What lies in
store at the worst moment of the last second says whether the source is ahead or behind. Within its bounds the speed is
1 exactly. Once it leaves them a PI controller brings it back to their middle, with a speed that changes slowly, and
learns the drift; where there turns out to be none, it lets go.
"""

from __future__ import annotations

from collections import deque

#: The least that should lie in store beyond the next block: below, one block that comes late is missed; above, all of
#: it is delay.
LEAST_MS, AIM_MS, MOST_MS = 2.0, 8.0, 15.0
#: Parts per million: in normal operation, and to get rid of a backlog.
NORMAL_PPM, BACKLOG_PPM = 5_000.0, 30_000.0
_BACKLOG_MS = 45.0
_LOOK_MS, _LOOKS = 100.0, 10
#: So many looks say whether there is a backlog.
_LATEST = 3
#: ppm for each ms; and for each ms and second: critically damped, since a store is an integrator (1 ppm = 1/1000 ms/s).
_P, _I = 300.0, 22.0
_SLEW_PPM_S, _BACKLOG_SLEW_PPM_S = 2_000.0, 20_000.0
#: So near to the aim, and with so little learnt, there is no drift.
_NEAR_MS, _NOTHING_PPM = 1.0, 5.0


class DriftControl:
    """One source's speed. Time is that of the samples played."""

    def __init__(self) -> None:
        self._looks: deque[float] = deque(maxlen=_LOOKS)
        self._least_ms, self._looked_ms = 1e9, 0.0
        self._learnt_ppm = self._wanted_ppm = self._ppm = 0.0
        self._steers = False

    @property
    def ppm(self) -> float:
        """By how much faster it plays, in parts per million."""
        return self._ppm

    @property
    def surplus_ms(self) -> float:
        """How much more than it needs has lain in store all along lately; 0 where too little is known of it."""
        latest = list(self._looks)[-_LATEST:]
        return max(0.0, min(latest) - AIM_MS) if len(latest) == _LATEST else 0.0

    def speed(self, spare_ms: float, block_ms: float) -> float:
        """The speed at the end of the next block; ``spare_ms`` lies in store when that block is gone."""
        self._least_ms = min(self._least_ms, spare_ms)
        self._looked_ms += block_ms
        if self._looked_ms >= _LOOK_MS:
            self._looks.append(self._least_ms)
            self._judge(self._looked_ms / 1000)
            self._least_ms, self._looked_ms = 1e9, 0.0
        most = _BACKLOG_SLEW_PPM_S if abs(self._wanted_ppm) > NORMAL_PPM or self._ppm > NORMAL_PPM else _SLEW_PPM_S
        step = most * block_ms / 1000
        self._ppm += max(-step, min(self._wanted_ppm - self._ppm, step))
        return 1.0 + self._ppm / 1e6

    def restart(self) -> None:
        """The source ran out: what was seen of it says nothing of what comes; its clock is still the same."""
        self._looks.clear()
        self._least_ms, self._looked_ms = 1e9, 0.0
        self._wanted_ppm = self._learnt_ppm

    def _judge(self, duration_s: float) -> None:
        if len(self._looks) < _LOOKS // 2:
            return
        least = min(self._looks)
        error_ms = least - AIM_MS
        if self._steers and abs(error_ms) < _NEAR_MS and abs(self._learnt_ppm) < _NOTHING_PPM:
            self._steers, self._learnt_ppm, self._wanted_ppm = False, 0.0, 0.0
        elif self._steers or not LEAST_MS <= least <= MOST_MS:
            self._steers = True
            self._steer(error_ms, duration_s)

    def _steer(self, error_ms: float, duration_s: float) -> None:
        limit = NORMAL_PPM + max(0.0, min((error_ms - _BACKLOG_MS) * 600, BACKLOG_PPM - NORMAL_PPM))
        wanted = _P * error_ms + self._learnt_ppm
        self._wanted_ppm = max(-NORMAL_PPM, min(wanted, limit))
        if wanted == self._wanted_ppm and wanted <= NORMAL_PPM:
            self._learnt_ppm += _I * error_ms * duration_s
