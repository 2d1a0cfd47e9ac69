"""What a loudspeaker's plugin asks for: watched, since plugins are anybody's and some stop without a word."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jackfield.media.clock import Clock, Timer

#: A loudspeaker that has asked, and then asks for nothing between so many looks a second apart, is gone: twice as long
#: as one block may last. Looks, not a time: where this program or the whole machine slept, the device slept as well.
LOOK_S, _LOOKS = 1.0, 4
#: Nobody plays more than this in one block.
_LONGEST_S = 2


class Asking:
    """The ``fill`` of one loudspeaker, put before that of the mixer; used on the loop, but for `fill` itself.

    ``gone`` is called once, on the loop, when it asks no more; ``absurd`` once, on the loudspeaker's thread, with what
    it asked for where that is no number of samples.
    """

    def __init__(
        self,
        fill: Callable[[int], NDArray[np.int16]],
        rate: int,
        channels: int,
        clock: Clock,
        *,
        gone: Callable[[], None],
        absurd: Callable[[str], None],
    ) -> None:
        self._fill, self._most, self._nothing = fill, _LONGEST_S * rate, np.zeros((0, channels), np.int16)
        self._clock, self._gone, self._absurd = clock, gone, absurd
        self.count = 0
        self._is_absurd = False
        self._seen, self._silent_looks = 0, 0
        self._timer: Timer | None = None

    def fill(self, samples: Any) -> NDArray[np.int16]:
        """The next samples; none of them for what is no number of samples."""
        if not isinstance(samples, int | np.integer) or isinstance(samples, bool) or not 0 <= samples <= self._most:
            if not self._is_absurd:
                self._is_absurd = True
                self._absurd(f"{samples!r:.40} samples at once")
            return self._nothing
        self.count += 1
        return self._fill(int(samples))

    def watch(self) -> None:
        """It is looked at from now on."""
        self._timer = self._clock.call_later(LOOK_S, self._look)

    def _look(self) -> None:
        is_silent = self.count == self._seen and self.count > 0
        self._seen, self._silent_looks = self.count, self._silent_looks + 1 if is_silent else 0
        if self._silent_looks >= _LOOKS:
            self._timer = None
            self._gone()
        else:
            self.watch()

    def end(self) -> None:
        """Nobody looks any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
