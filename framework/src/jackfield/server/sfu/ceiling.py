"""What a publisher is asked to stay under, where nobody who watches has a path for more.

A picture in one layer cannot be made smaller here: sent whole over a path that carries a third of it, it is none. REMB
tells its publisher (draft-alvestrand-rmcat-remb-03), who takes it as an upper bound beside what it measures itself, as
libwebrtc does with transport-wide feedback too (`GoogCcNetworkController::OnRemoteBitrateReport`). It counts for all
that a connection carries. So a publisher of anything in layers that somebody takes, or of anything that somebody can
take whole, is asked for nothing: nobody gets less because somebody else's path is narrow.
"""

from __future__ import annotations

from collections.abc import Collection

from jackfield.server.sfu.uplink import UpTrack

#: A part of the room that a path has, for what is sent again and for keyframes.
_SAFE = 0.85
_SOUND_BPS = 50_000
#: Said to take a ceiling away: libwebrtc keeps the last one for ever. Often, for a report may be lost.
_OPEN_BPS, _OPENINGS = 100_000_000, 6


class Ceiling:
    """For one publisher's connection. `bps` is None while there is none."""

    def __init__(self) -> None:
        self.bps: int | None = None
        self._openings = 0

    def look(self, tracks: Collection[UpTrack]) -> int | None:
        """What to tell the publisher now; None: nothing. Call it every half second."""
        self.bps = _of(tracks, self.bps)
        for track in tracks:
            track.is_held_back = self.bps is not None
        if self.bps is not None:
            self._openings = _OPENINGS
        elif self._openings:
            self._openings -= 1
            return _OPEN_BPS
        return self.bps


def _of(tracks: Collection[UpTrack], before: int | None) -> int | None:
    sent = [track for track in tracks if track.is_video and not track.muted and track.layers]
    single = [track for track in sent if len(track.rids) == 1]
    rooms = [room for track in single if (room := _room_bps(track)) != 0]
    if any(_room_bps(track) != 0 for track in sent if len(track.rids) > 1) or None in rooms:
        return None
    watched = [room for room in rooms if room is not None]
    if not watched:
        return before  # nobody watches, and nobody needs to be told so
    sound = sum(not track.is_video and not track.muted for track in tracks)
    # One that nobody watches is sent all the same, and takes as much of it as any.
    return round(_SAFE * sum(watched) * len(single) / len(watched)) + _SOUND_BPS * sound


def _room_bps(track: UpTrack) -> float | None:
    """The best that anybody's path has for it: None where that is all of it, 0 where nobody takes it."""
    rooms = [feed.room_bps for feed in track.feeds]
    known = [room for room in rooms if room is not None]
    return max(known, default=0.0) if len(known) == len(rooms) else None
