"""Protocol v1's receiving side: it shares the publisher's connection, and asks for slots where there are too few."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from jackfield.rtc import sdp
from jackfield.rtc.sdp import MediaSection, SessionDescription
from jackfield.server.sfu.connection import Surroundings
from jackfield.server.sfu.offer import Offered
from jackfield.server.sfu.publisher import PublisherConnection
from jackfield.server.sfu.slots import ReceiveSlots
from jackfield.server.sfu.subscriber import SubscriberConnection

#: A client has set an answer that came this long ago; what is sent before is taken for somebody's unknown stream.
_APPLIED_S = 0.15


class SingleSubscriber(SubscriberConnection):
    """``on_required`` gets how many more sections for sound and pictures the client is to offer, 0 and 0 for any offer.

    Nothing is asked before the client's first offer, which has some; the other callbacks are `SubscriberConnection`'s.
    """

    def __init__(
        self,
        around: Surroundings,
        publisher: PublisherConnection,
        *,
        name: str,
        on_required: Callable[[int, int], None],
        on_answered: Callable[[list[str], list[str]], None],
        on_silent: Callable[[], None],
        on_paused: Callable[[Mapping[str, bool]], None],
    ) -> None:
        of_publisher = publisher.transport.on_rtcp
        super().__init__(
            around,
            name=name,
            over=publisher,
            on_offer=lambda offer: None,
            on_answered=on_answered,
            on_silent=on_silent,
            on_paused=on_paused,
        )

        def both(data: bytes) -> None:
            of_publisher(data)
            self._receive_rtcp(data)

        self.transport.on_rtcp = both
        self._slots = ReceiveSlots()
        self._on_required = on_required
        self._has_offered = self._is_asked = False

    def _announce(self, track: Offered) -> None:
        self._slots.add(track)

    def _withdraw(self, track_sid: str) -> None:
        self._slots.remove(track_sid)

    def negotiate(self) -> None:
        """The client is asked for an offer soon, once for all changes of this moment, and not while one is due."""
        self._is_stale = True
        if self._offering is None and self._has_offered and not (self._is_asked or self._closed or self._paused):
            self._offering = asyncio.get_running_loop().call_soon(self._ask)

    def _ask(self) -> None:
        self._offering = None
        if self._closed or self._paused or self._is_asked or not self._is_stale:
            return
        self._is_stale, self._is_asked = False, True
        self._patience = self._clock.call_later(self._limits.answer_timeout_s, self._on_silent)
        self._on_required(*self._slots.missing())

    def fill(self, offer: SessionDescription, offered: MediaSection, answered: MediaSection) -> MediaSection:
        """Our answer to a section in which the client sends nothing."""
        first = next((section for section in offer.media if not section.rejected), None)
        return self._slots.fill(offered, answered, is_first=offered is first)

    def mids(self) -> dict[str, str]:
        """The sid of the track in each section."""
        return self._slots.mids()

    def filled(self, offer: SessionDescription) -> None:
        """The answer to ``offer`` was sent: what came into a slot flows as soon as the client can have set it."""
        self._calm()
        self._has_offered, self._is_asked, self._is_stale = True, False, False
        fresh, self._slots.fresh = self._slots.fresh, {}
        refused, self._slots.refused = self._slots.refused & self._slots.waiting.keys(), set()
        for sid, codec in fresh.items():
            section = next(each for each in offer.media if self._slots.mids().get(each.mid) == sid)
            rtx = section.rtx_for(codec.payload_type)
            down = self.downs[sid]
            down.payload_type, down.rtx_payload_type = codec.payload_type, rtx.payload_type if rtx else 0
            down.descriptor_id = section.extension_id(sdp.DEPENDENCY_DESCRIPTOR) or down.descriptor_id
        self._agreed += fresh
        if self.transport.state == "connected":
            self._clock.call_later(_APPLIED_S, self.connected)
        self._on_answered(list(fresh), sorted(refused))
        if any(self._slots.missing()):
            self.negotiate()

    def pause(self) -> None:
        """Nobody is there to be asked, until `restart_ice`."""
        super().pause()
        self._is_asked = False

    def restart_ice(self) -> None:
        """The client is back, and looks for its path by an offer of its own."""
        self._paused = False
        if self._is_stale or any(self._slots.missing()):
            self.negotiate()

    async def close(self) -> None:
        """Nothing more is sent; the connection is the publisher's to close."""
        self._release()
