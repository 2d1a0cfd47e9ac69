"""What one publication's media goes through, kept fit to the device or program that feeds it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Literal

from attrs import frozen

from jackfield.media.clock import Clock, LoopClock
from jackfield.media.far_end import FarEnd
from jackfield.plugins import Choice, OpenProcessor, Plugins, close_processors, open_processors
from jackfield.roles import BACKGROUND, Backdrop
from jackfield.session.feed import Feed
from jackfield.session.listening import MicrophoneWatch
from jackfield.session.opening import opened
from jackfield.session.processing import Treatment
from jackfield.values.devices import Device
from jackfield.values.errors import CallError, PluginError
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

    A device is treated as the settings say, a program's source where it asks for it; either is seen before
    ``backdrop``. A microphone that is treated is
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
        self.backdrop: Backdrop | None = None
        self._fits: object = None
        self.listens = False

    async def to(self, feed: Feed) -> None:
        """Media of this feed, which is open, is treated as becomes it; processors open on a thread. `PluginError` where
        nothing can show the backdrop, and nothing has changed."""
        fits = (feed.device, feed.treated, feed.codec, self.backdrop)
        if fits == self._fits:
            return
        device, made = feed.device, list[OpenProcessor]()
        if self.backdrop is not None and feed.codec is not None:
            what = f"{device.label} ({device.id})" if device else "this source"
            found = f"{what} gives its pictures as {feed.codec} alone, and nothing can be put behind anybody in them"
            raise PluginError(f"{found}; name another camera, or clear_background()")
        if feed.codec is None and (feed.treated or self.backdrop is not None):
            made = await opened(lambda: self._opened(device, treated=feed.treated), close_processors)
        elif feed.treated and device is not None:
            self._explain_passthrough(device, feed.codec or "")
        self.listens = feed.treated and self._watch is not None
        self.treatment.use(made, covers=self.backdrop is not None)
        self._fits = fits
        if self._watch is not None:
            self._watch.again()

    def _opened(self, device: Device | None, *, treated: bool) -> list[OpenProcessor]:
        backdrop = self.backdrop
        made = open_processors(self._plugins, self._kind, device, self._settings, backdrop, treated=treated)
        if backdrop is not None:
            _check_clad(self._plugins, made)
        return made

    def _explain_passthrough(self, device: Device, codec: str) -> None:
        why = f"{device.id} is sent in {codec} as it encodes, and not decoded for this: set passthrough to false"
        left: list[str] = []
        for offer in self._plugins.offers("register_processors"):
            for what in offer.thing.does if offer.thing.kind == self._kind else ():
                if what != BACKGROUND and offer.thing.unsuited(what, device, self._settings) is None:
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


def try_backdrop(plugins: Plugins, settings: SessionSettings, backdrop: Backdrop) -> None:
    """It can be shown; `PluginError` says why not. Blocks."""
    made = open_processors(plugins, "video", None, settings, backdrop, treated=False)
    _check_clad(plugins, made)
    close_processors(made)


def _check_clad(plugins: Plugins, made: Sequence[OpenProcessor]) -> None:
    if not any(BACKGROUND in each.does for each in made):
        close_processors(made)
        passed = plugins.choices[f"processor {BACKGROUND}"].passed_over
        raise PluginError("nothing can change the background: " + "; ".join(map(str, passed)))
