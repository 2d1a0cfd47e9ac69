"""What we say of ourselves — name, metadata, attributes — and whether the server took it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from itertools import count

from attrs import define
from livekit.protocol.rtc import RequestResponse, UpdateParticipantMetadata

from jackfield.session.participant import Participant
from jackfield.values.errors import NetworkError, NotAllowed

UPDATE_TIMEOUT_S = 5.0


@define
class _Request:
    wanted: UpdateParticipantMetadata
    answer: asyncio.Future[None]


class OwnState:
    """Changes on their way. LiveKit answers a refusal and confirms by telling of us; Jackfield answers both."""

    def __init__(self, local: Participant, send: Callable[[UpdateParticipantMetadata], None]) -> None:
        self._local, self._send = local, send
        self._numbers = count(1)
        self._requests: dict[int, _Request] = {}
        #: Whether the server has taken a change that it has not told of yet.
        self._ahead = False
        #: All that was changed in this call, to be said again where the server has forgotten it.
        self._kept = UpdateParticipantMetadata()

    async def change(self, *, name: str = "", metadata: str = "", attributes: Mapping[str, str] | None = None) -> None:
        """It is so for everyone. What is left empty stays; `NotAllowed` when the server refuses.

        Only what changes is sent, so that two changes at once do not undo each other.
        """
        number = next(self._numbers)
        wanted = UpdateParticipantMetadata(
            request_id=number, name=name, metadata=metadata, attributes=dict(attributes or {})
        )
        if not self._ahead and not self._requests and self._holds(wanted):
            return  # LiveKit says nothing about what stays as it is
        request = self._requests[number] = _Request(wanted, asyncio.get_running_loop().create_future())
        try:
            self._send(wanted)
            async with asyncio.timeout(UPDATE_TIMEOUT_S):
                await request.answer
            self._kept.MergeFrom(wanted)
        except TimeoutError as exc:
            raise NetworkError("the server did not confirm the change in time") from exc
        finally:
            del self._requests[number]

    async def restore(self) -> None:
        """What was changed in this call holds again, for everyone, after we have joined anew."""
        kept = self._kept
        self._ahead = False
        if kept.name or kept.metadata or kept.attributes:
            await self.change(name=kept.name, metadata=kept.metadata, attributes=dict(kept.attributes))

    def answered(self, response: RequestResponse) -> None:
        """The server's word on one request."""
        request = self._requests.get(response.request_id)
        if request is None or request.answer.done() or response.reason == RequestResponse.Reason.QUEUED:
            return
        if response.reason == RequestResponse.Reason.OK:
            self._ahead = not self._holds(request.wanted)
            request.answer.set_result(None)
        else:
            reason = response.message or RequestResponse.Reason.Name(response.reason)
            request.answer.set_exception(NotAllowed(f"the server refuses the change: {reason}"))

    def told(self) -> None:
        """The server has told of us: what holds now is confirmed."""
        self._ahead = False
        for request in self._requests.values():
            if not request.answer.done() and self._holds(request.wanted):
                request.answer.set_result(None)

    def end(self) -> None:
        """The call is over: nothing is confirmed any more."""
        for request in self._requests.values():
            if not request.answer.done():
                request.answer.set_exception(NetworkError("the call ended before the server confirmed the change"))

    def _holds(self, wanted: UpdateParticipantMetadata) -> bool:
        local = self._local
        return (
            wanted.name in ("", local.name)
            and wanted.metadata in ("", local.metadata)
            and all(local.attributes.get(key, "") == value for key, value in wanted.attributes.items())
        )
