"""What a source has encoded itself, sent as it is: joinable at every keyframe, and only where it can be decoded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from attrs import evolve

from jackfield.media.h264 import ParameterSets, sps_of
from jackfield.session.encode import Encoded
from jackfield.session.handover import Outlet
from jackfield.values.findings import Finding
from jackfield.values.media import EncodedFrame

#: Encoded frames on their way to the event loop.
FRAMES_AHEAD = 4


class Passthrough:
    """Hands encoded frames on to ``send`` on the event loop, from a keyframe on.

    When the loop is behind, all up to the next keyframe go, and ``force_keyframe`` asks for one. ``unfit`` is told,
    once and on the loop, when browsers could not decode what comes; nothing of it is sent.
    """

    def __init__(
        self,
        what: str,
        send: Callable[[Encoded], None],
        force_keyframe: Callable[[], None],
        unfit: Callable[[Finding], None],
    ) -> None:
        self.dropped = 0
        self.is_open = False
        self._what, self._force_keyframe, self._unfit = what, force_keyframe, unfit
        self._loop = asyncio.get_running_loop()
        self._outlet: Outlet[Encoded] = Outlet(self._loop, send, FRAMES_AHEAD, newest_wins=False)
        self._sets = ParameterSets()
        self._waits, self._is_unfit = True, False

    def take(self, frame: EncodedFrame) -> None:
        """Takes a frame, on the capture's thread."""
        if frame.keyframe and frame.codec == "H264":
            frame = self._whole(frame)
        if self._is_unfit:
            return
        self._waits = (self._waits and not frame.keyframe) or self._outlet.full or not self.is_open
        if not self._waits:
            self._outlet.put((frame, None))
            return
        self.dropped += 1
        if self.is_open:
            self._force_keyframe()

    def _whole(self, frame: EncodedFrame) -> EncodedFrame:
        data = self._sets.whole(frame.data)
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

    def renew(self) -> None:
        """Another source's frames come from now on: nothing of what was seen holds for them."""
        self._sets = ParameterSets()
        self._waits, self._is_unfit = True, False

    def close(self) -> None:
        """Nothing more comes out."""
        self._outlet.close()
