"""The answer to a publisher's offer: which m= sections are taken, with which codec, and how packets are told apart.

The mids, payload types and header extension ids are the offer's. What is sent to nobody (``recvonly``) is inactive.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Literal

from attrs import evolve, frozen

from jackfield.rtc import codecs, sdp
from jackfield.rtc.sdp import CodecParameters, MediaSection, Rid, SessionDescription, Simulcast

#: Without it libwebrtc starts at 300 kbit/s and the upper layers come seconds late.
START_BITRATE = "x-google-start-bitrate"
_START_BITRATE_KBPS = "1000"
_LAYER_NAMES = ("q", "h", "f")
_LAYERS_MAX = 4
_VIDEO_FEEDBACK = ("nack", "nack pli", "ccm fir", "transport-cc")
_COMMON_EXTENSIONS = {sdp.MID, sdp.TRANSPORT_CC}
_EXTENSIONS = {
    "audio": _COMMON_EXTENSIONS | {sdp.AUDIO_LEVEL},
    # No video-orientation: a sender that cannot send it turns the picture itself.
    "video": _COMMON_EXTENSIONS | {sdp.RID, sdp.REPAIRED_RID},
}


@frozen
class Announced:
    """A track that the publisher has announced by ``cid``. ``codec`` is the one it prefers, "" for none."""

    cid: str
    kind: Literal["audio", "video"]
    codec: str = ""


@frozen
class Taken:
    """An m= section that is received from, and how its packets are known."""

    cid: str
    mid: str
    kind: Literal["audio", "video"]
    codec: CodecParameters
    rtx_payload_type: int | None
    #: Layer names, the smallest picture first; empty without simulcast.
    rids: tuple[str, ...]
    #: SSRCs named in the offer with their retransmission SSRCs; libwebrtc names none for simulcast.
    sources: tuple[tuple[int, int | None], ...]
    extensions: dict[str, int]
    #: Where the publisher puts frames of sound with those before them (RED).
    red_payload_type: int | None = None


Own = Callable[[MediaSection], MediaSection]
#: From an offered section and the answer to it, the answer that is given.
Fill = Callable[[MediaSection, MediaSection], MediaSection]


def build_answer(
    offer: SessionDescription, announced: Sequence[Announced], *, transport: Own, fill: Fill | None = None
) -> tuple[SessionDescription, list[Taken]]:
    """The answer, and what it takes. ``transport`` puts our ICE and DTLS into a section, ``fill`` something to receive
    into one that nothing is sent in."""
    taken: list[Taken] = []
    sections: list[MediaSection] = []
    unclaimed = list(announced)
    named = {track_id(section) for section in offer.media if _sends(section)}
    for section in offer.media:
        track = _claim(section, unclaimed, named)
        found = track and _take(section, track)
        if found:
            taken.append(found)
        answered = _section(section, found or None)
        if fill is not None and not found and section.kind in ("audio", "video"):
            answered = fill(section, answered)
        sections.append(transport(answered))
    bundle = [mid for mid in offer.bundle if any(s.mid == mid and s.port for s in sections)]
    answer = SessionDescription(sections, bundle=bundle, ice_lite=True, extmap_allow_mixed=offer.extmap_allow_mixed)
    return answer, taken


def track_id(section: MediaSection) -> str:
    """The track id in a section's msid, wherever the msid stands; "" where there is none."""
    msid = section.msid or next((source.msid for source in section.ssrcs if source.msid), "")
    return msid.split()[-1] if msid else ""


def _sends(section: MediaSection) -> bool:
    return section.kind in ("audio", "video") and not section.rejected and section.direction in ("sendonly", "sendrecv")


def _claim(section: MediaSection, unclaimed: list[Announced], named: Collection[str]) -> Announced | None:
    """The announced track that this section carries: by its id, else the first of its kind that no section names."""
    if not _sends(section):
        return None
    name = track_id(section)
    of_kind = [track for track in unclaimed if track.kind == section.kind]
    unnamed = next((track for track in of_kind if track.cid not in named), None)
    found = next((track for track in of_kind if track.cid == name), unnamed)
    if found is not None:
        unclaimed.remove(found)
    return found


def _take(section: MediaSection, track: Announced) -> Taken | None:
    codec = _choose_codec(section, track.codec)
    if codec is None:
        return None
    rtx = section.rtx_for(codec.payload_type)
    rids = _send_rids(section)
    repairs = {ssrc for name, group in section.ssrc_groups if name == "FID" for ssrc in group[1:]}
    sources = tuple((s.ssrc, section.rtx_ssrc(s.ssrc)) for s in section.ssrcs if s.ssrc not in repairs)
    return Taken(
        cid=track.cid,
        mid=section.mid,
        kind=track.kind,
        codec=codec,
        rtx_payload_type=rtx.payload_type if rtx else None,
        rids=tuple(sorted(rids, key=_layer_rank(rids))),
        sources=() if rids else sources[:1],
        extensions={uri: key for key, uri in _extensions(section, codec).items()},
        red_payload_type=codecs.red_among(section.codecs, codec.payload_type),
    )


def _choose_codec(section: MediaSection, preferred: str) -> CodecParameters | None:
    """The preferred codec where it is offered, else the first that we forward; of H.264's profiles rather 42e01f."""
    usable = [codec for codec in section.codecs if not codec.is_rtx and codecs.usable(codec)]
    wanted = codecs.canonical(preferred) if preferred else None
    named = [codec for codec in usable if codecs.canonical(codec.name) == wanted]
    found = named or usable
    if not found:
        return None
    same = [codec for codec in found if codec.name == found[0].name]
    return next((codec for codec in same if codec.parameters.get("profile-level-id", "").lower() == "42e01f"), same[0])


def _send_rids(section: MediaSection) -> list[str]:
    if section.kind != "video" or section.simulcast is None:
        return []
    offered = {rid.id for rid in section.rids if rid.direction == "send"}
    return [rid.lstrip("~") for rid in section.simulcast.send if rid.lstrip("~") in offered][:_LAYERS_MAX]


def _layer_rank(rids: Sequence[str]) -> Callable[[str], int]:
    """Orders q < h < f by name; foreign names as they are written."""
    named = all(rid in _LAYER_NAMES for rid in rids)
    return _LAYER_NAMES.index if named else list(rids).index


def _extensions(section: MediaSection, codec: CodecParameters) -> dict[int, str]:
    wanted = set(_EXTENSIONS[section.kind])
    if codecs.canonical(codec.name) == "AV1":
        wanted.add(sdp.DEPENDENCY_DESCRIPTOR)
    return {key: uri for key, uri in section.header_extensions.items() if uri in wanted}


def _section(offered: MediaSection, taken: Taken | None) -> MediaSection:
    answered = MediaSection(offered.kind, offered.mid, protocol=offered.protocol, formats=list(offered.formats))
    answered.rtcp_mux = offered.rtcp_mux
    answered.rtcp_rsize = offered.rtcp_rsize
    if offered.kind == "application":
        answered.sctp_port, answered.max_message_size = 5000, 65536
        answered.port = 0 if offered.rejected else 9
        return answered
    if taken is not None:
        return _received(offered, answered, taken)
    answered.direction = "inactive"
    is_known = offered.kind in _EXTENSIONS
    usable = [codec for codec in offered.codecs if is_known and not codec.is_rtx and codecs.usable(codec)]
    answered.port = 0 if offered.rejected or not usable else 9
    answered.codecs = [evolve(codec, feedback=()) for codec in usable[:1]]
    if usable:
        # A later offer of libwebrtc's has only those extensions that each answer before it took.
        answered.header_extensions = _extensions(offered, usable[0])
    return answered


def _received(offered: MediaSection, answered: MediaSection, taken: Taken) -> MediaSection:
    answered.direction = "recvonly"
    answered.codecs = _answered_codecs(offered, taken)
    answered.header_extensions = {key: uri for uri, key in taken.extensions.items()}
    if taken.rids:
        order = _send_rids(offered)
        answered.rids = [Rid(rid, "recv") for rid in order]
        answered.simulcast = Simulcast(recv=tuple(order))
    return answered


def _with_transport_cc(codec: CodecParameters) -> CodecParameters:
    return evolve(codec, feedback=tuple(item for item in codec.feedback if item == "transport-cc"))


def _answered_codecs(offered: MediaSection, taken: Taken) -> list[CodecParameters]:
    codec = taken.codec
    if taken.kind == "audio":
        chosen = (codec.payload_type, taken.red_payload_type)
        return [_with_transport_cc(each) for each in offered.codecs if each.payload_type in chosen]
    feedback = tuple(item for item in codec.feedback if item in _VIDEO_FEEDBACK)
    if "transport-cc" not in feedback or sdp.TRANSPORT_CC not in taken.extensions:
        feedback = tuple(item for item in codec.feedback if item in (*_VIDEO_FEEDBACK[:3], "goog-remb"))
    parameters = {START_BITRATE: _START_BITRATE_KBPS, **codec.parameters}
    rtx = offered.rtx_for(codec.payload_type)
    return [evolve(codec, feedback=feedback, parameters=parameters), *([rtx] if rtx else [])]
