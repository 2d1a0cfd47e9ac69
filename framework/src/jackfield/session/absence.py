"""A source that gives nothing for a while: noticed, covered by a placeholder, and its return noticed too."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from jackfield.session.intake import Intake
from jackfield.session.placeholder import StandIn
from jackfield.values.errors import CallError, DeviceGone
from jackfield.values.media import AudioBlock, Media, VideoFrame

#: A camera that misses four pictures, and is silent for this long, stalls; a microphone does after the second.
PICTURE_STALL_S, SOUND_STALL_S = 1.0, 0.3
_PICTURES_MISSED = 4
#: A device that goes on giving nothing for so long is opened anew.
REOPEN_S = 10.0
#: One that opened, and gives what others could begin with only later, is waited for so long.
BEGINS_S = 60.0


class Absence:
    """Of one publication's source. On the event loop, but for ``back``, which is called on the capture's thread.

    ``put`` takes placeholders. ``back`` is asked of the first media that comes again whether the absence is over with
    it; ``over`` is told on the loop when it is.
    """

    def __init__(
        self,
        intake: Intake,
        put: Callable[[VideoFrame | AudioBlock], object],
        back: Callable[[Media], bool],
        over: Callable[[], None],
    ) -> None:
        self._intake, self._put, self._back, self._over = intake, put, back, over
        self._loop = asyncio.get_running_loop()
        self._stand_in: StandIn | None = None
        self.broken: CallError | None = None

    @property
    def is_on(self) -> bool:
        """Whether a placeholder stands in."""
        return self._stand_in is not None

    def begin(self, size: tuple[int, int] | None) -> None:
        """A placeholder of this size, or silence, stands in until media comes again."""
        if self._stand_in is None:
            self._intake.resumed = self._resumed
            self._stand_in = StandIn(size, self._cover)

    def _cover(self, media: VideoFrame | AudioBlock) -> None:
        if self._intake.resumed is not None:  # else the source is back, and the loop has not heard of it yet
            self._put(media)

    def _resumed(self, media: Media) -> bool:
        if not self._back(media):
            return False
        self._intake.resumed = None
        self._loop.call_soon_threadsafe(self._finish)
        return True

    def _finish(self) -> None:
        if self.end():
            self._over()

    def end(self) -> bool:
        """Nothing stands in any more; False when nothing did."""
        stand_in, self._stand_in = self._stand_in, None
        self._intake.resumed = None
        if stand_in is not None:
            stand_in.end()
        return stand_in is not None

    async def until_media(self, beyond: int, limit_s: float, is_sound: Callable[[], bool] = lambda: True) -> None:
        """Returns when more than ``beyond`` was taken of the source; ``broken`` where it failed meanwhile.

        `DeviceGone` when it has given nothing within the limit, or nothing that one could begin with: the limit is
        `BEGINS_S` while something comes and ``is_sound``.
        """
        intake, silent_s, waited_s = self._intake, 0.0, 0.0
        before = given = intake.delivered
        while intake.open and intake.taken <= beyond:
            if self.broken is not None:
                raise self.broken
            if intake.delivered != given and is_sound():
                given, silent_s = intake.delivered, 0.0
            if silent_s >= limit_s or waited_s >= BEGINS_S:
                found = "nothing" if intake.delivered == before else "nothing that others could begin with"
                raise DeviceGone(f"it opened, and gave {found} within {waited_s:g} s")
            await asyncio.sleep(0.01)
            silent_s, waited_s = silent_s + 0.01, waited_s + 0.01


async def stalls(
    intake: Intake,
    fps: Callable[[], float | None],
    stalled: Callable[[], Awaitable[None]],
    lost: Callable[[], None] = lambda: None,
) -> None:
    """Awaits ``stalled`` whenever the source has given nothing for too long at ``fps`` (None: sound), and calls
    ``lost`` when it goes on so for `REOPEN_S`. Never returns."""
    seen, silent_s, is_told, is_lost = -1, 0.0, False, False
    while True:
        rate = fps()
        limit_s = SOUND_STALL_S if rate is None else max(PICTURE_STALL_S, _PICTURES_MISSED / max(rate, 0.1))
        if not intake.open or intake.delivered != seen:
            seen, silent_s, is_told, is_lost = intake.delivered, 0.0, False, False
        elif silent_s >= limit_s and not is_told:
            is_told = True
            await stalled()
        elif silent_s >= limit_s + REOPEN_S and not is_lost:
            is_lost = True
            lost()
        await asyncio.sleep(limit_s / 4)
        silent_s += limit_s / 4
