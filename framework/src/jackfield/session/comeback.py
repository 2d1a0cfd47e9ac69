"""Coming back to a call: over another WebSocket and another path as who we are, or joined anew with all we had."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from jackfield.rtc.aioice_shim import local_addresses
from jackfield.session.connection import Connection
from jackfield.session.doorway import Doorway
from jackfield.session.moderation import Moderation
from jackfield.session.own_media import OwnMedia
from jackfield.session.own_state import OwnState
from jackfield.session.room import Room
from jackfield.session.server_words import ServerWords
from jackfield.session.subscriptions import Subscriptions
from jackfield.session.trouble import Moved, Trouble
from jackfield.values.errors import CallError, NetworkError

#: A path that is there is found within a second; an attempt that has not found it by then is followed by another.
RESUME_PATH_S = 3.0
REJOIN_PATH_S = 8.0
#: In a room that was made anew, whoever was there before is waited for so long before they count as gone.
OTHERS_S = 10.0
#: How often an attempt under way looks whether this machine has another address by now.
MOVED_LOOK_S = 0.25


class Comeback:
    """Does what `Reconnect` decides (its `Way`)."""

    def __init__(
        self,
        doorway: Doorway,
        connection: Connection,
        room: Room,
        own: OwnMedia,
        own_state: OwnState,
        subscriptions: Subscriptions,
        moderation: Moderation,
        server_words: ServerWords,
        failed: Callable[[CallError, str], None],
    ) -> None:
        self._doorway, self._connection, self._room = doorway, connection, room
        self._own, self._own_state, self._subscriptions = own, own_state, subscriptions
        self._moderation, self._server_words, self._failed = moderation, server_words, failed
        self._changed = asyncio.Event()
        self._waiting: asyncio.TimerHandle | None = None

    @property
    def is_whole(self) -> bool:
        """Whether signalling is up and both paths carry."""
        return self._connection.is_whole

    def changed(self) -> None:
        """A path is there again."""
        self._changed.set()

    async def resume(self, trouble: Trouble) -> None:
        """Goes on as the same participant."""
        await unless_moved(self._resume(trouble))

    async def rejoin(self) -> None:
        """Joins anew: with the same devices, publications, mutes, attributes, readers and renderers."""
        await unless_moved(self._rejoin())

    async def _resume(self, trouble: Trouble) -> None:
        connection = self._connection
        state = connection.sync_state()
        state.publish_tracks.extend(self._own.confirmations())
        signal = await self._doorway.resume(connection.signal, trouble)
        self._server_words.is_told_all = True
        connection.resume(signal, state)
        self._server_words.told_meanwhile = {each.sid for each in self._own.publications if each.tell_muted()}
        await self._until_whole(RESUME_PATH_S)

    async def _rejoin(self) -> None:
        connection = self._connection
        connection.let_go()
        signal = await self._doorway.join_again()
        connection.join_anew(signal, self._doorway.server)
        self._moderation.server = self._doorway.server
        self._subscriptions.joined_anew()
        self._server_words.happened(self._room.joined_anew(signal.joined))
        self._wait_for_others()
        connection.begin_anew()
        await self._own.joined_anew()
        await self._until_whole(REJOIN_PATH_S)
        try:
            await self._own_state.restore()
        except NetworkError:
            raise
        except CallError as error:
            self._failed(error, "what we said of ourselves")
        self._server_words.happened(self._room.came_back())

    async def _until_whole(self, limit_s: float) -> None:
        try:
            async with asyncio.timeout(limit_s):
                while not self._connection.is_whole:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise NetworkError(f"the server answers, and no media comes through within {limit_s:g} s") from None

    def _wait_for_others(self) -> None:
        self.end()
        self._waiting = asyncio.get_running_loop().call_later(OTHERS_S, self._waited)

    def _waited(self) -> None:
        self._server_words.happened(self._room.waited())

    def end(self) -> None:
        """Nobody is waited for any more."""
        if self._waiting is not None:
            self._waiting.cancel()


async def unless_moved(
    attempt: Coroutine[Any, Any, None], addresses: Callable[[], Sequence[str]] = local_addresses
) -> None:
    """Makes the attempt; `Moved` when this machine gets another address meanwhile, from where it may succeed."""
    before, task = set(addresses()), asyncio.ensure_future(attempt)
    try:
        while not task.done():
            await asyncio.wait([task], timeout=MOVED_LOOK_S)
            if not task.done() and set(addresses()) - before:
                raise Moved("this machine has another address")
        task.result()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
