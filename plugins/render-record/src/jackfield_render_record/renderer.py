"""The renderer: takes every track as it arrives, encoded, and keeps it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import define

from jackfield.roles import RenderedCall, RenderedTrack, Renderer, Unwatch
from jackfield.values.media import EncodedFrame
from jackfield_render_record.naming import naming, tried
from jackfield_render_record.options import Options

if TYPE_CHECKING:
    from jackfield_render_record.recording import Recording, Source

logger = logging.getLogger("jackfield.render-record")


@define
class RecordRendererFactory:
    """Opens recordings. It needs no container."""

    options: Options
    name: str = "render-record"
    rank: int = 10
    #: Settings on which a recording acts.
    acts_on: frozenset[str] = frozenset({"record_to"})

    async def open(self, call: RenderedCall, container: Any) -> Renderer:
        """A recording that has begun; ``PluginError`` when nothing can be written where it was told to."""
        import asyncio

        from jackfield_render_record.recording import Recording, Source

        to = getattr(call.settings, "record_to", None) or self.options.to
        name_file = naming(str(to), call.session_id, datetime.now())
        await asyncio.to_thread(tried, name_file, Source("probe", "probe", "", ""))
        recording = Recording(
            name_file,
            title=call.session_id,
            cluster_ms=self.options.cluster_ms,
            queue_frames=self.options.queue_frames,
        )
        return RecordRenderer(call, recording)


class RecordRenderer:
    """One recording under way. ``view`` is the files so far."""

    def __init__(self, call: RenderedCall, recording: Recording) -> None:
        self._recording = recording
        self._taken: dict[str, Unwatch] = {}
        self._labels: dict[tuple[str, str], str] = {}
        self._unwatch = [
            call.on("track_subscribed", lambda event: self._begin(event.track)),
            call.on("track_unsubscribed", lambda event: self._end(event.track)),
        ]
        for track in call.tracks():
            self._begin(track)

    @property
    def view(self) -> tuple[Path, ...]:
        """The files so far."""
        return self._recording.files

    async def close(self) -> None:
        """The files are whole."""
        import asyncio

        for unwatch in (*self._unwatch, *self._taken.values()):
            unwatch()
        await asyncio.to_thread(self._recording.close)

    def _begin(self, track: RenderedTrack) -> None:
        from jackfield_render_record.recording import Source

        def source_of(codec: str) -> Source:
            return Source(track.participant.uid, track.participant.name, self._label(track), codec)

        if track.sid not in self._taken:
            self._taken[track.sid] = track.take_encoded(TakenTrack(track, source_of, self._recording).take)
            track.request_keyframe()

    def _end(self, track: RenderedTrack) -> None:
        unwatch = self._taken.pop(track.sid, None)
        if unwatch:
            unwatch()
        for key in [key for key, sid in self._labels.items() if sid == track.sid]:
            del self._labels[key]

    def _label(self, track: RenderedTrack) -> str:
        """What the file calls the track: the same for a camera that goes and comes back, and never for two at once."""
        label = track.source if track.source != "unknown" else track.name[:40] or track.kind
        holder = self._labels.setdefault((track.participant.uid, label), track.sid)
        return label if holder == track.sid else f"{label} {track.sid}"


class TakenTrack:
    """Hands a track's frames on, from a keyframe to the first that is missing, and again from the next keyframe."""

    def __init__(self, track: RenderedTrack, source_of: Callable[[str], Source], recording: Recording) -> None:
        self._track, self._source_of, self._recording = track, source_of, recording
        self._whole = track.kind == "audio"
        self._refused: set[str] = set()

    def take(self, frame: EncodedFrame) -> None:
        """One frame, on the event loop."""
        if not self._can_hold(frame.codec):
            return
        if self._track.kind == "video":
            if frame.keyframe:
                self._whole = True
            elif self._whole and frame.lost_before:
                self._miss()
            if not self._whole:
                return
        if not self._recording.put(self._source_of(frame.codec), frame) and self._track.kind == "video":
            self._miss()

    def _miss(self) -> None:
        self._whole = False
        self._track.request_keyframe()

    def _can_hold(self, codec: str) -> bool:
        from jackfield_render_record.entries import can_hold

        if not can_hold(codec) and codec not in self._refused:
            self._refused.add(codec)
            logger.warning("%s of %s is not recorded: %s", self._track.source, self._track.participant.uid, codec)
        return codec not in self._refused
