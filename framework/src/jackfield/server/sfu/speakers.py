"""Who is speaking, from the audio level that publishers put into their packets (RFC 6464)."""

from __future__ import annotations

#: Levels are in -dBov: 0 is the loudest, 127 silence. Quieter than this is no speech.
_SPEECH = 35
#: A speaker's packets are speech for at least this share of an interval.
_SHARE = 0.4
_SMOOTHING = 0.5
#: Levels are told in eighths, so that a steady voice is told once.
_STEPS = 8
_INAUDIBLE = 1 / (2 * _STEPS)
INTERVAL_S = 0.4


class Loudness:
    """How loud one track was during the last interval."""

    def __init__(self) -> None:
        self.level = 0.0
        self._packets = 0
        self._speech = 0
        self._loudest = 127

    def observe(self, level: int) -> None:
        """One packet's level."""
        self._packets += 1
        if level <= _SPEECH:
            self._speech += 1
            self._loudest = min(self._loudest, level)

    def interval(self) -> float:
        """The smoothed level, 0 to 1, at the end of an interval; the next one begins."""
        speaks = self._packets > 0 and self._speech >= _SHARE * self._packets
        current = 10 ** (-self._loudest / 20) if speaks else 0.0
        self.level += (current - self.level) * _SMOOTHING
        if not speaks and self.level < _INAUDIBLE:
            self.level = 0.0
        self._packets = self._speech = 0
        self._loudest = 127
        return self.level


def quantised(level: float) -> float:
    """The level as it is told: in eighths, rounded up, so that whoever speaks is above 0."""
    return -(-min(level, 1.0) * _STEPS // 1) / _STEPS if level > 0 else 0.0


def changes(before: dict[str, float], now: dict[str, float]) -> dict[str, float]:
    """What has to be told: the levels that are new or different, and 0 for whoever fell silent."""
    changed = {sid: level for sid, level in now.items() if before.get(sid) != level}
    return changed | {sid: 0.0 for sid in before if sid not in now}
