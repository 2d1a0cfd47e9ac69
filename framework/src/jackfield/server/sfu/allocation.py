"""Which layer of which picture a subscriber gets when its path does not carry all that it wants."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

from attrs import frozen

from jackfield.rtc.bandwidth import share

#: Nothing of this picture is sent.
PAUSED = -1
#: A layer above the one that is sent has to fit with this much to spare, or the choice would swing.
_HEADROOM = 1.15
#: With less room than this a picture is of no use to anybody.
_LEAST_BPS = 100_000


@frozen
class Wish:
    """A picture that is wanted, and what its layers take, the smallest first, up to the best that is wanted.

    ``whole_bps`` is what it would take, were its publisher not asked to send less.
    """

    track_sid: str
    layers_bps: tuple[int, ...]
    whole_bps: int = 0

    @property
    def most_bps(self) -> int:
        """What it takes at most, as far as is known."""
        return max(self.whole_bps, self.layers_bps[-1])


def allocate(
    budget_bps: int | None,
    wishes: Sequence[Wish],
    held: Mapping[str, int],
    *,
    most: int = 0,
    kept: Collection[str] = (),
) -> dict[str, int]:
    """The layer for each wish, the most important first, or `PAUSED`.

    Everybody's smallest layer comes before anybody's next; what does not fit is paused from the least important on. The
    most important one is never paused: loss may be the path's own, or an outage's that is over, and a budget be wrong.
    ``held`` is what is sent now; none of ``kept`` is paused, for what a picture takes goes up and down. ``budget_bps``
    None: the path carries everything. ``most`` pictures at most; 0: all.
    """
    allowed = list(wishes[:most] if most else wishes)
    chosen = {wish.track_sid: PAUSED for wish in wishes}
    if budget_bps is None:
        return chosen | {wish.track_sid: len(wish.layers_bps) - 1 for wish in allowed}
    left = float(budget_bps)
    for wish in allowed:
        if wish is allowed[0] or wish.track_sid in kept:
            chosen[wish.track_sid] = 0
            left = max(0.0, left - wish.layers_bps[0])
    for level in range(max((len(wish.layers_bps) for wish in allowed), default=0)):
        for wish in allowed:
            if level >= len(wish.layers_bps) or chosen[wish.track_sid] != level - 1:
                continue
            more = wish.layers_bps[level] - (wish.layers_bps[level - 1] if level else 0)
            spare = wish.layers_bps[level] * (_HEADROOM - 1) if level > held.get(wish.track_sid, PAUSED) else 0.0
            if more + spare <= left:
                chosen[wish.track_sid] = level
                left -= more
            elif level == 0:
                return chosen
    return chosen


def next_step(wishes: Sequence[Wish], chosen: Mapping[str, int], *, most: int = 0) -> float:
    """The least budget with which `allocate` would give more than this; infinite where there is no more to give."""
    allowed = wishes[:most] if most else wishes
    now = sum(wish.layers_bps[chosen[wish.track_sid]] for wish in wishes if chosen[wish.track_sid] > PAUSED)
    standing = [wish.layers_bps[0] * _HEADROOM for wish in allowed if chosen[wish.track_sid] == PAUSED][:1]
    better = [
        wish.layers_bps[level] * _HEADROOM - wish.layers_bps[level - 1]
        for wish in allowed
        if 0 < (level := chosen[wish.track_sid] + 1) < len(wish.layers_bps)
    ]
    return now + min(standing or better, default=math.inf)


def rooms(budget_bps: int | None, wishes: Sequence[Wish], *, most: int = 0) -> dict[str, float | None]:
    """What a path has for each picture, in equal parts, but for what some of them do not use; None: all that it takes.

    0 for those that are over ``most``, and, the least important first, where the parts would be too small.
    """
    allowed = wishes[:most] if most else wishes
    found: dict[str, float | None] = {wish.track_sid: 0.0 for wish in wishes}
    if budget_bps is None:
        return found | {wish.track_sid: None for wish in allowed}
    useful = allowed[: max(1, budget_bps // _LEAST_BPS)]
    for wish, part in zip(useful, share(budget_bps, [wish.most_bps for wish in useful]), strict=True):
        found[wish.track_sid] = None if part >= wish.most_bps else float(part)
    return found
