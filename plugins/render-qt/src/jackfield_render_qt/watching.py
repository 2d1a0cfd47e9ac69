"""Which track a tile shows, taken decoded while the tile is to be seen and its sender has it on."""

from __future__ import annotations

from typing import Any

from jackfield.roles import RenderedCall, RenderedTrack, Unwatch
from jackfield.values.media import VideoFrame
from jackfield_render_qt.scaling import Scaling, Slot


class Watching:
    """One tile's track. `look` and `stop` on the event loop."""

    def __init__(self, call: RenderedCall, slot: Slot, uid: str, source: str, scaling: Scaling) -> None:
        self._call, self._slot, self._uid, self._source = call, slot, uid, source
        self._scaling = scaling
        self._track: RenderedTrack | None = None
        self._unwatch: Unwatch | None = None

    def look(self, *, is_shown: bool) -> None:
        """Takes what there is to be shown; nothing where the tile is hidden."""
        track = self._find() if is_shown else None
        if track is self._track:
            return
        self.stop()
        self._track = track
        if track is not None:
            self._unwatch = track.take_decoded(self._take)

    def _find(self) -> RenderedTrack | None:
        own = self._uid == self._call.local.uid
        tracks: Any = self._call.own_tracks() if own else self._call.tracks()
        there = [track for track in tracks if track.participant.uid == self._uid and track.kind == "video"]
        of_source = [track for track in there if self._shows(track)]
        return next((track for track in of_source if not track.muted), None)

    def _shows(self, track: RenderedTrack) -> bool:
        return (track.source == "screen") is (self._source == "screen")

    def _take(self, media: Any) -> None:
        if isinstance(media, VideoFrame):
            self._scaling.put(self._slot, media)

    def stop(self) -> None:
        """Nothing is taken."""
        if self._unwatch is not None:
            self._unwatch()
            self._scaling.forget(self._slot)
        self._unwatch = self._track = None


def has_picture(call: RenderedCall, uid: str, source: str) -> bool:
    """Whether there is a track of this person that is on, or may soon be."""
    own = uid == call.local.uid
    tracks: Any = call.own_tracks() if own else call.tracks()
    return any(
        track.participant.uid == uid
        and track.kind == "video"
        and (track.source == "screen") is (source == "screen")
        and not track.muted
        for track in tracks
    )
