"""Session descriptions (RFC 8866) with what WebRTC adds, as values that can be read, changed and written.

JSEP RFC 9429; BUNDLE RFC 9143; rid RFC 8851; simulcast RFC 8853; msid RFC 8830; source attributes RFC 5576;
ICE RFC 8839; DTLS RFC 8842; SCTP RFC 8841; header extensions RFC 8285; feedback RFC 4585.
Attributes that mean nothing to a call are left out when read; an unknown one is never an error.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeVar

from attrs import define, field, frozen

MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
RID = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
REPAIRED_RID = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
TRANSPORT_CC = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
ABS_SEND_TIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
AUDIO_LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
VIDEO_ORIENTATION = "urn:3gpp:video-orientation"
DEPENDENCY_DESCRIPTOR = "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"

Direction = Literal["sendrecv", "sendonly", "recvonly", "inactive"]
Setup = Literal["actpass", "active", "passive"]
DIRECTIONS: tuple[Direction, ...] = ("sendrecv", "sendonly", "recvonly", "inactive")


@frozen
class Fingerprint:
    """A certificate's digest: ``algorithm`` such as ``sha-256``, ``value`` as colon-separated upper-case hex."""

    algorithm: str
    value: str


@define
class CodecParameters:
    """One payload type. ``parameters`` is the fmtp; one without "=" has the value "". ``channels`` is 0 for video."""

    payload_type: int
    name: str
    clock_rate: int
    channels: int = 0
    parameters: dict[str, str] = field(factory=dict)
    feedback: tuple[str, ...] = ()

    @property
    def is_rtx(self) -> bool:
        """Whether it carries retransmissions (RFC 4588)."""
        return self.name.lower() == "rtx"

    @property
    def apt(self) -> int | None:
        """The payload type that a retransmission payload type repairs."""
        value = self.parameters.get("apt", "")
        return int(value) if value.isascii() and value.isdigit() and len(value) <= 3 else None

    @property
    def fmtp(self) -> str:
        """The fmtp as it is written."""
        return ";".join(f"{key}={value}" if value else key for key, value in self.parameters.items())


@frozen
class SsrcInfo:
    """A source and what is said of it; ``msid`` is "stream track"."""

    ssrc: int
    cname: str = ""
    msid: str = ""


@frozen
class Rid:
    """A restricted stream: one simulcast layer."""

    id: str
    direction: Literal["send", "recv"]
    restrictions: str = ""


@frozen
class Simulcast:
    """The layers of each direction in order, as they are written (``q;h;f``); a paused one begins with ``~``."""

    send: tuple[str, ...] = ()
    recv: tuple[str, ...] = ()


@define
class MediaSection:
    """One m= section."""

    kind: str
    mid: str = ""
    port: int = 9
    protocol: str = "UDP/TLS/RTP/SAVPF"
    direction: Direction = "sendrecv"
    codecs: list[CodecParameters] = field(factory=list)
    header_extensions: dict[int, str] = field(factory=dict)
    ssrcs: list[SsrcInfo] = field(factory=list)
    ssrc_groups: list[tuple[str, tuple[int, ...]]] = field(factory=list)
    msid: str | None = None
    rids: list[Rid] = field(factory=list)
    simulcast: Simulcast | None = None
    candidates: list[str] = field(factory=list)
    end_of_candidates: bool = False
    ice_ufrag: str = ""
    ice_pwd: str = ""
    ice_options: str = ""
    fingerprints: list[Fingerprint] = field(factory=list)
    setup: Setup | None = None
    rtcp_mux: bool = True
    rtcp_rsize: bool = True
    sctp_port: int | None = None
    max_message_size: int | None = None
    bundle_only: bool = False
    formats: list[str] = field(factory=list)

    def codec(self, payload_type: int) -> CodecParameters | None:
        """The codec of this payload type."""
        return next((codec for codec in self.codecs if codec.payload_type == payload_type), None)

    def rtx_for(self, payload_type: int) -> CodecParameters | None:
        """The retransmission payload type that repairs this one."""
        return next((codec for codec in self.codecs if codec.is_rtx and codec.apt == payload_type), None)

    def extension_id(self, uri: str) -> int | None:
        """The id under which this header extension goes here."""
        return next((key for key, value in self.header_extensions.items() if value == uri), None)

    def rtx_ssrc(self, ssrc: int) -> int | None:
        """The source that retransmits this one, from its FID group."""
        return next((group[1] for name, group in self.ssrc_groups if name == "FID" and group[0] == ssrc), None)

    @property
    def rejected(self) -> bool:
        """Whether the port is zero and the section not merely bundled."""
        return self.port == 0 and not self.bundle_only


@define
class SessionDescription:
    """A whole description. ICE and DTLS given for the whole session stand in each section after reading."""

    media: list[MediaSection] = field(factory=list)
    origin_id: int = 0
    version: int = 2
    bundle: list[str] = field(factory=list)
    ice_lite: bool = False
    extmap_allow_mixed: bool = True

    def section(self, mid: str) -> MediaSection | None:
        """The section with this mid."""
        return next((section for section in self.media if section.mid == mid), None)

    @property
    def transport_section(self) -> MediaSection | None:
        """The section whose ICE and DTLS hold for all: the first of the bundle that is not rejected."""
        bundled = [section for section in self.media if section.mid in self.bundle and not section.rejected]
        alive = bundled or [section for section in self.media if not section.rejected]
        return alive[0] if alive else None

    def __str__(self) -> str:
        lines = ["v=0", f"o=- {self.origin_id} {self.version} IN IP4 127.0.0.1", "s=-", "t=0 0"]
        if self.bundle:
            lines.append("a=group:BUNDLE " + " ".join(self.bundle))
        if self.extmap_allow_mixed:
            lines.append("a=extmap-allow-mixed")
        lines.append("a=msid-semantic: WMS *")
        if self.ice_lite:
            lines.append("a=ice-lite")
        for section in self.media:
            lines += _write_section(section)
        return "\r\n".join(lines) + "\r\n"


# --- writing ------------------------------------------------------------------------------------------------------
def _write_section(section: MediaSection) -> list[str]:
    formats = [str(codec.payload_type) for codec in section.codecs] or section.formats
    if section.kind == "application":
        formats = ["webrtc-datachannel"]
    lines = [f"m={section.kind} {section.port} {section.protocol} " + " ".join(formats or ["0"]), "c=IN IP4 0.0.0.0"]
    lines += _write_transport(section)
    lines.append(f"a=mid:{section.mid}")
    if section.kind == "application":
        lines.append(f"a=sctp-port:{section.sctp_port or 5000}")
        lines.append(f"a=max-message-size:{section.max_message_size or 262144}")
        return lines
    lines += [f"a=extmap:{key} {uri}" for key, uri in section.header_extensions.items()]
    lines.append(f"a={section.direction}")
    lines += [f"a=msid:{section.msid}"] if section.msid else []
    lines += ["a=rtcp-mux"] if section.rtcp_mux else []
    lines += ["a=rtcp-rsize"] if section.rtcp_rsize else []
    for codec in section.codecs:
        lines += _write_codec(codec)
    return lines + _write_layers(section) + _write_sources(section)


def _write_transport(section: MediaSection) -> list[str]:
    lines = [f"a={line}" for line in section.candidates]
    lines += ["a=end-of-candidates"] if section.end_of_candidates else []
    lines += ["a=bundle-only"] if section.bundle_only else []
    lines += [f"a=ice-ufrag:{section.ice_ufrag}", f"a=ice-pwd:{section.ice_pwd}"] if section.ice_ufrag else []
    lines += [f"a=ice-options:{section.ice_options}"] if section.ice_options else []
    lines += [f"a=fingerprint:{item.algorithm} {item.value}" for item in section.fingerprints]
    lines += [f"a=setup:{section.setup}"] if section.setup else []
    return lines


def _write_codec(codec: CodecParameters) -> list[str]:
    channels = f"/{codec.channels}" if codec.channels > 1 else ""
    lines = [f"a=rtpmap:{codec.payload_type} {codec.name}/{codec.clock_rate}{channels}"]
    lines += [f"a=fmtp:{codec.payload_type} {codec.fmtp}"] if codec.parameters else []
    return lines + [f"a=rtcp-fb:{codec.payload_type} {item}" for item in codec.feedback]


def _write_layers(section: MediaSection) -> list[str]:
    lines = [f"a=rid:{rid.id} {rid.direction} {rid.restrictions}".rstrip() for rid in section.rids]
    if section.simulcast:
        parts = [("send", section.simulcast.send), ("recv", section.simulcast.recv)]
        lines.append("a=simulcast:" + " ".join(f"{name} {';'.join(rids)}" for name, rids in parts if rids))
    return lines


def _write_sources(section: MediaSection) -> list[str]:
    lines = [f"a=ssrc-group:{name} " + " ".join(map(str, ssrcs)) for name, ssrcs in section.ssrc_groups]
    for source in section.ssrcs:
        lines += [f"a=ssrc:{source.ssrc} cname:{source.cname}"] if source.cname else []
        lines += [f"a=ssrc:{source.ssrc} msid:{source.msid}"] if source.msid else []
    return lines


# --- reading ------------------------------------------------------------------------------------------------------
Reader = Callable[[MediaSection, str], None]
#: A call with hundreds of tracks stays below; what is longer was written to keep us busy.
LINES_MAX, BYTES_MAX = 20_000, 1_000_000
#: How many of a kind (codecs, sources, feedback of one codec …) a section may list: payload types are 0–127.
_LIST_MAX = 128
#: Sections are looked for among those of the bundle: what is in either is bounded.
SECTIONS_MAX = 1024
_SSRC_MAX = 0xFFFFFFFF
#: RFC 8285 section 4.3: the ids of the two-byte form.
_EXTENSION_IDS = range(1, 256)
_Item = TypeVar("_Item")


def _add(items: list[_Item], item: _Item, most: int = _LIST_MAX) -> None:
    if len(items) >= most:
        raise ValueError(f"more than {most} of one kind")
    items.append(item)


def _ssrc(text: str) -> int:
    number = int(text)
    if not 0 <= number <= _SSRC_MAX:
        raise ValueError("a source number has 32 bits")
    return number


def parse(text: str) -> SessionDescription:
    """The description in ``text``; `ValueError` says which line does not hold. Lines may end in CRLF or LF.

    A description of over `LINES_MAX` lines is refused unread: reading takes time in proportion to them.
    """
    lines = text.splitlines() if len(text) <= BYTES_MAX else []
    if len(text) > BYTES_MAX or len(lines) > LINES_MAX:
        raise ValueError(
            f"SDP of {len(text)} characters; at most {LINES_MAX} lines and {BYTES_MAX} characters are read"
        )
    description = SessionDescription(extmap_allow_mixed=False)
    session = MediaSection("session")
    current = session
    for line in lines:
        line = line.strip()
        if len(line) < 2 or line[1] != "=":
            if line:
                raise ValueError(f"not a line of SDP: {line[:80]!r}")
            continue
        kind, value = line[0], line[2:]
        try:
            if kind == "m":
                current = _read_media(value)
                _add(description.media, current, SECTIONS_MAX)
            elif kind == "o":
                description.origin_id, description.version = (int(part) for part in value.split()[1:3])
            elif kind == "a":
                name, _, rest = value.partition(":")
                if current is session and _read_session(description, name, rest):
                    continue
                _read_attribute(current, name, rest)
        except (ValueError, IndexError) as exc:
            raise ValueError(f"SDP line does not hold: {line[:120]!r}") from exc
    for section in description.media:
        _inherit(section, session)
    return description


def _inherit(section: MediaSection, session: MediaSection) -> None:
    section.ice_ufrag = section.ice_ufrag or session.ice_ufrag
    section.ice_pwd = section.ice_pwd or session.ice_pwd
    section.ice_options = section.ice_options or session.ice_options
    section.fingerprints = section.fingerprints or list(session.fingerprints)
    section.setup = section.setup or session.setup


def _read_media(value: str) -> MediaSection:
    kind, port, protocol, *formats = value.split()
    section = MediaSection(kind, port=int(port.partition("/")[0]), protocol=protocol, formats=formats)
    section.rtcp_mux = section.rtcp_rsize = False
    return section


def _read_session(description: SessionDescription, name: str, rest: str) -> bool:
    if name == "group":
        semantics, *mids = rest.split()
        if semantics == "BUNDLE":
            if len(mids) > SECTIONS_MAX:
                raise ValueError(f"more than {SECTIONS_MAX} sections in one bundle")
            description.bundle = mids
        return True
    if name == "ice-lite":
        description.ice_lite = True
        return True
    if name == "extmap-allow-mixed":
        description.extmap_allow_mixed = True
        return True
    return False


def _read_attribute(section: MediaSection, name: str, rest: str) -> None:
    if name in DIRECTIONS:
        section.direction = name
        return
    reader = _READERS.get(name)
    if reader is not None:
        reader(section, rest)


def _read_rtpmap(section: MediaSection, rest: str) -> None:
    payload_type, encoding = rest.split(maxsplit=1)
    name, clock_rate, *channels = encoding.strip().split("/")
    codec = CodecParameters(int(payload_type), name, int(clock_rate))
    if section.kind == "audio":
        codec.channels = int(channels[0]) if channels else 1
    if not 0 <= codec.payload_type <= 127:
        raise ValueError("payload types are 0 to 127")
    _add(section.codecs, codec)


def _read_fmtp(section: MediaSection, rest: str) -> None:
    payload_type, _, values = rest.partition(" ")
    codec = section.codec(int(payload_type))
    if codec is not None:
        for item in values.split(";"):
            key, _, value = item.strip().partition("=")
            if key:
                codec.parameters[key] = value


def _read_feedback(section: MediaSection, rest: str) -> None:
    payload_type, _, value = rest.partition(" ")
    for codec in section.codecs:
        if payload_type == "*" or codec.payload_type == int(payload_type):
            if len(codec.feedback) >= _LIST_MAX:
                raise ValueError(f"more than {_LIST_MAX} of one kind")
            codec.feedback += (value.strip(),)


def _read_extmap(section: MediaSection, rest: str) -> None:
    key, uri = rest.split()[:2]
    number = int(key.partition("/")[0])
    if number in _EXTENSION_IDS:  # others cannot stand in a packet
        section.header_extensions[number] = uri


def _read_ssrc(section: MediaSection, rest: str) -> None:
    number, _, attribute = rest.partition(" ")
    name, _, value = attribute.partition(":")
    ssrc = _ssrc(number)
    place = next((index for index, source in enumerate(section.ssrcs) if source.ssrc == ssrc), None)
    if place is None:
        place = len(section.ssrcs)
        _add(section.ssrcs, SsrcInfo(ssrc))
    known = section.ssrcs[place]
    cname = value if name == "cname" else known.cname
    msid = value if name == "msid" else known.msid
    section.ssrcs[place] = SsrcInfo(ssrc, cname, msid)


def _read_ssrc_group(section: MediaSection, rest: str) -> None:
    semantics, *ssrcs = rest.split()
    if semantics == "FID" and len(ssrcs) != 2:
        return
    _add(section.ssrc_groups, (semantics, tuple(_ssrc(ssrc) for ssrc in ssrcs[:_LIST_MAX])))


def _read_rid(section: MediaSection, rest: str) -> None:
    rid, direction, *restrictions = rest.split(maxsplit=2)
    if direction == "send":
        _add(section.rids, Rid(rid, "send", " ".join(restrictions)))
    elif direction == "recv":
        _add(section.rids, Rid(rid, "recv", " ".join(restrictions)))


def _read_simulcast(section: MediaSection, rest: str) -> None:
    words = rest.split()
    lists = {words[index]: tuple(words[index + 1].split(";")) for index in range(0, len(words) - 1, 2)}
    section.simulcast = Simulcast(lists.get("send", ()), lists.get("recv", ()))


def _read_setup(section: MediaSection, rest: str) -> None:
    for setup in ("actpass", "active", "passive"):
        if rest.strip() == setup:
            section.setup = setup


def _read_fingerprint(section: MediaSection, rest: str) -> None:
    algorithm, value = rest.split()
    _add(section.fingerprints, Fingerprint(algorithm.lower(), value.upper()))


def _read_text(attribute: str) -> Reader:
    def read(section: MediaSection, rest: str) -> None:
        setattr(section, attribute, rest.strip())

    return read


def _read_number(attribute: str) -> Reader:
    def read(section: MediaSection, rest: str) -> None:
        setattr(section, attribute, int(rest))

    return read


def _read_flag(attribute: str) -> Reader:
    def read(section: MediaSection, rest: str) -> None:
        setattr(section, attribute, True)

    return read


def _read_candidate(section: MediaSection, rest: str) -> None:
    _add(section.candidates, "candidate:" + rest)


_READERS: dict[str, Reader] = {
    "mid": _read_text("mid"),
    "msid": _read_text("msid"),
    "ice-ufrag": _read_text("ice_ufrag"),
    "ice-pwd": _read_text("ice_pwd"),
    "ice-options": _read_text("ice_options"),
    "sctp-port": _read_number("sctp_port"),
    "max-message-size": _read_number("max_message_size"),
    "rtcp-mux": _read_flag("rtcp_mux"),
    "rtcp-rsize": _read_flag("rtcp_rsize"),
    "bundle-only": _read_flag("bundle_only"),
    "end-of-candidates": _read_flag("end_of_candidates"),
    "candidate": _read_candidate,
    "rtpmap": _read_rtpmap,
    "fmtp": _read_fmtp,
    "rtcp-fb": _read_feedback,
    "extmap": _read_extmap,
    "ssrc": _read_ssrc,
    "ssrc-group": _read_ssrc_group,
    "rid": _read_rid,
    "simulcast": _read_simulcast,
    "setup": _read_setup,
    "fingerprint": _read_fingerprint,
}
