"""What a source has encoded itself, sent as it is: joinable at every keyframe, and only where it can be decoded."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from attrs import evolve

from jackfield.media import h265
from jackfield.media.h264 import ParameterSets, sps_of
from jackfield.session.bounds import Bounds
from jackfield.session.encode import Encoded
from jackfield.session.handover import Outlet
from jackfield.session.soundness import Soundness, Trouble
from jackfield.values.findings import Finding
from jackfield.values.media import EncodedFrame

logger = logging.getLogger("jackfield.publish")

#: Encoded frames on their way to the event loop.
FRAMES_AHEAD = 4
#: A source that gives no keyframe is asked again after this long.
ASK_AGAIN_S = 0.33


class Passthrough:
    """Hands encoded frames on to ``send`` on the event loop, from a keyframe on.

    When the loop is behind, or more comes than a call carries, all up to the next keyframe go, and ``force_keyframe``
    asks for one, some three times a second. ``unfit`` is told, once and on the loop, when browsers could not decode
    what comes; nothing of it is sent. Nor is H.264 before its parameter sets, which is logged once, nor what is damaged
    or too large: where that goes on, ``undecodable`` is told once, on the loop. ``size`` is that of the last picture
    that told it. ``now`` is in seconds.
    """

    def __init__(
        self,
        what: str,
        send: Callable[[Encoded], None],
        force_keyframe: Callable[[], None],
        unfit: Callable[[Finding], None],
        undecodable: Callable[[Trouble], None] = lambda trouble: None,
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.dropped = 0
        self.size = (0, 0)
        self.is_open = False
        self._what, self._force_keyframe, self._unfit = what, force_keyframe, unfit
        self._loop = asyncio.get_running_loop()
        self._outlet: Outlet[Encoded] = Outlet(self._loop, send, FRAMES_AHEAD, newest_wins=False)
        self._now, self._asked_at = now, -ASK_AGAIN_S
        self._undecodable = undecodable
        self._soundness = Soundness(now, between=self._tell_between)
        self._begin()

    def _begin(self) -> None:
        self._sets, self._sets_h265 = ParameterSets(), h265.ParameterSets()
        self._bounds = Bounds(self._what)
        self._waits, self._is_unfit, self._told_lacking, self._told_between = True, False, False, False

    def take(self, frame: EncodedFrame) -> None:
        """Takes a frame, on the capture's thread."""
        frame = self._complete(frame)
        if self._is_unfit:
            return
        if frame.width:
            self.size = frame.width, frame.height
        is_sound = self._is_sound(frame)
        self._waits = (self._waits and not (frame.keyframe and is_sound)) or not is_sound
        if self._waits:
            self._refuse()
            return
        self._soundness.passed()
        if self._outlet.full or not self.is_open or self._bounds.is_full(self._now()):
            self._waits = True
            self._drop()
            return
        self._bounds.sent(len(frame.data), self._now())
        self._outlet.put((frame, None))

    def _refuse(self) -> None:
        """The frame itself is of no use; one for which there is no room is not the source's fault."""
        trouble = self._soundness.held() if self.is_open else None
        if trouble is not None:
            self._loop.call_soon_threadsafe(self._undecodable, trouble)
        self._drop()

    def _drop(self) -> None:
        self.dropped += 1
        if self.is_open:
            self._ask()

    def _ask(self) -> None:
        now = self._now()
        if now - self._asked_at >= ASK_AGAIN_S:
            self._asked_at = now
            self._force_keyframe()

    def begins(self, frame: EncodedFrame) -> bool:
        """Whether others can see pictures again from this frame on, as far as can be told. Nothing of it is sent; a
        keyframe is asked for where it is none, some three times a second. On the capture's thread."""
        frame = self._complete(frame)
        if not frame.keyframe:
            self._soundness.learn(frame)
        elif not self._is_unfit and self._is_sound(frame):
            return True
        self._ask()
        return False

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong with what comes: at most a keyframe is waited for."""
        return self._soundness.is_well and not self._is_unfit

    def doubt(self) -> None:
        """Somebody cannot go on without a keyframe: what comes next is looked at closely. Any thread."""
        self._soundness.doubt()

    def _complete(self, frame: EncodedFrame) -> EncodedFrame:
        if frame.codec == "H264":
            return self._whole(frame)
        return self._whole_h265(frame) if frame.codec == "H265" else frame

    def _is_sound(self, frame: EncodedFrame) -> bool:
        """Whether this frame may be decodable, where all before it are; what stands before a keyframe is nobody's."""
        if self._waits and not frame.keyframe:
            self._soundness.learn(frame)
            return True
        if large := self._bounds.too_large(len(frame.data)):
            self._soundness.note(large)
            return False
        lacking = self._lacking(frame) if frame.keyframe else ""
        if lacking:
            self._tell_lacking(frame, lacking)
            self._soundness.learn(frame)
            self._soundness.note(f"it comes without parameter sets ({lacking})")
            return False
        return not self._soundness.fault(frame)

    def _lacking(self, frame: EncodedFrame) -> str:
        """What describes the pictures, and has not come yet: without it nobody could decode this keyframe."""
        return {"H264": self._sets.lacking, "H265": self._sets_h265.lacking}.get(frame.codec, "")

    def _tell_lacking(self, frame: EncodedFrame, lacking: str) -> None:
        if not self._told_lacking:
            self._told_lacking = True
            found = f"{self._what} gives {frame.codec} without parameter sets ({lacking}), which nobody can decode"
            logger.warning("%s: nothing of it is sent until they come; have them put before each keyframe", found)

    def _tell_between(self, damaged: int, tried: int) -> None:
        if not self._told_between:
            self._told_between = True
            found = f"{self._what} gives H.264 that is cut short or damaged between its keyframes"
            fix = "others stand still until the next one; see to the source, and to the way to it"
            logger.warning("%s (%d of %d pictures that were tried out): %s", found, damaged, tried, fix)

    def _whole(self, frame: EncodedFrame) -> EncodedFrame:
        """The frame with what it takes to begin there; parameter sets are remembered from wherever they come."""
        data = self._sets.whole(frame.data)
        if not frame.keyframe:
            return frame
        sps = sps_of(data)
        if sps is None:
            return frame
        if not sps.is_for_browsers and not self._is_unfit:
            self._is_unfit = True
            found = f"{self._what} gives H.264 of profile {sps.profile}, which browsers do not decode"
            fix = "set its profile to Main or Constrained Baseline, or join with passthrough=False to encode it anew"
            self._loop.call_soon_threadsafe(self._unfit, Finding("error", "passthrough", found, fix))
        width, height = frame.width or sps.width, frame.height or sps.height
        return frame if data is frame.data and frame.width else evolve(frame, data=data, width=width, height=height)

    def _whole_h265(self, frame: EncodedFrame) -> EncodedFrame:
        data = self._sets_h265.whole(frame.data)
        size = h265.frame_size(data) if frame.keyframe and not frame.width else None
        width, height = size or (frame.width, frame.height)
        return frame if data is frame.data and size is None else evolve(frame, data=data, width=width, height=height)

    def renew(self) -> None:
        """Another source's frames come from now on: nothing of what was seen holds for them."""
        self._begin()
        self._soundness.renew()

    def comes_from(self, undecodable: Callable[[Trouble], None], *, may_wait: bool) -> None:
        """A capture begins: from now on it is this one's ``undecodable`` that is told, and what was held back before
        is no trouble of its. ``may_wait``: its thread may, as long as a keyframe is tried out."""
        self._undecodable, self._soundness.may_wait = undecodable, may_wait
        self._soundness.passed()

    def close(self) -> None:
        """Nothing more comes out."""
        self._outlet.close()
