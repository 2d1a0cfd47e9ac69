"""A program as a capture: read on a thread of its own, started again when it ends, given up when that does not help."""

from __future__ import annotations

import logging
import os
import selectors
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from attrs import frozen

from jackfield.media.program.allowance import Allowance
from jackfield.media.program.process import RunningProgram
from jackfield.media.program.reader import Reader, Refused, Unreadable
from jackfield.roles import CaptureSink
from jackfield.values.errors import CallError, DeviceError, DeviceGone
from jackfield.values.formats import MediaFormat
from jackfield.values.media import EncodedFrame, Media

logger = logging.getLogger("jackfield.program")

_CHUNK = 1 << 17
#: What is said on the standard error is read at this rate, in bytes; who says more waits.
_WORDS_PER_S = 1e6
_STOP_S = 0.95
#: Encoded frames that are kept for a sink that is not there yet; more than that is no beginning.
_EARLY_MAX = 64
#: A run that was held back for so long, all together, prints faster than it should.
_HELD_S = 0.5
#: Whether the program still runs is looked at so often while it is silent.
_LOOK_S = 0.5


@frozen
class Patience:
    """How long is waited for what, in seconds."""

    #: For the first picture or sound of a run.
    first_s: float = 8.0
    #: For the next one.
    stall_s: float = 5.0
    #: Before it is started again: this long, then twice as long each time up to the most.
    back_off_s: float = 0.5
    most_s: float = 8.0
    #: A run that gave media for so long makes up for all the failures before it.
    steady_s: float = 10.0
    #: It is given up once it has given nothing for so long since it first failed.
    give_up_s: float = 3.0


@frozen
class Ending:
    """Why a run is over, as the end of a sentence; ``error`` where trying again is of no use."""

    found: str
    error: CallError | None = None


class ProgramCapture:
    """Media of a program. `ready` waits for the first of it; what comes before ``start`` is dropped.

    ``what`` names the device in messages, ``fix`` says what to do when it fails. ``launch`` starts one run on the
    capture's thread and may raise `OSError`, or `ValueError` for words that cannot be a command; ``reader`` makes what
    reads it. ``given_up`` hears the error with which it ends by itself.
    """

    mends_itself = True
    #: What comes. Known once it is `ready`.
    format: MediaFormat

    def __init__(
        self,
        what: str,
        launch: Callable[[], RunningProgram],
        reader: Callable[[], Reader],
        *,
        fix: str,
        patience: Patience | None = None,
        given_up: Callable[[CallError], None] = lambda error: None,
    ) -> None:
        self.what = what
        self._launch, self._make_reader, self._fix = launch, reader, fix
        self._patience = patience or Patience()
        self._given_up = given_up
        self._sink: CaptureSink | None = None
        #: What came before there was a sink: from the newest keyframe on, since nothing else can be shown before the
        #: next one; of raw media the newest.
        self._early: list[Media] = []
        self._begun = False
        self._settled = threading.Event()
        self._error: CallError | None = None
        self._stopping, self._again = threading.Event(), threading.Event()
        self._lock = threading.Lock()
        self._program: RunningProgram | None = None
        self._wake_out, self._wake_in = os.pipe()
        os.set_blocking(self._wake_in, False)
        self._media_at_ns = 0
        self._media_from_ns = 0
        self._held_back = False
        self._thread = threading.Thread(target=self._run, name=what, daemon=True)
        self._thread.start()

    def ready(self) -> None:
        """The first media has come; `DeviceError` says why none does, and it is stopped. Blocks for ``first_s``."""
        self._settled.wait(self._patience.first_s + 2.0)
        if not self._begun:
            self.stop()
            raise self._error or DeviceGone(f"{self.what} gave nothing; {self._fix}")

    def start(self, sink: CaptureSink) -> None:
        """Media goes to the sink. It hears at once of a capture that was given up since it was `ready`."""
        with self._lock:
            for item in self._early:
                sink.deliver(item)
            self._early.clear()
            self._sink, error = sink, self._error
        if error is not None and not self._stopping.is_set():
            sink.fail(error)

    def stop(self) -> None:
        """The program and whatever it started have ended; nothing more is delivered."""
        self._stopping.set()
        self._rouse()
        if self._thread is not threading.current_thread():
            self._thread.join(_STOP_S)

    def signal(self, number: int) -> None:
        """Sends a signal to the program that runs now. Any thread."""
        with self._lock:
            if self._program is not None:
                self._program.signal(number)

    def restart(self) -> None:
        """The program is ended and started again at once. Any thread."""
        self._again.set()
        self._rouse()

    def _rouse(self) -> None:
        with self._lock:
            if self._wake_in >= 0:
                try:
                    os.write(self._wake_in, b"x")
                except BlockingIOError:
                    pass

    # --- on the thread
    def _run(self) -> None:
        try:
            self._run_again_and_again()
        except Exception as exc:  # a fault of ours: the call is told, and goes on
            logger.exception("%s: reading it failed", self.what)
            self._fail(DeviceError(f"{self.what} cannot be read: {type(exc).__name__}: {exc}"))
        finally:
            self._settled.set()
            with self._lock:
                os.close(self._wake_in)
                self._wake_in = -1
            os.close(self._wake_out)

    def _run_again_and_again(self) -> None:
        patience, pause_s = self._patience, self._patience.back_off_s
        nothing_s: float | None = None
        while not self._stopping.is_set():
            began = time.monotonic()
            ending = self._one_run()
            if self._stopping.is_set():
                return
            if self._again.is_set():
                self._again.clear()
                continue
            media_s = (self._media_at_ns - self._media_from_ns) / 1e9
            if nothing_s is None or media_s >= patience.steady_s:
                pause_s, nothing_s = patience.back_off_s, 0.0
            else:
                nothing_s += time.monotonic() - began - media_s
            if ending.error is not None or not self._begun:
                self._fail(ending.error or DeviceGone(f"{self.what} gives nothing: {ending.found}; {self._fix}"))
                return
            if nothing_s + pause_s > patience.give_up_s:
                self._fail(DeviceGone(f"{self.what} is given up: {ending.found}; {self._fix}"))
                return
            logger.warning("%s: %s; it is started again in %g s", self.what, ending.found, pause_s)
            self._pause(pause_s)
            nothing_s += pause_s
            pause_s = min(2 * pause_s, patience.most_s)

    def _fail(self, error: CallError) -> None:
        with self._lock:
            self._error, sink = error, self._sink  # without a sink, `start` tells
        self._given_up(error)
        if sink is not None and not self._stopping.is_set():
            sink.fail(error)

    def _pause(self, seconds: float) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._wake_out, selectors.EVENT_READ)
            if selector.select(seconds):
                os.read(self._wake_out, 4096)

    def _one_run(self) -> Ending:
        self._media_at_ns = self._media_from_ns = 0
        try:
            program = self._launch()
        except OSError as exc:
            return Ending(f"it could not be started ({exc.strerror or type(exc).__name__})")
        except ValueError:  # `subprocess`, of a word that no system call can carry
            found = "a word of its command holds a NUL or half of a surrogate pair"
            return Ending(found, DeviceError(f"{self.what} cannot be started: {found}; {self._fix}"))
        with self._lock:
            self._program = program
        try:
            reader = self._make_reader()
            ending = _Run(self, program, reader).until_over()
        finally:
            with self._lock:
                self._program = None
            how = program.end()
        found = ending.found or how or "its output ended"
        words = program.words
        return Ending(f"{found}; it said: {words}" if words else found, ending.error)

    @property
    def _over(self) -> bool:
        return self._stopping.is_set() or self._again.is_set()

    def _deliver(self, media: Sequence[Media], reader: Reader, now_ns: int) -> None:
        if not media:
            return
        self._media_at_ns = now_ns
        self._media_from_ns = self._media_from_ns or now_ns
        if not self._begun:
            self.format, self._begun = reader.format, True
            self._settled.set()
        if self._sink is None:
            with self._lock:  # `start` may be about to take them
                if self._sink is None:
                    self._keep(media)
                    return
        for item in media:
            if not self._over:
                self._sink.deliver(item)

    def _keep(self, media: Sequence[Media]) -> None:
        for item in media:
            if not isinstance(item, EncodedFrame) or item.keyframe or len(self._early) >= _EARLY_MAX:
                self._early.clear()
            if not isinstance(item, EncodedFrame) or item.keyframe or self._early:
                self._early.append(item)

    def _hold_back(self) -> None:
        if not self._held_back:
            self._held_back = True
            logger.warning(
                "%s gives far more than it should and is held back; a file is read with ffmpeg's -re", self.what
            )


class _Run:
    """One run: everything that is waited for at once."""

    def __init__(self, capture: ProgramCapture, program: RunningProgram, reader: Reader) -> None:
        self._capture, self._program, self._reader = capture, program, reader
        now_ns = time.monotonic_ns()
        self._bytes = Allowance(reader.bytes_per_s, reader.bytes_per_s)
        self._chunk = int(min(_CHUNK, max(4096, reader.bytes_per_s / 20)))
        self._items = Allowance(reader.items_per_s, max(reader.items_per_s, 30.0))
        self._words = Allowance(_WORDS_PER_S, _WORDS_PER_S)
        self._due_ns = now_ns + round(capture._patience.first_s * 1e9)
        self._printed, self._held_s = 0, 0.0
        self._unsettled = self._heard_all = False

    def until_over(self) -> Ending:
        """Reads until the end."""
        capture = self._capture
        with ExitStack() as stack:
            selector = stack.enter_context(selectors.DefaultSelector())
            selector.register(capture._wake_out, selectors.EVENT_READ)
            while not capture._over:
                now_ns = time.monotonic_ns()
                if now_ns > self._due_ns:
                    return Ending(self._stalled())
                held_s, deaf_s = self._waits(now_ns)
                self._wanted(selector, self._program.stdout, held_s == 0)
                self._wanted(selector, self._program.stderr, deaf_s == 0 and not self._heard_all)
                ready = {key.fd for key, _ in selector.select(self._limit_s(now_ns, held_s, deaf_s))}
                if capture._wake_out in ready:
                    os.read(capture._wake_out, 4096)
                    continue
                ending = self._taken(ready, held_s)
                if ending is not None:
                    return ending
        return Ending("it was ended")

    def _waits(self, now_ns: int) -> tuple[float, float]:
        held_s = max(self._bytes.wait_s(now_ns), self._items.wait_s(now_ns))
        self._held_s += held_s
        if self._held_s > _HELD_S:
            self._capture._hold_back()
        return held_s, self._words.wait_s(now_ns)

    @staticmethod
    def _wanted(selector: selectors.BaseSelector, descriptor: int, wanted: bool) -> None:
        registered = descriptor in selector.get_map()
        if wanted and not registered:
            selector.register(descriptor, selectors.EVENT_READ)
        elif registered and not wanted:
            selector.unregister(descriptor)

    def _limit_s(self, now_ns: int, held_s: float, deaf_s: float) -> float:
        limits = [(self._due_ns - now_ns) / 1e9 + 0.01, _LOOK_S]
        limits += [seconds for seconds in (held_s, deaf_s) if seconds > 0]
        if self._unsettled and self._reader.quiet_s is not None and held_s == 0:
            limits.append(self._reader.quiet_s)
        return max(0.0, min(limits))

    def _taken(self, ready: set[int], held_s: float) -> Ending | None:
        try:
            if self._program.stderr in ready and not self._hear():
                self._heard_all = True
            if self._program.stdout in ready:
                return self._read()
            if self._unsettled and not ready and held_s == 0:
                self._unsettled = False
                now_ns = time.monotonic_ns()
                self._deliver(self._reader.quiet(now_ns), now_ns)
            elif not ready and held_s == 0 and self._program.has_ended:
                return Ending("")  # whatever holds its output open is not the program
        except Unreadable as exc:
            return Ending(str(exc))
        except Refused as exc:
            return Ending(exc.error.message, exc.error)
        return None

    def _hear(self) -> bool:
        self._words.take(1 << 16, time.monotonic_ns())
        return self._program.listen()

    def _read(self) -> Ending | None:
        data = self._program.read(self._chunk)
        now_ns = time.monotonic_ns()
        if data == b"":
            self._deliver(self._reader.quiet(now_ns), now_ns)
            return Ending("")
        if data:
            self._printed += len(data)
            self._bytes.take(len(data), now_ns)
            self._unsettled = self._reader.quiet_s is not None
            self._deliver(self._reader.feed(data, now_ns), now_ns)
        return None

    def _deliver(self, media: Sequence[Media], now_ns: int) -> None:
        if media:
            self._items.take(len(media), now_ns)
            self._due_ns = now_ns + round(self._capture._patience.stall_s * 1e9)
            self._capture._deliver(media, self._reader, now_ns)

    def _stalled(self) -> str:
        limit_s = self._capture._patience.stall_s if self._capture._media_at_ns else self._capture._patience.first_s
        if not self._printed:
            return f"it printed nothing for {limit_s:g} s"
        if self._capture._media_at_ns:
            return f"nothing came any more for {limit_s:g} s"
        return f"it printed {self._printed} bytes in {limit_s:g} s, and no picture or sound could be made of them"
