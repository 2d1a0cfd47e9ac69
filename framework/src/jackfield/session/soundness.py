"""Whether anybody can decode what a source encodes: told from headers, and from a keyframe tried out now and then."""

from __future__ import annotations

import threading
from collections.abc import Callable
from math import inf

from attrs import frozen

from jackfield.media.h264_headers import Headers
from jackfield.media.h264_sps import Sps
from jackfield.media.libav.keyframe_trial import KeyframeTrial, try_out
from jackfield.values.media import EncodedFrame

#: What nobody can decode is told after this long, once it was found more than once.
DAMAGED_S, _FAULTS = 1.0, 2
#: So long without a keyframe that can be sent is told as well.
NO_KEYFRAME_S = 10.0
#: A source that gave nothing for so long begins anew: what was held back before is no trouble of now.
_PAUSE_S = 5.0
#: The least time between two trials: where one failed, where size or profile changed, where somebody lacks a picture;
#: the last is doubled, up to the most, each time that nothing was found: people who join ask for keyframes as well.
_RETRY_S, _CHANGED_S, _DOUBT_S, _DOUBT_MOST_S = 0.3, 1.0, 5.0, 40.0
#: Larger pictures are not tried out: they take a processor too long.
_TRIED_MAX = 4096 * 2304
#: Where somebody lacks a picture, and the keyframe is sound, so many pictures after it are tried out with it.
_AFTER = 12
_UNTRIED = "they have not been tried out yet"


@frozen
class Trouble:
    """Others cannot see what a source gives: ``found`` is the end of a sentence that says why.

    ``is_damaged``: something is wrong with it; else there is no keyframe that one could begin with.
    """

    found: str
    is_damaged: bool


class Soundness:
    """Of what one source encodes; made on the event loop, used on the thread that delivers. ``now`` is in seconds.

    Once damage was told, a keyframe counts only where it was tried out, whatever source it comes from. ``between`` is
    told, on any thread, how many of how many pictures are damaged from a keyframe on that is not.
    """

    def __init__(
        self,
        now: Callable[[], float],
        trial: Callable[[bytes], KeyframeTrial] = KeyframeTrial,
        between: Callable[[int, int], None] = lambda damaged, tried: None,
    ) -> None:
        self._now, self._start_trial, self._between = now, trial, between
        self._loop_thread = threading.get_ident()
        self._is_suspect = self._is_doubted = False
        #: Whether the thread that delivers may wait for a trial: a device's may, a program's and the loop's never.
        self.may_wait = False
        self.renew()

    def renew(self) -> None:
        """Another source's frames come from now on."""
        self._headers = Headers()
        self._trial: KeyframeTrial | None = None
        self._verdict = ""
        self._tried_at, self._doubt_s = -inf, _DOUBT_S
        self._tried: Sps | None = None
        self._run: list[bytes] | None = None
        self._seen_at = -inf
        self.passed()

    def passed(self) -> None:
        """A frame can be sent: all is well."""
        self._held_since: float | None = None
        self._faults, self._found, self._is_told = 0, "", False

    @property
    def is_well(self) -> bool:
        """Whether nothing wrong was found since a frame was sent, or the source was renewed."""
        return not self._faults

    def held(self) -> Trouble | None:
        """A frame was not sent. Answers, once, with what is wrong where that goes on for too long."""
        now = self._now()
        if self._held_since is None or now - self._seen_at > _PAUSE_S:
            self._held_since, self._faults = now, min(self._faults, 1)
        self._seen_at, waited_s = now, now - self._held_since
        is_damaged = self._faults >= _FAULTS and waited_s >= DAMAGED_S
        if self._is_told or not (is_damaged or waited_s >= NO_KEYFRAME_S):
            return None
        self._is_told = True
        if not is_damaged:
            return Trouble(f"no keyframe that others could begin with came for {NO_KEYFRAME_S:g} s", False)
        self._is_suspect, self._trial, self._verdict = True, None, ""
        return Trouble(self._found, True)

    def learn(self, frame: EncodedFrame) -> None:
        """Parameter sets are remembered from a frame that is not sent."""
        if frame.codec == "H264":
            self._headers.fault(frame.data)

    def note(self, found: str) -> None:
        """Something is wrong that others found out."""
        self._faults, self._found = self._faults + 1, found

    def doubt(self) -> None:
        """Somebody asks for a keyframe: it is tried out, unless one just was. Any thread."""
        self._is_doubted = True

    def fault(self, frame: EncodedFrame) -> str:
        """Why nobody can decode this frame; "" where it may be sent. Waits for a trial where it may."""
        if frame.codec != "H264":
            return ""
        found = self._headers.fault(frame.data)
        if self._run is not None:
            self._collect(frame)
        if not found and frame.keyframe:
            found = self._tried_out(frame.data)
        if found:
            self.note(found)
        return found

    def _collect(self, frame: EncodedFrame) -> None:
        """What follows the keyframe that was doubted is kept, until there is enough to try out."""
        run = self._run or []
        if not frame.keyframe:
            run.append(frame.data)
        if frame.keyframe or len(run) > _AFTER:
            self._run = None
            if not self._verdict and len(run) > 1:
                try_out(run, self._between)

    def _tried_out(self, data: bytes) -> str:
        sps = self._headers.newest
        if sps is None or sps.width * sps.height > _TRIED_MAX:
            self._is_suspect = False
            return ""
        self._read()
        now = self._now()
        if self._is_due(sps, now):
            trial = self._trial = self._start_trial(data)
            self._run = [data] if self._is_doubted else None
            self._doubt_s = min(2 * self._doubt_s, _DOUBT_MOST_S) if self._is_doubted else _DOUBT_S
            self._tried_at, self._tried, self._is_doubted = now, sps, False
            if self.may_wait and threading.get_ident() != self._loop_thread:
                trial.wait()
            self._read()
        return self._verdict or (_UNTRIED if self._is_suspect else "")

    def _read(self) -> None:
        """What the newest trial that has ended found holds until the next has: nobody waits for some of them."""
        answer = self._trial.answer if self._trial is not None else None
        if answer is not None:
            self._verdict, self._is_suspect = answer, self._is_suspect and bool(answer)

    def _is_due(self, sps: Sps, now: float) -> bool:
        trial, since_s = self._trial, now - self._tried_at
        if trial is not None and trial.is_running:
            return False
        if trial is None or trial.answer != "":
            return since_s >= _RETRY_S
        return (sps != self._tried and since_s >= _CHANGED_S) or (self._is_doubted and since_s >= self._doubt_s)
