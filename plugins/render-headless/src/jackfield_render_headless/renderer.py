"""The simplest renderer there is, and so the one to copy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from attrs import define

from jackfield.roles import RenderedCall, RenderedTrack, Renderer, Unwatch
from jackfield.values.media import EncodedFrame
from jackfield_render_headless.options import Options


@define
class HeadlessRendererFactory:
    """Opens renderers that draw nothing. They need no container."""

    options: Options
    name: str = "render-headless"
    rank: int = 0

    async def open(self, call: RenderedCall, container: Any) -> Renderer:
        """A renderer without a view."""
        return HeadlessRenderer(call, count=self.options.count)


class HeadlessRenderer:
    """Takes nothing; or, told to count, every encoded frame. All of it runs on the event loop."""

    view = None

    def __init__(self, call: RenderedCall, *, count: bool) -> None:
        self._frames: Counter[tuple[str, str]] = Counter()
        self._taken: dict[str, Unwatch] = {}
        self._unwatch: list[Unwatch] = []
        if count:
            self._unwatch += [
                call.on("track_subscribed", lambda event: self._begin(event.track)),
                call.on("track_unsubscribed", lambda event: self._end(event.track)),
            ]
            for track in call.tracks():
                self._begin(track)

    @property
    def frames(self) -> Mapping[tuple[str, str], int]:
        """How many frames came, by uid and source (``camera``, ``microphone`` …)."""
        return dict(self._frames)

    async def close(self) -> None:
        """Every track and event is let go of."""
        for unwatch in (*self._unwatch, *self._taken.values()):
            unwatch()
        self._taken.clear()

    def _begin(self, track: RenderedTrack) -> None:
        key = (track.participant.uid, track.source)

        def count(frame: EncodedFrame) -> None:
            self._frames[key] += 1

        if track.sid not in self._taken:
            self._taken[track.sid] = track.take_encoded(count)

    def _end(self, track: RenderedTrack) -> None:
        unwatch = self._taken.pop(track.sid, None)
        if unwatch:
            unwatch()
