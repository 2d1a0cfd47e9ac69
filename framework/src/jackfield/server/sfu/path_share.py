"""How one subscriber's path is shared among the pictures that it wants."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from livekit.protocol import models

from jackfield.media.clock import Clock
from jackfield.server.sfu.allocation import PAUSED, Wish, allocate, next_step, rooms
from jackfield.server.sfu.downlink import DownTrack
from jackfield.server.sfu.path_estimate import PathEstimate
from jackfield.server.sfu.publication import Publication

#: Loss of a few packets says nothing of a path.
_COUNTS_BPS = 50_000
_LEAST_VIDEO_BPS = 30_000
_ANY = 1 << 8
_REPAIRS = 0.5
#: What a layer takes differs from one half second to the next.
_MARGIN = 1.1
#: A publisher that is asked for more sends more by and by: the path is taken to carry no more than so much of it.
_UNTRIED = 1.5
#: What is sent again where nothing is known of the path: as much as after an outage of a second.
_REPAIRS_BPS = 500_000


class _Shared(NamedTuple):
    publication: Publication
    down: DownTrack


class PathShare:
    """Decides every half second. ``last_n`` pictures at most, 0: all; ``on_paused`` gets what pauses (True) or goes on.

    Shared screens come first, then who spoke last, then who was there first. Sound is never held back.
    """

    def __init__(self, clock: Clock, last_n: int, on_paused: Callable[[Mapping[str, bool]], None]) -> None:
        self.estimate = PathEstimate()
        self._clock = clock
        self._last_n = last_n
        self._on_paused = on_paused
        self._shared: dict[str, _Shared] = {}
        self._paused: set[str] = set()
        self._given: set[str] = set()
        self._sent = (clock.now_ns(), 0)
        self._next_bps, self._is_short, self._is_held_back = math.inf, False, False

    def add(self, publication: Publication, down: DownTrack) -> None:
        """This is subscribed to."""
        full = self._last_n and len(self._wanted()) >= self._last_n
        if down.track.is_video and (full or self.estimate.budget_bps is not None):
            down.allow(PAUSED if full else 0)  # until the next decision
            down.make_room(0.0)
        self._shared[publication.sid] = _Shared(publication, down)

    def remove(self, track_sid: str) -> None:
        """And this no more."""
        self._shared.pop(track_sid, None)
        self._paused.discard(track_sid)

    def reported(self, down: DownTrack, rtt_ms: float | None) -> None:
        """The subscriber has reported how this one comes, and what the round trip was if it said so."""
        if rtt_ms is not None:
            self.estimate.took(rtt_ms, self._clock.now_ns())
        layer = down.feeding
        if down.track.is_video and layer is not None and layer.bitrate_bps > _COUNTS_BPS:
            self.estimate.lost(down.reception.loss)

    def decide(self, sent_bits: int) -> None:
        """``sent_bits`` is what has been sent to this subscriber in all."""
        now_ns = self._clock.now_ns()
        since_ns, before = self._sent
        if now_ns <= since_ns:
            return
        self._sent = (now_ns, sent_bits)
        wishes = [_wish(shared) for shared in sorted(self._wanted(), key=_importance)]
        sound_bps = sum(_sound_bps(shared.down) for shared in self._shared.values())
        wanted_bps = sound_bps + sum(wish.most_bps for wish in wishes)
        sent_bps = (sent_bits - before) * 1e9 / (now_ns - since_ns)
        before_bps = self.estimate.budget_bps
        budget_bps = self.estimate.update(
            now_ns,
            now_ns - since_ns,
            sent_bps,
            wanted_bps,
            next_bps=self._next_bps,
            is_short=self._is_short,
            is_held_back=self._is_held_back,
            came_bps=sum(shared.down.delivery.bps(now_ns) for shared in self._shared.values()),
        )
        grows = budget_bps is not None and before_bps is not None and budget_bps >= before_bps
        if budget_bps is not None:
            budget_bps = max(_LEAST_VIDEO_BPS, round(budget_bps - sound_bps))
        held = {sid: shared.down.allowed for sid, shared in self._shared.items()}
        chosen = allocate(budget_bps, wishes, held, most=self._last_n, kept=self._given if grows else ())
        self._given = {sid for sid, index in chosen.items() if index != PAUSED}
        self._is_held_back = self._make_room(budget_bps, wishes)
        step_bps = next_step(wishes, chosen, most=self._last_n)
        self._next_bps = sound_bps + _MARGIN * step_bps
        if self._is_held_back:
            self._next_bps = max(_UNTRIED * sent_bps, self._next_bps if math.isfinite(step_bps) else 0.0)
        self._is_short = any(chosen[wish.track_sid] == PAUSED for wish in wishes[: self._last_n or None])
        if budget_bps is None:  # whoever asks for a better layer meanwhile gets it at once
            chosen = {sid: index if index == PAUSED else _ANY for sid, index in chosen.items()}
        self._apply(chosen, budget_bps)

    def _make_room(self, budget_bps: int | None, wishes: Sequence[Wish]) -> bool:
        """Tells each publisher, by way of its track; whether one of them would send more than is asked for."""
        found = rooms(budget_bps, wishes, most=self._last_n)
        for sid, room_bps in found.items():
            self._shared[sid].down.make_room(room_bps)
        return any(found[wish.track_sid] and self._shared[wish.track_sid].down.track.is_held_back for wish in wishes)

    def _wanted(self) -> list[_Shared]:
        return [shared for shared in self._shared.values() if shared.down.track.is_video and shared.down.is_wanted]

    def _apply(self, chosen: Mapping[str, int], budget_bps: float | None) -> None:
        for sid, index in chosen.items():
            self._shared[sid].down.allow(index)
        self._allow_repairs(budget_bps)
        changed = {sid: index == PAUSED for sid, index in chosen.items() if (index == PAUSED) != (sid in self._paused)}
        self._paused = {sid for sid in self._paused | changed.keys() if changed.get(sid, True)}
        if changed:
            self._on_paused(changed)

    def _allow_repairs(self, budget_bps: float | None) -> None:
        """Half of the budget: on a full path, what is sent again is lost again and keeps it full. Where there is none,
        as much as the pictures take: a queue that has just filled is not to get thrice of what filled it."""
        flowing = [
            shared.down
            for shared in self._shared.values()
            if shared.down.track.is_video and shared.down.feeding is not None
        ]
        for down in flowing:
            layer_bps = down.feeding.bitrate_bps if down.feeding is not None else 0.0
            share = _REPAIRS * budget_bps / len(flowing) if budget_bps is not None else max(layer_bps, _REPAIRS_BPS)
            down.allow_repairs(share)


def _importance(shared: _Shared) -> tuple[bool, float]:
    publication = shared.publication
    return publication.info.source != models.TrackSource.SCREEN_SHARE, -publication.owner.spoke_at


def _wish(shared: _Shared) -> Wish:
    """What each layer takes: as measured, as announced where it does not flow, else as the one below it."""
    track = shared.down.track
    announced = sorted(shared.publication.info.layers, key=lambda layer: int(layer.quality))
    costs: list[int] = []
    for index, rid in enumerate(track.rids[: shared.down.wanted + 1]):
        layer = track.layers.get(rid)
        cost = layer.bitrate_bps if layer is not None and layer.flows else 0.0
        if not cost and index < len(announced) and len(track.rids) > 1:
            cost = announced[index].bitrate
        costs.append(round(max(cost, costs[-1] if costs else 0)))
    whole = max((layer.whole_bps for layer in track.layers.values()), default=0.0) if len(track.rids) == 1 else 0.0
    return Wish(shared.publication.sid, tuple(costs), round(whole))


def _sound_bps(down: DownTrack) -> float:
    layer = None if down.track.is_video else down.feeding
    return layer.bitrate_bps if layer is not None else 0.0
