"""One peer connection of a synthetic participant: its path, its transport, and its part in descriptions."""

from __future__ import annotations

import asyncio

from jackfield.bench.load import media
from jackfield.bench.load.path import LoadPath
from jackfield.rtc import codecs, ice_lite, sdp
from jackfield.rtc.sdp import MediaSection, SessionDescription
from jackfield.rtc.transport import Certificate, Transport

CONNECT_S = 10.0


class Side:
    """Offers what is published or answers what is offered, and connects once."""

    def __init__(self, address: str, certificate: Certificate, *, timed: bool = False) -> None:
        self.path = LoadPath(address, timed=timed)
        self.certificate = certificate
        self.transport = Transport(self.path, certificate)
        self.trickled: list[str] = []
        self.has_candidate = asyncio.Event()
        self.started = False

    def offer(self, ssrc: int) -> str:
        """A picture and sound, whose sources are ``ssrc`` and the next."""
        offer = SessionDescription([], origin_id=1)
        for index, kind in enumerate(("video", "audio")):
            section = MediaSection(kind, str(index), direction="sendonly", msid=f"load {kind}")
            section.codecs = codecs.parameters_for("VP8" if kind == "video" else "opus")[:1]
            section.header_extensions = {media.TRANSPORT_CC: sdp.TRANSPORT_CC}
            if kind == "audio":
                section.header_extensions[media.AUDIO_LEVEL] = sdp.AUDIO_LEVEL
            section.ssrcs = [sdp.SsrcInfo(ssrc + index, "load", f"load {kind}")]
            offer.media.append(self._described(section, "actpass"))
        offer.bundle = [section.mid for section in offer.media]
        return str(offer)

    def answer(self, offer: str) -> str:
        """All that is offered is taken."""
        description = sdp.parse(offer)
        for section in description.media:
            section.candidates, section.ssrcs, section.ssrc_groups, section.msid = [], [], [], None
            if section.port:
                self._described(section, "active")
                section.direction = "recvonly" if section.direction == "sendonly" else section.direction
        description.ice_lite = False
        return str(description)

    def _described(self, section: MediaSection, setup: sdp.Setup) -> MediaSection:
        section.ice_ufrag, section.ice_pwd = self.path.local_ufrag, self.path.local_pwd
        section.fingerprints, section.setup = self.certificate.fingerprints, setup
        address, port = self.path.place
        section.candidates = ice_lite.candidate_lines([address], port)
        return section

    async def connect(self, remote: SessionDescription) -> None:
        """ICE and DTLS with what the server says, once."""
        section = remote.transport_section
        if self.started or section is None:
            return
        self.started = True
        found = [line for each in remote.media for line in each.candidates]
        if not found:
            await asyncio.wait_for(self.has_candidate.wait(), CONNECT_S)
        await self.path.connect(section.ice_ufrag, section.ice_pwd, [*found, *self.trickled])
        await self.transport.start(section.fingerprints, "server" if section.setup == "active" else "client")
