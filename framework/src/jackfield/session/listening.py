"""What a microphone's sound tells of itself: that there is none, or that somebody talks while it is muted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from jackfield.media.clock import Clock, Timer
from jackfield.media.voice import VoiceActivity
from jackfield.values.media import AudioBlock

#: A microphone that is on and gives nothing for so long is told of.
NO_INPUT_S = 5.0
#: Talking while muted is told of at most so often.
TALKING_EVERY_S = 30.0
_LOOK_EVERY_S = 0.5
#: Of 32768; what is not louder is digital silence, dithered or not.
_SILENCE = 1


class MicrophoneWatch:
    """Watches one microphone. `hear` runs on the encoding thread, everything else on the event loop.

    ``no_input`` is told how long there was nothing and whether that has ended, ``talking`` that somebody talks while
    the microphone is muted. While the microphone is ``away``, which is told of already, its silence counts for nothing.
    """

    def __init__(
        self,
        clock: Clock,
        no_input: Callable[[float, bool], None],
        talking: Callable[[], None],
        *,
        muted: bool = False,
        away: Callable[[], bool] = lambda: False,
    ) -> None:
        self._clock, self._no_input, self._talking = clock, no_input, talking
        self._muted, self._away = muted, away
        self._voice = VoiceActivity()
        self._sounded_ns = self._silent_from_ns = 0
        self._talked_ns: int | None = None
        self._told_talking_ns: int | None = None
        self._told_silent = False
        self._again_ns: int | None = None
        self._timer: Timer | None = None

    @property
    def muted(self) -> bool:
        """Whether what is heard is not sent."""
        return self._muted

    def mute(self, muted: bool) -> None:
        """From now on it is muted, or no more; silence is counted anew."""
        self._muted = muted
        self._talked_ns = None
        self._voice.forget()
        self.again()

    def again(self) -> None:
        """Silence is counted from now: the microphone is another one, or was just switched on."""
        self._silent_from_ns = self._clock.now_ns()

    def start(self) -> None:
        """Watches until `stop`."""
        self.again()
        self._arm()

    def stop(self) -> None:
        """Tells of nothing more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def hear(self, raw: AudioBlock, sent: NDArray[np.int16], rate: int, likely: float | None) -> None:
        """Takes a block as it was captured and as it is sent, and how likely a detector finds that it is speech."""
        if _sounds(raw.samples):
            self._sounded_ns = self._clock.now_ns()
            if self._told_silent and self._again_ns is None:
                self._again_ns = self._sounded_ns
        if self._voice.push(sent, rate, likely) and self._muted:
            self._talked_ns = self._clock.now_ns()

    def _arm(self) -> None:
        self._timer = self._clock.call_later(_LOOK_EVERY_S, self._look)

    def _look(self) -> None:
        now_ns = self._clock.now_ns()
        self._look_for_silence(now_ns)
        self._look_for_talking(now_ns)
        self._arm()

    def _look_for_silence(self, now_ns: int) -> None:
        if self._away():
            self._silent_from_ns = now_ns
            return
        if self._told_silent:
            if self._again_ns is not None:
                self._told_silent = False
                self._no_input((self._again_ns - self._silent_from_ns) / 1e9, True)
            return
        since_ns = max(self._sounded_ns, self._silent_from_ns)
        if not self._muted and now_ns - since_ns >= NO_INPUT_S * 1e9:
            self._told_silent, self._silent_from_ns, self._again_ns = True, since_ns, None
            self._no_input((now_ns - since_ns) / 1e9, False)

    def _look_for_talking(self, now_ns: int) -> None:
        talked_ns, self._talked_ns = self._talked_ns, None
        if talked_ns is None or not self._muted:
            return
        if self._told_talking_ns is None or now_ns - self._told_talking_ns >= TALKING_EVERY_S * 1e9:
            self._told_talking_ns = now_ns
            self._talking()


def _sounds(samples: NDArray[np.int16]) -> bool:
    return bool(samples.size) and (int(samples.max()) > _SILENCE or int(samples.min()) < -_SILENCE)
