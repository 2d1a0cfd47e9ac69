"""The process that holds one speaker's PocketSphinx: sound comes in, lines of JSON go out. It ends with its input."""

from __future__ import annotations

import json
import sys
from typing import Any, BinaryIO

from jackfield_transcribe_pocketsphinx.process import HEAD, RATE

#: An interim answer so often, in samples heard.
TOLD = RATE * 3 // 10
#: A piece this long, in samples, is ended where it is: people who do not pause are to be read, too.
LONGEST = RATE * 15


class Hearing:
    """One speaker: which sound is speech, and which words it may be.

    A piece begins and ends where the endpointer (WebRTC's, which PocketSphinx brings) finds speech to. The sound of a
    piece is searched as it comes; its words change until it ends.
    """

    def __init__(self, decoder: Any, endpointer: Any, tell: Any) -> None:
        self._decoder, self._make, self._tell = decoder, endpointer, tell
        self._segment, self._heard = 0, 0
        self._fresh()

    def _fresh(self) -> None:
        self._endpointer = self._make()
        self._size = self._endpointer.frame_bytes
        self._waiting = b""
        self._taken = self._began = self._told = 0
        self._text, self._is_open = "", False

    def hear(self, data: bytes) -> None:
        """More sound."""
        self._waiting += data
        while len(self._waiting) >= self._size:
            frame, self._waiting = self._waiting[: self._size], self._waiting[self._size :]
            self._take(self._endpointer.process(frame))
            self._taken += self._size // 2

    def _take(self, speech: bytes | None) -> None:
        if speech is None:
            return
        if not self._is_open:
            self._is_open, self._text, self._told = True, "", self._taken
            self._began = round(self._endpointer.speech_start * RATE)
            self._decoder.start_utt()
        self._decoder.process_raw(speech, no_search=False, full_utt=False)
        if not self._endpointer.in_speech:
            self._end(round(self._endpointer.speech_end * RATE))
        elif self._taken - self._began > LONGEST:
            self._end(self._taken)
        elif self._taken - self._told >= TOLD:
            self._told = self._taken
            self._say(self._taken, final=False)

    def _say(self, ended: int, *, final: bool) -> None:
        found = self._decoder.hyp()
        text = found.hypstr.strip() if found is not None else ""
        if not final and text in ("", self._text):
            return
        self._text = text or self._text
        if self._text:
            said = {"segment": self._segment, "text": self._text, "final": final}
            self._tell({**said, "began": self._began, "ended": max(ended, self._began)})

    def _end(self, ended: int) -> None:
        self._decoder.end_utt()
        self._say(ended, final=True)
        self._segment, self._is_open = self._segment + 1, False

    def finish(self) -> None:
        """What is open is over; sound begins anew after it."""
        if self._is_open:
            self._end(self._taken)
        self._fresh()
        self._tell({"is": "finished"})


def main() -> int:
    """Until the input ends."""
    import pocketsphinx

    given, answers = sys.stdin.buffer, sys.stdout

    def tell(line: Any) -> None:
        answers.write(json.dumps(line) + "\n")
        answers.flush()

    # Without the second pass over a whole piece: it takes long, and its words come when nobody waits for them any more.
    decoder = pocketsphinx.Decoder(samprate=RATE, loglevel="FATAL", fwdflat=False)
    hearing = Hearing(decoder, lambda: pocketsphinx.Endpointer(sample_rate=RATE), tell)
    tell({"is": "ready"})
    while (head := _read(given, HEAD.size)) is not None:
        (length,) = HEAD.unpack(head)
        if not length:
            hearing.finish()
        elif (data := _read(given, length)) is not None:
            hearing.hear(data)
        else:
            break
    return 0


def _read(given: BinaryIO, count: int) -> bytes | None:
    data = given.read(count)
    return data if len(data) == count else None


if __name__ == "__main__":
    sys.exit(main())
