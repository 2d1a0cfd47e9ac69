"""Whoever asks for a keyframe of encrypted H.264 gets another one a while later: the first may be drawn as it came.

LiveKit's native SDKs give what comes before their decryption of a track is ready to the decoder, still encrypted. A VP8
decoder refuses it and another keyframe is asked for; an H.264 decoder, to which parameter sets and slice header are
plain, draws a black picture from it without a complaint in a third of all cases (measured with FFmpeg: 14 of 40 keys),
and every picture from there on builds on that. Through LiveKit this was so in 2 of 12 calls.
"""

from __future__ import annotations

from collections.abc import Callable

from jackfield.media.clock import Clock, LoopClock, Timer

#: By then who asked can decrypt; and so long there is no other one.
SETTLED_S, REST_S = 2.5, 10.0


class SecondKeyframe:
    """Before ``force``, which gets a layer's rid ("": every layer's). Used on the event loop."""

    def __init__(self, force: Callable[[str], None], clock: Clock | None = None) -> None:
        self._force, self._clock = force, clock or LoopClock()
        self._timer: Timer | None = None
        self._not_before_ns = 0
        self._has_ended = False

    def asked(self, rid: str) -> None:
        """Somebody needs a keyframe: now, and once more."""
        self._force(rid)
        if self._timer is None and not self._has_ended:
            wait_s = max(SETTLED_S, (self._not_before_ns - self._clock.now_ns()) / 1e9)
            self._timer = self._clock.call_later(wait_s, self._again)

    def _again(self) -> None:
        self._timer = None
        self._not_before_ns = self._clock.now_ns() + round(REST_S * 1e9)
        self._force("")

    def end(self) -> None:
        """No more of them."""
        self._has_ended = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
