"""Simulcast: one track in several sizes, each an encoding of its own (RFC 8853), and what each of them may use.

Names and proportions are LiveKit's: ``q``, ``h`` and ``f``, each twice as wide and high as the one before.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from attrs import frozen

RIDS = ("q", "h", "f")
#: The width of a layer beside that of the next larger one.
STEP = 0.5
#: The longer side from which on there are two layers, and three.
TWO_FROM, _THREE = 480, 960
#: A layer above the lowest begins with this share of what it is worth, and goes on down to the second one.
_BEGINS, _ENDS = 0.6, 0.45


@frozen
class Layer:
    """One encoding. ``scale`` is its width's share of the source's; ``rid`` is "" where there is no other."""

    rid: str = ""
    scale: float = 1.0
    bitrate_bps: int | None = None


def ladder(width: int, height: int, bitrate_bps: int) -> tuple[Layer, ...]:
    """The layers of a picture of this size, the smallest first; one without a name where it is too small for two."""
    longer = max(width, height)
    count = 3 if longer >= _THREE else 2 if longer >= TWO_FROM else 1
    if count == 1:
        return (Layer(bitrate_bps=bitrate_bps),)
    scales = [STEP ** (count - 1 - index) for index in range(count)]
    return tuple(Layer(rid, scale, round(bitrate_bps * scale**1.5)) for rid, scale in zip(RIDS, scales, strict=False))


def allot(budget_bps: int, layers: Sequence[Layer], taken: Collection[str], on: Collection[str]) -> list[int]:
    """What each layer may use, 0 where it is not to be sent: the smallest first, since everybody can take it.

    ``taken`` are the layers that anybody takes, ``on`` those that are sent now, which end later than they begin.
    """
    parts = [0] * len(layers)
    first = True
    for index, layer in enumerate(layers):
        if layer.rid not in taken:
            continue
        worth = layer.bitrate_bps or budget_bps
        least = 0.0 if first else worth * (_ENDS if layer.rid in on else _BEGINS)
        if budget_bps < least:
            break
        first = False
        parts[index] = min(worth, budget_bps)
        budget_bps -= parts[index]
    return parts
