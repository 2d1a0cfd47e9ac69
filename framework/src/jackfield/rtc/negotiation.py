"""Offers and answers (RFC 9429): what we put into a section, and what the other end's answer means for us.

Everything is bundled on the first section's transport, RTCP shares it, and every section repeats ICE and DTLS;
candidates stand in the first section, where every implementation looks for them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal

from attrs import evolve, frozen

from jackfield.rtc import sdp
from jackfield.rtc.codecs import (
    canonical,
    has_our_profile,
    is_red_of,
    parameters_for,
    red_among,
    red_for,
    with_feedback,
)
from jackfield.rtc.payload import CODECS
from jackfield.rtc.sdp import CodecParameters, Fingerprint, MediaSection, SessionDescription, Setup
from jackfield.rtc.send_stream import SendParameters
from jackfield.rtc.sender import RtpSender
from jackfield.values.media import Kind

#: Header extensions we take part in, and the ids under which we offer them.
_LEVEL_ID, _DESCRIPTOR_ID, _TRANSPORT_CC_ID, _MID_ID, _RID_ID, _REPAIRED_RID_ID = 1, 2, 3, 4, 5, 6
_OFFERED: dict[str, dict[int, str]] = {
    "audio": {_LEVEL_ID: sdp.AUDIO_LEVEL, _TRANSPORT_CC_ID: sdp.TRANSPORT_CC, _MID_ID: sdp.MID},
    "video": {_TRANSPORT_CC_ID: sdp.TRANSPORT_CC, _MID_ID: sdp.MID},
}
_ANSWERED = (sdp.TRANSPORT_CC, sdp.MID)
#: Where the other end takes no arrivals, it gets our estimate instead, which is made of the instants it sends at.
_ANSWERED_FOR_REMB = (sdp.ABS_SEND_TIME, sdp.MID)
#: Feedback that our receivers really send.
_SENT_FEEDBACK = ("nack", "nack pli", "transport-cc", "goog-remb")
MAX_MESSAGE_SIZE = 262_144


@frozen
class LocalTransport:
    """Our end of the path, as it is written into each section."""

    ice_ufrag: str
    ice_pwd: str
    fingerprints: tuple[Fingerprint, ...]
    candidates: tuple[str, ...] = ()
    gathered: bool = False


@frozen
class Source:
    """Whose media a section carries, and from which sources. SSRCs are None where the SDP does not say."""

    stream_id: str
    track_id: str
    ssrc: int | None
    rtx_ssrc: int | None


# --- offers -------------------------------------------------------------------------------------------------------
def offer_section(kind: Kind, mid: str, sender: RtpSender | None, codec: str) -> MediaSection:
    """A section that sends ``sender``'s track; without one it is inactive and waits for its next use."""
    section = MediaSection(kind, mid, header_extensions=dict(_OFFERED[kind]), codecs=parameters_for(codec))
    if codec == "AV1":
        section.header_extensions[_DESCRIPTOR_ID] = sdp.DEPENDENCY_DESCRIPTOR
    if kind == "audio" and (sender is None or sender.redundant):
        section.codecs.append(red_for(section.codecs[0]))
    section.direction = "sendonly" if sender else "inactive"
    if sender is None:
        return section
    section.msid = f"{sender.stream_id} {sender.cid}"
    if len(sender.streams) > 1:
        return _in_layers(section, [stream.rid for stream in sender.streams])
    for stream in sender.streams:
        section.ssrcs.append(sdp.SsrcInfo(stream.ssrc, sender.stream_id, section.msid))
        if kind == "video":
            section.ssrcs.append(sdp.SsrcInfo(stream.rtx_ssrc, sender.stream_id, section.msid))
            section.ssrc_groups.append(("FID", (stream.ssrc, stream.rtx_ssrc)))
    return section


def _in_layers(section: MediaSection, rids: Sequence[str]) -> MediaSection:
    """The section as simulcast: its sources are told by their rid, and not by their number (RFC 8853 section 5.3)."""
    section.header_extensions |= {_RID_ID: sdp.RID, _REPAIRED_RID_ID: sdp.REPAIRED_RID}
    section.rids = [sdp.Rid(rid, "send") for rid in rids]
    section.simulcast = sdp.Simulcast(send=tuple(rids))
    return section


def is_of(section: MediaSection, sender: RtpSender) -> bool:
    """Whether a section of our offer is this sender's, and not that of a track before it on the same line."""
    return section.msid == f"{sender.stream_id} {sender.cid}"


def application_section(mid: str) -> MediaSection:
    """A section for data channels."""
    return MediaSection("application", mid, protocol="UDP/DTLS/SCTP", sctp_port=5000, max_message_size=MAX_MESSAGE_SIZE)


def describe(
    sections: Sequence[MediaSection], local: LocalTransport, setup: Setup, *, origin_id: int, version: int
) -> SessionDescription:
    """The sections as a whole description over our transport. Rejected ones are in it, and not in the bundle."""
    alive = [section for section in sections if not section.rejected]
    for section in alive:
        section.ice_ufrag, section.ice_pwd = local.ice_ufrag, local.ice_pwd
        section.ice_options = "trickle"
        section.fingerprints = list(local.fingerprints)
        section.setup = setup
    if alive:
        alive[0].candidates = list(local.candidates)
        alive[0].end_of_candidates = local.gathered
    return SessionDescription(list(sections), origin_id, version, [section.mid for section in alive])


def send_parameters(offered: MediaSection, answered: MediaSection, codec: str) -> SendParameters | None:
    """What the answer settles for a track; None when it was refused."""
    if answered.rejected or answered.direction not in ("recvonly", "sendrecv"):
        return None
    ours = {item.payload_type for item in offered.codecs if canonical(item.name) == codec}
    chosen = next((item for item in answered.codecs if item.payload_type in ours), None)
    if chosen is None:
        return None
    rtx = answered.rtx_for(chosen.payload_type)
    return SendParameters(
        offered.mid,
        chosen.payload_type,
        rtx.payload_type if rtx else None,
        answered.extension_id(sdp.MID),
        answered.extension_id(sdp.AUDIO_LEVEL),
        answered.extension_id(sdp.TRANSPORT_CC),
        answered.extension_id(sdp.DEPENDENCY_DESCRIPTOR),
        red_among(answered.codecs, chosen.payload_type),
        answered.extension_id(sdp.RID),
        answered.extension_id(sdp.REPAIRED_RID),
        tuple(rid.lstrip("~") for rid in answered.simulcast.recv) if answered.simulcast else (),
    )


# --- answers ------------------------------------------------------------------------------------------------------
def answer_section(offered: MediaSection, receivable: Collection[str] = CODECS) -> MediaSection:
    """Our answer to one section: receive what we can, and let the rest stand unused.

    A section with only codecs we cannot decode is answered inactive with its own codecs, so that the other end may
    use it for something else later; one of an unknown kind is rejected.
    """
    if offered.kind == "application" and "SCTP" in offered.protocol and not offered.rejected:
        return application_section(offered.mid)
    answered = MediaSection(offered.kind, offered.mid, protocol=offered.protocol, formats=list(offered.formats))
    answered.direction = "inactive"
    accepted = accepted_codecs(offered, receivable)
    if offered.rejected or offered.kind not in ("audio", "video") or not (accepted or offered.codecs):
        answered.port = 0
        answered.codecs = [evolve(codec, feedback=()) for codec in offered.codecs]
        return answered
    if accepted and offered.direction in ("sendonly", "sendrecv"):
        answered.direction = "recvonly"
    answered.codecs = accepted or [evolve(codec, feedback=()) for codec in offered.codecs]
    wanted = _ANSWERED if _takes_arrivals(offered) else _ANSWERED_FOR_REMB
    answered.header_extensions = {
        key: uri for key, uri in offered.header_extensions.items() if uri in wanted and 0 < key < 256
    }
    return answered


def _takes_arrivals(offered: MediaSection) -> bool:
    """Whether transport-wide feedback is offered, number and all; REMB is for those who do without."""
    numbered = sdp.TRANSPORT_CC in offered.header_extensions.values()
    return numbered and any("transport-cc" in codec.feedback for codec in offered.codecs)


def accepted_codecs(offered: MediaSection, receivable: Collection[str]) -> list[CodecParameters]:
    """The payload types we receive, with the feedback we send, and what repairs them."""
    chosen = [codec for codec in offered.codecs if _receivable(codec, receivable)]
    numbers = {codec.payload_type for codec in chosen}
    repairs = [
        codec for codec in offered.codecs if (codec.is_rtx and codec.apt in numbers) or is_red_of(codec, numbers)
    ]
    without = "goog-remb" if _takes_arrivals(offered) else "transport-cc"
    sent = tuple(item for item in _SENT_FEEDBACK if item != without)
    kept = [with_feedback(codec, sent) for codec in chosen]
    return kept + repairs


def _receivable(codec: CodecParameters, receivable: Collection[str]) -> bool:
    name = canonical(codec.name)
    if name not in receivable:
        return False
    if name == "H264":
        return codec.parameters.get("packetization-mode", "0") in ("0", "1")
    return has_our_profile(codec)


def answer_setup(offered: Setup | None) -> Setup:
    """Who begins DTLS: we do, unless the other end insists."""
    return "passive" if offered == "active" else "active"


def dtls_role(ours: Setup, theirs: Setup | None) -> Literal["client", "server"]:
    """Our part in DTLS, from both ends' settled setup."""
    if ours == "actpass":
        return "server" if theirs == "active" else "client"
    return "client" if ours == "active" else "server"


def source_of(offered: MediaSection) -> Source:
    """Whose media a section carries: from a=msid, else from its a=ssrc lines."""
    secondary = {ssrc for name, group in offered.ssrc_groups if name == "FID" for ssrc in group[1:]}
    primary = next((source for source in offered.ssrcs if source.ssrc not in secondary), None)
    msid = offered.msid or next((source.msid for source in offered.ssrcs if source.msid), "")
    stream_id, _, track_id = msid.strip().partition(" ")
    ssrc = primary.ssrc if primary else None
    return Source(stream_id, track_id.strip(), ssrc, offered.rtx_ssrc(ssrc) if ssrc is not None else None)
