"""How a call reaches its server: the first time, and whenever it has to come back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import aiohttp
from livekit.protocol.models import ReconnectReason

from jackfield.session import signal_client
from jackfield.session.signal_client import SignalClient
from jackfield.session.trouble import Trouble
from jackfield.values.errors import CallTokenError
from jackfield.values.people import CallToken, Place

#: A server that is there answers within milliseconds; one behind a network that is just back, at the second SYN.
AGAIN_TIMEOUT_S = 3.0


class Doorway:
    """The place of a call and the token that opens it: the newest that the server gave us.

    ``find`` is asked for the place each time we join, since this machine's own server may have been started anew, and
    ``fresh`` for another token where ours is refused: it has expired, or its key is no more.
    """

    def __init__(
        self,
        find: Callable[[], Awaitable[Place]],
        held: CallToken,
        place: Place,
        fresh: Callable[[], Awaitable[CallToken]] | None = None,
    ) -> None:
        self.http = aiohttp.ClientSession()
        self.held, self.token, self.place = held, held.token, place
        self._find, self._fresh = find, fresh

    @property
    def server(self) -> str:
        """Its address."""
        return self.place.url or self.held.url or ""

    def renewed(self, token: str) -> None:
        """The server gave us another token."""
        self.token = token

    async def join(self) -> SignalClient:
        """Joined, for the first time."""
        return await signal_client.connect(self.http, self.server, self.token, fingerprint=self.place.fingerprint)

    async def join_again(self) -> SignalClient:
        """Joined anew, wherever the place is by now."""
        self.place = await self._find()
        return await self._let_in(
            lambda: signal_client.connect(
                self.http, self.server, self.token, fingerprint=self.place.fingerprint, timeout_s=AGAIN_TIMEOUT_S
            )
        )

    async def resume(self, former: SignalClient, trouble: Trouble) -> SignalClient:
        """Another WebSocket for the participant that we are."""
        lost_signalling = trouble.cause == "signalling"
        reason = ReconnectReason.RR_SIGNAL_DISCONNECTED if lost_signalling else ReconnectReason.RR_SUBSCRIBER_FAILED
        return await self._let_in(
            lambda: signal_client.resume(
                self.http,
                self.server,
                self.token,
                former.joined,
                reason=reason,
                fingerprint=self.place.fingerprint,
                timeout_s=AGAIN_TIMEOUT_S,
            )
        )

    async def _let_in(self, knock: Callable[[], Awaitable[SignalClient]]) -> SignalClient:
        try:
            return await knock()
        except CallTokenError:
            if self._fresh is None:
                raise
            self.token = (await self._fresh()).token
            return await knock()
