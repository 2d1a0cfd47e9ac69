"""What is done when a call's connection is lost, as one table of states, and how often and how long.

=============  ========================================  ==========================================================
state          what happened                             what is done, and the next state
=============  ========================================  ==========================================================
connected      signalling or a path is lost              ``connection_lost``; resume at once → reconnecting
connected      the server ended, or sends us to join     ``connection_lost``; join anew → reconnecting
reconnecting   all is whole again                        ``connection_restored`` → connected
reconnecting   a resume is refused; none helped in time  join anew, at once
reconnecting   we have another address than before       again from there, at once
reconnecting   nobody answers                            again, after a pause that grows to three seconds, jittered
reconnecting   refused, removed, replaced, ended         over, with that reason: never tried again
reconnecting   it took longer than the setting allows    over: ``network``
any            we leave                                  over
=============  ========================================  ==========================================================
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from typing import Literal, Protocol

from attrs import frozen

from jackfield.session.trouble import Moved, SentAway, Trouble
from jackfield.values.errors import CallError, CallTokenError, NetworkError, NotAllowed, ResponseError, SessionIdError
from jackfield.values.events import LeaveReason

logger = logging.getLogger("jackfield.reconnect")

State = Literal["connected", "reconnecting", "over"]

#: A resume is tried for so long; then we join anew, which is what helps where a server has forgotten us in silence.
RESUME_FOR_S = 25.0
#: Pauses before each further attempt; each a quarter shorter or longer, so that not all come at the same moment.
PAUSES_S = (0.0, 0.25, 0.5, 1.0, 2.0, 3.0)
_JITTER = 0.25
#: A process that was stopped, or a machine that slept, has its time again: no attempt counts for more than this.
_STEP_S = 15.0
#: What an action that needs the server waits for it.
ACTION_WAIT_S = 5.0


class Way(Protocol):
    """What is tried, and what it is about."""

    @property
    def is_whole(self) -> bool:
        """Whether signalling is up and both paths carry."""

    async def resume(self, trouble: Trouble) -> None:
        """All is whole again, as the same participant; a `CallError` where it is not within seconds."""

    async def rejoin(self) -> None:
        """All is whole again, joined anew; a `CallError` where it is not within seconds."""


@frozen
class Restored:
    """How it went: after how many seconds and attempts, and whether as the same participant."""

    after_s: float
    attempts: int
    rejoined: bool


@frozen
class GivenUp(Exception):
    """It is over, and why."""

    reason: LeaveReason
    message: str


class Reconnect:
    """The policy of one call. ``on_lost`` is called once a loss, ``on_restored`` at its end; or ``on_over``, once."""

    def __init__(
        self,
        way: Way,
        limit_s: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.on_lost: Callable[[Trouble], None] = lambda trouble: None
        self.on_restored: Callable[[Restored], None] = lambda restored: None
        self.on_over: Callable[[LeaveReason, str], None] = lambda reason, message: None
        self.state: State = "connected"
        self._way, self._limit_s = way, limit_s
        self._clock, self._sleep, self._jitter = clock, sleep, jitter
        self._trouble: Trouble | None = None
        self._running: asyncio.Task[None] | None = None
        #: Whether the last resume was answered with a no; and whether our address changed during the last attempt.
        self._refused = self._moved = False
        self._whole, self._more = asyncio.Event(), asyncio.Event()
        self._whole.set()

    async def until_connected(self) -> None:
        """All is whole; waits a few seconds for it, and raises `NetworkError` when it is not."""
        try:
            async with asyncio.timeout(ACTION_WAIT_S):
                await self._whole.wait()
        except TimeoutError:
            raise NetworkError(
                "the connection to the server is lost and is being restored; try again after connection_restored"
            ) from None

    def lost(self, trouble: Trouble) -> None:
        """Something is lost; more of it while we are at it only changes what is tried."""
        if self.state == "over":
            return
        if self._trouble is None or trouble.cause == "server":
            self._trouble = trouble
            self._more.set()
        if self.state == "connected":
            self.state = "reconnecting"
            self._whole.clear()
            self.on_lost(trouble)
            self._running = asyncio.create_task(self._run(), name="reconnect")

    async def _run(self) -> None:
        try:
            restored = await self._restore()
        except GivenUp as given_up:
            self._over(given_up.reason, given_up.message)
        except Exception as exc:
            logger.exception("reconnecting failed")
            self._over("network", f"reconnecting failed: {exc!r}")
        else:
            self.state, self._trouble, self._refused = "connected", None, False
            self._whole.set()
            self.on_restored(restored)
            if not self._way.is_whole:
                self.lost(Trouble("media", "the connection was lost again at once"))

    def _over(self, reason: LeaveReason, message: str) -> None:
        if self.state != "over":
            self.state = "over"
            self._whole.set()
            self.on_over(reason, message)

    async def _restore(self) -> Restored:
        began, spent_s, attempts, anew = self._clock(), 0.0, 0, False
        while True:
            step = self._clock()
            if spent_s >= self._limit_s:
                never = attempts == 0 and self._cause == "server"
                raise GivenUp("server" if never else "network", self._trouble.message if self._trouble else "")
            await self._pause(attempts)
            attempts += 1
            anew = anew or self._refused or self._cause == "server" or spent_s + self._clock() - step >= RESUME_FOR_S
            if await self._attempt(anew=anew):
                return Restored(self._clock() - began, attempts, anew)
            spent_s += min(self._clock() - step, _STEP_S)

    @property
    def _cause(self) -> str:
        return self._trouble.cause if self._trouble is not None else ""

    async def _pause(self, attempts: int) -> None:
        """Waits for the next attempt's turn; not where the last one was refused, or more was lost meanwhile."""
        pause_s = PAUSES_S[min(attempts, len(PAUSES_S) - 1)]
        if not pause_s or self._refused or self._moved:
            return
        self._more.clear()
        both = {
            asyncio.ensure_future(self._sleep(pause_s * (1 + _JITTER * (2 * self._jitter() - 1)))),
            asyncio.ensure_future(self._more.wait()),
        }
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in both:
                each.cancel()

    async def _attempt(self, *, anew: bool) -> bool:
        self._refused = self._moved = False
        try:
            await (self._way.rejoin() if anew or self._trouble is None else self._way.resume(self._trouble))
        except SentAway as sent_away:
            if sent_away.reason is not None:
                raise GivenUp(sent_away.reason, sent_away.message) from sent_away
            self._refused = not anew
            logger.info("%s", sent_away.message)
        except (CallTokenError, NotAllowed) as refused:
            raise GivenUp("server", refused.message) from refused
        except SessionIdError as gone:
            raise GivenUp("ended", gone.message) from gone
        except Moved:
            self._moved = True
            logger.info("this machine has another address: again from there")
        except (NetworkError, ResponseError) as failed:
            logger.info("not connected yet: %s", failed.message)
        except CallError as failed:
            logger.warning("not connected yet: %s", failed)
        return self._way.is_whole

    async def stop(self) -> None:
        """Nothing is tried any more: the call is left."""
        self.state = "over"
        self._whole.set()
        if self._running is not None and self._running is not asyncio.current_task():
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
