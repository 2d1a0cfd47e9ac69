"""What a viewer had of a trace: freezes, the delay of each picture, and what the path carried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import field, frozen

from jackfield.bench.loss.traces import Span
from jackfield.bench.loss.tunnel import BIN_NS
from jackfield.bench.report import quantile
from jackfield.media.freezes import Freezes

#: What was read from a picture is taken for its number when it was sent at most so long ago.
_LATEST_S = 20.0
#: The delay is normal again when it is so near to what it was before the trouble.
_NORMAL_MS = 30.0
_STEP_S = 0.5
#: How long before the trouble the delay is taken for the usual one, and from when on freezes count.
_BEFORE_S, _COUNTS_S = 3.0, 1.0


@frozen
class Outcome:
    """Seconds are from the beginning of the trace. ``delays`` are (when it was seen, milliseconds since it was sent),
    ``freezes`` (when it ended, milliseconds), ``bitrate`` (when, kbit/s of UDP towards the viewer)."""

    delays: Sequence[tuple[float, float]] = field(repr=False)
    freezes: Sequence[tuple[float, float]] = field(repr=False)
    bitrate: Sequence[tuple[float, float]] = field(repr=False)
    widths: Sequence[int] = ()
    lost: int = 0

    def freeze_ms(self, share: float) -> float:
        """So many of the freezes were no longer than this; 0 where there was none."""
        return quantile([ms for _, ms in self.freezes], share) if self.freezes else 0.0

    @property
    def frozen_s(self) -> float:
        """All freezes together."""
        return sum(ms for _, ms in self.freezes) / 1000

    def delay_ms(self, share: float, begins_s: float, ends_s: float) -> float | None:
        """So many of the pictures seen meanwhile were no older than this; None where none was seen."""
        found = [ms for at, ms in self.delays if begins_s <= at < ends_s]
        return quantile(found, share) if found else None

    def normal_after_s(self, span: Span) -> float | None:
        """How long after the trouble the delay was what it was before it, and stayed so; None: not before the end."""
        before = self.delay_ms(0.5, span.begins - _BEFORE_S, span.begins)
        if before is None:
            return None
        step, answer = span.over - _STEP_S, None
        while step >= span.ends:
            delay = self.delay_ms(0.5, step, step + _STEP_S)
            if delay is None or delay > before + _NORMAL_MS:
                break
            answer = step - span.ends
            step -= _STEP_S
        return answer


def made(run: Mapping[str, Any], span: Span) -> Outcome:
    """The outcome of what `run` printed of a trace with this span."""
    began_ns: int = run["began_ns"]
    sent = {int(number): at_ns for number, at_ns in run["sent"].items()}
    freezes, delays, frozen_at, widths, newest = Freezes(), [], [], [], -1
    for at_ns, number, width in run["seen"]:
        sent_ns = sent.get(number)
        if sent_ns is None or not 0 <= at_ns - sent_ns < _LATEST_S * 1e9 or number <= newest:
            continue  # misread, or the same picture once more
        newest = number
        at_s = (at_ns - began_ns) / 1e9
        stayed_ns = freezes.shown(at_ns)
        if at_s < 0:
            continue
        delays.append((at_s, (at_ns - sent_ns) / 1e6))
        widths.append(width)
        if stayed_ns and at_s >= span.begins - _COUNTS_S:
            frozen_at.append((at_s, stayed_ns / 1e6))
    bins = run["bytes"]
    rates = [(number * BIN_NS / 1e9, size * 8 / (BIN_NS / 1e6)) for number, size in enumerate(bins)]
    seen = sorted(set(widths), reverse=True)
    ended_s = len(bins) * BIN_NS / 1e9
    if delays and ended_s - delays[-1][0] > 1.0:  # it never came back
        frozen_at.append((ended_s, (ended_s - delays[-1][0]) * 1000))
    return Outcome(delays, frozen_at, rates, seen, run.get("lost", 0))
