"""An encoder's process: ``python -m jackfield.plugins.isolated.process PLUGIN CODEC NAME``, started by `Child`.

It loads that one plugin, as the configuration has it, and answers one question after the other until its standard input
ends. A question that takes longer than its limit ends the process, whoever waits: a driver that hangs holds the
interpreter, and the owner may be gone.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, BinaryIO, TextIO

from attrs import evolve

from jackfield.plugins.config import load_config
from jackfield.plugins.isolated import pictures, wire
from jackfield.plugins.isolated.memory import PictureMemory
from jackfield.plugins.loader import load
from jackfield.roles import ForcesKeyframe, OpensAnew, SetsBitrate
from jackfield.values.errors import CallError, EncoderError
from jackfield.values.formats import VideoEncoding
from jackfield.values.media import VideoFrame

#: Beyond a question's own limit, at which its owner ends the process if it is there.
_GRACE_S = 2.0


class Desk:
    """One encoder, opened by the first question, and what it is asked."""

    def __init__(self, factory: Any) -> None:
        self._factory = factory
        self._bitrate_bps = 0
        self._encoder: Any = None
        self._memory: PictureMemory
        self._encoding: VideoEncoding

    def answer(self, asked: Mapping[str, Any]) -> wire.Message:
        """The answer to a question; whatever the encoder raises is one."""
        try:
            return self._encode(asked) if "picture" in asked else self._open(asked)
        except CallError as exc:
            return wire.Message({"error": exc.message})
        except Exception as exc:
            return wire.Message({"error": f"it failed: {type(exc).__name__}: {exc}"})

    def close(self) -> None:
        """The hardware is given back."""
        encoder, self._encoder = self._encoder, None
        if encoder is not None:
            encoder.close()

    def _open(self, asked: Mapping[str, Any]) -> wire.Message:
        self._memory = PictureMemory(asked["key"])
        self._encoding = VideoEncoding(**asked["encoding"])
        self._encoder = self._factory.open(self._encoding)
        abilities = {"keyframes": ForcesKeyframe, "bitrate": SetsBitrate}
        can = [name for name, role in abilities.items() if isinstance(self._encoder, role)]
        anew = ["anew"] if isinstance(self._encoder, OpensAnew) and self._encoder.opens_anew else []
        return wire.Message({"can": can + anew})

    def _encode(self, asked: Mapping[str, Any]) -> wire.Message:
        self._resize(*asked["size"])
        if asked["keyframe"]:
            self._encoder.force_keyframe()
        if asked["bitrate_bps"] != self._bitrate_bps:
            self._bitrate_bps = asked["bitrate_bps"]
            self._encoder.set_bitrate_bps(self._bitrate_bps)
        picture = pictures.taken(self._memory, asked["picture"])
        return wire.Message({}, self._encoder.encode(VideoFrame(picture, asked["time_ns"], asked["rotation"])))

    def _resize(self, width: int, height: int) -> None:
        if self._encoder is None or (width, height) != (self._encoding.width, self._encoding.height):
            self.close()
            self._encoding = evolve(self._encoding, width=width, height=height)
            self._encoder = self._factory.open(self._encoding)
            self._bitrate_bps = 0


def found(plugin: str, codec: str, name: str) -> Any:
    """The factory of that encoder; `EncoderError` where the plugin does not offer it here."""
    loading = load(load_config(), only={plugin})
    for loaded in loading.loaded:
        for factory in loaded.offers.get("register_codecs", ()):
            if (factory.makes, factory.codec, factory.name) == ("encoder", codec, name):
                return factory
    reason = next((row.reason for row in loading.rows if row.reason), f"it offers no {name} in a process of its own")
    raise EncoderError(f"{plugin}: {reason}")


def serve(inlet: BinaryIO, outlet: BinaryIO, arguments: Sequence[str], nowhere: TextIO) -> None:
    """Answers until ``inlet`` ends."""
    desk: Desk | None = None
    while (question := wire.received(inlet)) is not None:
        _end_after(question.table["limit_s"] + _GRACE_S, nowhere)
        try:
            desk = desk or Desk(found(*arguments))
            answer = desk.answer(question.table)
        except EncoderError as exc:
            answer = wire.Message({"error": exc.message})
        _end_after(0, nowhere)
        wire.send(outlet, answer)
    _end_after(_GRACE_S, nowhere)
    if desk is not None:
        desk.close()


def _end_after(limit_s: float, nowhere: TextIO) -> None:
    """The process ends after so long, even where nothing of Python's runs any more; 0: it does not."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, limit_s)
    elif limit_s:
        faulthandler.dump_traceback_later(limit_s, exit=True, file=nowhere)
    else:
        faulthandler.cancel_dump_traceback_later()


def main(arguments: Sequence[str]) -> None:
    """Serves on the standard input and output, which are its own: whatever a driver prints goes to standard error."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is for the owner, who then ends this
    if hasattr(signal, "SIGALRM"):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
    with open(os.devnull, "w") as nowhere, os.fdopen(os.dup(0), "rb") as inlet, os.fdopen(os.dup(1), "wb") as outlet:
        os.dup2(nowhere.fileno(), 0)
        try:
            os.dup2(2, 1)
        except OSError:  # there is no standard error
            os.dup2(nowhere.fileno(), 1)
        with suppress(OSError):  # nobody listens any more
            serve(inlet, outlet, arguments, nowhere)
        os._exit(0)  # a driver's own farewell may hang or crash, and nothing is left to be done


if __name__ == "__main__":
    main(sys.argv[1:])
