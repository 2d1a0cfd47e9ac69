"""What a publisher may send when it takes no transport-wide feedback: from loss alone, blind to delay."""

from __future__ import annotations

_START_BPS = 3_000_000
_FLOOR_BPS = 150_000
_CEILING_BPS = 8_000_000
_FEW, _MANY = 0.02, 0.10


class BlindEstimate:
    """Grows by 8 % a second while little is lost, falls by half of the loss while much is (GCC's loss-based rule)."""

    def __init__(self, start_bps: int = _START_BPS) -> None:
        self.bitrate_bps = start_bps

    def update(self, loss: float) -> int:
        """The estimate after another second in which this share of the packets was lost."""
        if loss < _FEW:
            self.bitrate_bps = min(_CEILING_BPS, round(self.bitrate_bps * 1.08))
        elif loss > _MANY:
            self.bitrate_bps = max(_FLOOR_BPS, round(self.bitrate_bps * (1 - 0.5 * loss)))
        return self.bitrate_bps
