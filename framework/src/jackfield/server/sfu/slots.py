"""Protocol v1: the client always offers, and its recvonly sections are slots that our answers put tracks into.

A slot is never given from one track to another (as in `offer`): it is rejected once its track is gone, and the client
makes a new one in its place. One that is the bundle's first stays, inactive: the transport hangs on it.
"""

from __future__ import annotations

from attrs import define, evolve, field

from jackfield.rtc import codecs, sdp
from jackfield.rtc.sdp import CodecParameters, MediaSection, SsrcInfo
from jackfield.server.sfu.offer import FEEDBACK, Offered

_EXTENSIONS = {sdp.DEPENDENCY_DESCRIPTOR}


@define
class ReceiveSlots:
    """What waits for a slot, and what is in one: a track gets there by an answer, and may be sent from then on."""

    waiting: dict[str, Offered] = field(factory=dict)
    #: Tracks by the mid of their section; None: the track is gone.
    taken: dict[str, Offered | None] = field(factory=dict)
    #: Tracks that found a slot, and slots that lack their codec, in the answer that is being made.
    fresh: dict[str, CodecParameters] = field(factory=dict)
    refused: set[str] = field(factory=set)

    def add(self, track: Offered) -> None:
        """An answer will have this track."""
        self.waiting[track.track_sid] = track

    def remove(self, track_sid: str) -> None:
        """The next answer rejects this track's slot."""
        self.waiting.pop(track_sid, None)
        for mid, track in self.taken.items():
            if track is not None and track.track_sid == track_sid:
                self.taken[mid] = None

    def missing(self) -> tuple[int, int]:
        """How many slots for sound and for pictures the client has to make."""
        kinds = [track.kind for track in self.waiting.values()]
        return kinds.count("audio"), kinds.count("video")

    def mids(self) -> dict[str, str]:
        """The sid of the track in each section."""
        return {mid: track.track_sid for mid, track in self.taken.items() if track is not None}

    def fill(self, offered: MediaSection, answered: MediaSection, *, is_first: bool) -> MediaSection:
        """The answer to one section that the client sends nothing in; ``answered`` is what it is without a track."""
        if offered.rejected or offered.direction not in ("recvonly", "sendrecv"):
            return answered
        if offered.mid in self.taken:
            track = self.taken[offered.mid]
            if track is None and not is_first:
                answered.port = 0
        else:
            track = self._next(offered)
        codec = _codec(offered, track) if track is not None else None
        if track is None or codec is None:
            known = offered.header_extensions.items()
            answered.header_extensions |= {key: uri for key, uri in known if uri in _EXTENSIONS}
            return answered
        self.taken[offered.mid] = track
        return _sending(offered, answered, track, codec)

    def _next(self, offered: MediaSection) -> Offered | None:
        for sid, track in self.waiting.items():
            if track.kind == offered.kind:
                codec = _codec(offered, track)
                if codec is not None:
                    self.fresh[sid] = codec
                    return self.waiting.pop(sid)
                self.refused.add(sid)
        return None


def _codec(offered: MediaSection, track: Offered) -> CodecParameters | None:
    """The track's codec as the client offers it; of H.264's profiles rather 42e01f."""
    fitting = [
        codec for codec in offered.codecs if codecs.canonical(codec.name) == track.codec and codecs.usable(codec)
    ]
    best = [codec for codec in fitting if codec.parameters.get("profile-level-id", "").lower() == "42e01f"]
    return next(iter([*best, *fitting]), None)


def _sending(offered: MediaSection, answered: MediaSection, track: Offered, codec: CodecParameters) -> MediaSection:
    wanted = FEEDBACK if track.kind == "video" else ()
    taken = evolve(codec, feedback=tuple(item for item in codec.feedback if item in wanted))
    if track.stereo:
        taken.parameters = {**taken.parameters, "stereo": "1", "sprop-stereo": "1"}
    rtx = offered.rtx_for(codec.payload_type)
    answered.port, answered.direction, answered.msid = 9, "sendonly", track.msid
    answered.codecs = [taken, *([rtx] if rtx else [])]
    known = offered.header_extensions.items()
    answered.header_extensions = {key: uri for key, uri in known if uri in _EXTENSIONS}
    cname = track.participant_sid
    answered.ssrcs = [SsrcInfo(track.ssrc, cname, track.msid)]
    if rtx:
        answered.ssrcs.append(SsrcInfo(track.rtx_ssrc, cname, track.msid))
        answered.ssrc_groups = [("FID", (track.ssrc, track.rtx_ssrc))]
    return answered
