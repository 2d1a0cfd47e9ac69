"""Offers to a subscriber: one m= section for each track, data channels first, and which section may be used anew.

A section is never given from one track to another while it lives: the Rust SDK's applications then see one person's
pictures in another's stream. It is rejected (port 0), and once that is answered its place is taken by a section with
a mid of its own (RFC 9429 section 5.2.2), which is a new transceiver at the other end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from attrs import define, field, frozen

from jackfield.rtc import codecs, sdp
from jackfield.rtc.sdp import MediaSection, SessionDescription, SsrcInfo
from jackfield.server.sfu.uplink import DEPENDENCY_DESCRIPTOR_ID

#: REMB costs nothing on the way down: browsers tell it from RTP times alone.
FEEDBACK = ("nack", "nack pli", "ccm fir", "goog-remb")


@frozen
class Offered:
    """A track as the offer names it. ``msid`` is ``PA_x|TR_y TR_y``: without the bar nothing is ever subscribed."""

    track_sid: str
    participant_sid: str
    kind: Literal["audio", "video"]
    codec: str
    ssrc: int
    rtx_ssrc: int
    stereo: bool = False
    redundant: bool = False

    @property
    def msid(self) -> str:
        """Stream and track; clients find the participant in it."""
        return f"{self.participant_sid}|{self.track_sid} {self.track_sid}"


@define
class _Place:
    mid: str
    kind: Literal["audio", "video"]
    track: Offered | None
    #: The rejection has been answered; the place can be taken.
    is_free: bool = False


@define
class SubscriberOffer:
    """What is offered to one subscriber, and what an offer in flight contains."""

    places: list[_Place] = field(factory=list)
    version: int = 1
    #: Track sids in the offer that has not been answered; None when there is none in flight.
    in_flight: frozenset[str] | None = None
    _next_mid: int = 1

    def add(self, track: Offered) -> None:
        """The next offer contains this track."""
        mid = str(self._next_mid)
        self._next_mid += 1
        for index, place in enumerate(self.places):
            if place.is_free:
                self.places[index] = _Place(mid, track.kind, track)
                return
        self.places.append(_Place(mid, track.kind, track))

    def remove(self, track_sid: str) -> None:
        """The next offer rejects this track's section."""
        for place in self.places:
            if place.track is not None and place.track.track_sid == track_sid:
                place.track = None
        if self.in_flight is not None:  # what the answer says is of no account any more
            self.in_flight -= {track_sid}

    def takes_redundant(self, answer: SessionDescription, track_sid: str) -> bool:
        """Whether the answer takes redundant audio for this track."""
        place = next((each for each in self.places if each.track and each.track.track_sid == track_sid), None)
        section = answer.section(place.mid) if place is not None else None
        return section is not None and any(codec.name.lower() == "red" for codec in section.codecs)

    def build(self, transport: Callable[[MediaSection], MediaSection]) -> SessionDescription:
        """The next offer, which is in flight from now on. ``transport`` puts our ICE and DTLS into a section."""
        application = MediaSection("application", "0", protocol="UDP/DTLS/SCTP", sctp_port=5000, max_message_size=65536)
        sections = [transport(application)]
        for place in self.places:
            section = _rejected(place) if place.track is None else transport(_sending(place, place.track))
            sections.append(section)
        self.version += 1
        self.in_flight = frozenset(place.track.track_sid for place in self.places if place.track)
        self._rejecting = [place for place in self.places if place.track is None]
        bundle = [section.mid for section in sections if section.port]
        return SessionDescription(sections, origin_id=1, version=self.version, bundle=bundle, ice_lite=True)

    _rejecting: list[_Place] = field(factory=list, init=False)

    def answered(self, answer: SessionDescription) -> tuple[list[str], list[str]]:
        """The tracks that may be sent now, and those that the subscriber does not take."""
        sent, in_flight = [], self.in_flight or frozenset()
        for place in self.places:
            if place.track is not None and place.track.track_sid in in_flight:
                section = answer.section(place.mid)
                if section is not None and not section.rejected and section.direction in ("recvonly", "sendrecv"):
                    sent.append(place.track.track_sid)
        for place in self._rejecting:
            place.is_free = True
        self.in_flight = None
        return sent, sorted(in_flight.difference(sent))


def _sending(place: _Place, track: Offered) -> MediaSection:
    feedback = FEEDBACK if track.kind == "video" else ()
    section = MediaSection(track.kind, place.mid, direction="sendonly", msid=track.msid)
    section.codecs = codecs.parameters_for(track.codec, feedback)
    if track.stereo:
        section.codecs[0].parameters |= {"stereo": "1", "sprop-stereo": "1"}
    if track.redundant:
        section.codecs.append(codecs.red_for(section.codecs[0]))
    if track.codec == "AV1":
        section.header_extensions = {DEPENDENCY_DESCRIPTOR_ID: sdp.DEPENDENCY_DESCRIPTOR}
    cname = track.participant_sid
    section.ssrcs = [SsrcInfo(track.ssrc, cname, track.msid)]
    if track.kind == "video":
        section.ssrcs.append(SsrcInfo(track.rtx_ssrc, cname, track.msid))
        section.ssrc_groups = [("FID", (track.ssrc, track.rtx_ssrc))]
    return section


def _rejected(place: _Place) -> MediaSection:
    name = "opus" if place.kind == "audio" else "VP8"
    section = MediaSection(place.kind, place.mid, port=0, direction="inactive")
    section.codecs = codecs.parameters_for(name, ())[:1]
    return section
