"""One speaker's PocketSphinx, as its owner sees it: a process that takes sound and answers lines.

PocketSphinx holds the interpreter's lock while it computes, up to a third of a second at the end of a long sentence:
in the process of a call, nothing else would move for so long.
"""

from __future__ import annotations

import json
import os
import queue
import struct
import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from jackfield import own_python
from jackfield.roles import Words
from jackfield.values.errors import PluginError
from jackfield.values.media import AudioBlock

#: How long the model may take to load, and the last words to be found.
READY_S, FINISH_S = 20.0, 5.0
#: What ending may take once its input is closed, and once it is killed.
END_S, KILL_S = 0.1, 0.5
#: Before the length of a block in bytes; a length of 0 asks for what is open.
HEAD = struct.Struct("<I")
RATE = 16_000


class PocketSphinx:
    """A `Transcriber`; its process ends with it, and when whoever owns it ends."""

    def __init__(self) -> None:
        self._child = subprocess.Popen(
            own_python.command("jackfield_transcribe_pocketsphinx.child"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=own_python.environment(),
        )
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._to = self._child.stdin.fileno()
        #: What the process says, and None when it says no more.
        self._said: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, name="jackfield pocketsphinx", daemon=True)
        self._reader.start()
        #: The instant of the first sample since the last `finish`; None before there was one.
        self._first_ns: int | None = None
        try:
            if self._until("ready", READY_S) is None:
                raise PluginError(f"PocketSphinx has not loaded its model within {READY_S:g} s")
        except BaseException:
            self.close()
            raise

    def hear(self, block: AudioBlock) -> Sequence[Words]:
        """What the process has understood by now. Waits where it is two seconds behind."""
        if self._first_ns is None:
            self._first_ns = block.time_ns
        data = block.samples.tobytes()
        self._send(HEAD.pack(len(data)) + data)
        return self._words(self._lines())

    def finish(self) -> Sequence[Words]:
        """Waits for what is open."""
        self._send(HEAD.pack(0))
        lines = self._until("finished", FINISH_S)
        if lines is None:
            raise PluginError(f"PocketSphinx has not found its last words within {FINISH_S:g} s")
        words = self._words(lines)
        self._first_ns = None
        return words

    def _send(self, data: bytes) -> None:
        try:
            while data:
                data = data[os.write(self._to, data) :]
        except OSError as exc:
            raise self._gone() from exc

    def _gone(self) -> PluginError:
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(END_S)
        return PluginError(f"PocketSphinx's process has ended by itself ({self._child.returncode})")

    def _read(self) -> None:
        """On a thread of its own: a pipe cannot be asked whether there is something on every system."""
        assert self._child.stdout is not None
        with suppress(ValueError):  # closed
            for line in self._child.stdout:
                self._said.put(json.loads(line))
        self._said.put(None)

    def _until(self, wanted: str, limit_s: float) -> list[dict[str, Any]] | None:
        """Every line before the one that is this; None when it does not come."""
        ends, found = time.monotonic() + limit_s, list[dict[str, Any]]()
        while (left := ends - time.monotonic()) > 0:
            line = self._next(left)
            if line is not None and line.get("is") == wanted:
                return found
            found += [line] if line is not None else []
        return None

    def _next(self, limit_s: float) -> dict[str, Any] | None:
        try:
            line = self._said.get(timeout=limit_s) if limit_s else self._said.get_nowait()
        except queue.Empty:
            return None
        if line is None:
            self._said.put(None)
            raise self._gone()
        return line

    def _lines(self) -> list[dict[str, Any]]:
        """What it has said by now."""
        found = list[dict[str, Any]]()
        while (line := self._next(0.0)) is not None:
            found.append(line)
        return found

    def _words(self, lines: Sequence[dict[str, Any]]) -> list[Words]:
        first_ns = self._first_ns or 0
        return [
            Words(
                line["segment"],
                line["text"],
                line["final"],
                first_ns + line["began"] * 1_000_000_000 // RATE,
                first_ns + line["ended"] * 1_000_000_000 // RATE,
            )
            for line in lines
        ]

    def close(self) -> None:
        """The process is over."""
        child = self._child
        assert child.stdin is not None
        assert child.stdout is not None
        with suppress(OSError):
            child.stdin.close()
        try:
            child.wait(END_S)
        except subprocess.TimeoutExpired:
            child.kill()
            with suppress(subprocess.TimeoutExpired):
                child.wait(KILL_S)
        self._reader.join(KILL_S)
        child.stdout.close()
