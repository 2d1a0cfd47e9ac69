"""What one publication's media goes through, kept fit to the device or program that feeds it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Literal

from attrs import frozen

from jackfield.media.clock import Clock, LoopClock
from jackfield.media.far_end import FarEnd
from jackfield.plugins import Choice, Plugins, close_processors, open_processors
from jackfield.session.feed import Feed
from jackfield.session.listening import MicrophoneWatch
from jackfield.session.opening import opened
from jackfield.session.processing import Treatment
from jackfield.values.devices import Device
from jackfield.values.errors import CallError
from jackfield.values.settings import SessionSettings

logger = logging.getLogger("jackfield.devices")


@frozen
class Heed:
    """Who is told what of a publication's sound and its processors. All on the event loop, but for ``dropped``."""

    #: A processor that failed, and its name; on the encoding thread.
    dropped: Callable[[CallError, str], None] = lambda error, name: None
    #: For how long there was nothing to hear, and whether that is over.
    no_input: Callable[[float, bool], None] = lambda seconds, ended: None
    talking: Callable[[], None] = lambda: None


class Fitting:
    """The processors of one publication, and the watch of its microphone. On the event loop.

    A device is treated as the settings say, a program's source where it asks for it. A microphone that is treated is
    also listened to while it is muted (``listens``): nothing of that is sent.
    """

    def __init__(
        self,
        kind: Literal["audio", "video"],
        settings: SessionSettings,
        plugins: Plugins,
        heed: Heed,
        *,
        far_end: FarEnd | None = None,
        away: Callable[[], bool] = lambda: False,
        clock: Clock | None = None,
    ) -> None:
        self._kind, self._settings, self._plugins = kind, settings, plugins
        sound = kind == "audio"
        self._watch = MicrophoneWatch(clock or LoopClock(), heed.no_input, heed.talking, away=away) if sound else None
        self.treatment = Treatment(heed.dropped, far_end=far_end if sound else None, watch=self._watch)
        self._fits: object = None
        self.listens = False

    async def to(self, feed: Feed) -> None:
        """Media of this feed, which is open, is treated as becomes it; processors open on a thread."""
        fits = (feed.device, feed.treated, feed.codec)
        if fits == self._fits:
            return
        self.listens = feed.treated and self._watch is not None
        device, made = feed.device, []
        if feed.treated and feed.codec is None:
            made = await opened(
                lambda: open_processors(self._plugins, self._kind, device, self._settings), close_processors
            )
        elif feed.treated and device is not None:
            self._explain_passthrough(device, feed.codec or "")
        self.treatment.use(made)
        self._fits = fits
        if self._watch is not None:
            self._watch.again()

    def _explain_passthrough(self, device: Device, codec: str) -> None:
        why = f"{device.id} is sent in {codec} as it encodes, and not decoded for this: set passthrough to false"
        left: list[str] = []
        for offer in self._plugins.offers("register_processors"):
            for what in offer.thing.does if offer.thing.kind == self._kind else ():
                if offer.thing.unsuited(what, device, self._settings) is None:
                    asked = f"processor {what.replace('_', ' ')}"
                    self._plugins.choices[asked] = Choice(asked, why=why)
                    left.append(what.replace("_", " "))
        if left:
            logger.warning("no %s: %s", ", ".join(left), why)

    def mute(self, muted: bool) -> None:
        """Sound is heard and not sent, or sent again."""
        if self._watch is not None:
            self._watch.mute(muted)

    def start(self) -> None:
        """A microphone is watched from now on."""
        if self.listens and self._watch is not None:
            self._watch.start()

    def close(self) -> None:
        """Nothing is treated any more; call it once the encoding thread has ended."""
        if self._watch is not None:
            self._watch.stop()
        self.treatment.close()
