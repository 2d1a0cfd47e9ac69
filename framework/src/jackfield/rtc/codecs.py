"""The codecs we negotiate: payload types, fmtp and feedback, the same towards every peer."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from attrs import evolve, frozen

from jackfield.rtc.sdp import CodecParameters
from jackfield.values.media import AUDIO_CLOCK_RATE, VIDEO_CLOCK_RATE, Kind

VIDEO_FEEDBACK = ("nack", "nack pli", "ccm fir", "goog-remb", "transport-cc")
AUDIO_FEEDBACK = ("transport-cc",)
#: Constrained baseline at level 3.1, what every WebRTC peer decodes (RFC 7742 section 6.2).
H264_PARAMETERS = {"level-asymmetry-allowed": "1", "packetization-mode": "1", "profile-level-id": "42e01f"}
#: Main profile, main tier, level 3.1, in a single stream (RFC 7798 section 7.1).
H265_PARAMETERS = {"level-id": "93", "profile-id": "1", "tier-flag": "0", "tx-mode": "SRST"}
OPUS_PARAMETERS = {"minptime": "10", "useinbandfec": "1"}
#: Redundant audio (RFC 2198) around Opus.
RED_PAYLOAD_TYPE = 63


@frozen
class CodecEntry:
    """A codec and its payload types; ``rtx`` is 0 for sound."""

    name: str
    kind: Kind
    payload_type: int
    rtx: int
    parameters: tuple[tuple[str, str], ...] = ()


ENTRIES = (
    CodecEntry("opus", "audio", 111, 0, tuple(OPUS_PARAMETERS.items())),
    CodecEntry("VP8", "video", 96, 97),
    CodecEntry("H264", "video", 102, 103, tuple(H264_PARAMETERS.items())),
    CodecEntry("VP9", "video", 98, 99, (("profile-id", "0"),)),
    CodecEntry("AV1", "video", 45, 46),
    CodecEntry("H265", "video", 49, 50, tuple(H265_PARAMETERS.items())),
)


def canonical(name: str) -> str | None:
    """Our spelling of a codec's name or MIME type (``video/vp8`` → ``VP8``); None for one we do not know."""
    bare = name.rpartition("/")[2].lower()
    return next((entry.name for entry in ENTRIES if entry.name.lower() == bare), None)


def parameters_for(name: str, feedback: tuple[str, ...] | None = None) -> list[CodecParameters]:
    """The codec and, for video, its retransmission payload type, as they go into an m= section."""
    entry = next(entry for entry in ENTRIES if entry.name == name)
    if entry.kind == "audio":
        chosen = AUDIO_FEEDBACK if feedback is None else feedback
        return [CodecParameters(entry.payload_type, "opus", AUDIO_CLOCK_RATE, 2, dict(entry.parameters), chosen)]
    chosen = VIDEO_FEEDBACK if feedback is None else feedback
    codec = CodecParameters(entry.payload_type, name, VIDEO_CLOCK_RATE, 0, dict(entry.parameters), chosen)
    rtx = CodecParameters(entry.rtx, "rtx", VIDEO_CLOCK_RATE, 0, {"apt": str(entry.payload_type)})
    return [codec, rtx]


def red_for(codec: CodecParameters) -> CodecParameters:
    """The payload type that carries this one with the frames before."""
    blocks = {f"{codec.payload_type}/{codec.payload_type}": ""}
    return CodecParameters(RED_PAYLOAD_TYPE, "red", codec.clock_rate, codec.channels, blocks)


def is_red_of(codec: CodecParameters, payload_types: Collection[int]) -> bool:
    """Whether this is redundant audio of these payload types alone."""
    if codec.name.lower() != "red" or not codec.parameters:
        return False
    blocks = next(iter(codec.parameters)).split("/")
    return all(block in map(str, payload_types) for block in blocks)


def red_among(offered: Iterable[CodecParameters], payload_type: int) -> int | None:
    """The payload type of redundant audio around this one."""
    return next((codec.payload_type for codec in offered if is_red_of(codec, {payload_type})), None)


def has_our_profile(codec: CodecParameters) -> bool:
    """Whether its pictures are 4:2:0 with 8 bits where the codec has other profiles, too: VP9's and AV1's profile 0,
    H.265's profile 1."""
    if canonical(codec.name) == "H265":
        single = codec.parameters.get("tx-mode", "SRST") == "SRST"
        return single and codec.parameters.get("profile-id", "1") == "1"
    if canonical(codec.name) == "VP9":
        return codec.parameters.get("profile-id", "0") == "0"
    return canonical(codec.name) != "AV1" or codec.parameters.get("profile", "0") == "0"


def usable(codec: CodecParameters) -> bool:
    """Whether we can take part in this payload type: H.264 has to be baseline in packetization mode 1."""
    if canonical(codec.name) is None:
        return False
    if codec.name.upper() != "H264":
        return has_our_profile(codec)
    profile = codec.parameters.get("profile-level-id", "42e01f").lower()
    return codec.parameters.get("packetization-mode", "0") == "1" and profile.startswith("42")


def with_feedback(codec: CodecParameters, known: tuple[str, ...]) -> CodecParameters:
    """The codec with only the feedback that both sides know."""
    return evolve(codec, feedback=tuple(item for item in codec.feedback if item in known))
