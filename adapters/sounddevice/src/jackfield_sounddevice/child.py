"""The process of one stream: ``python -m jackfield_sounddevice.child REQUEST``, REQUEST being JSON.

PortAudio lists devices once, closes every stream when it lists again, and turns a core idly when a device is pulled
out. Here it has one stream to itself, and ends with it. Nothing else is imported, so that it starts fast.
"""

from __future__ import annotations

import contextlib
import errno
import importlib
import json
import os
import queue
import signal
import sys
import tempfile
import threading
import time
from typing import Any

from jackfield_sounddevice import wire
from jackfield_sounddevice.server_link import ServerLink

#: The device has this long for its first callback, and a sound server to find its pace: an idle sink takes several
#: blocks at once, and then none for two seconds.
FIRST_CALLBACK_S = 5.0
#: A server is believed to be there for longer than a device: it moves streams when devices go.
SERVER_SILENT_S = 2.0
#: How often the device is looked after.
BEAT_S = 0.1
#: PortAudio has this long to let go of a device.
CLOSE_S = 0.4
#: What waits for a reader that is stuck: half a second of blocks, then the oldest are lost.
MOST_WAITING = 50
#: Blocks that are kept ahead of a loudspeaker at most, and how long it must run without a gap to be trusted with less.
MOST_AHEAD = 12
STEADY_S = 30.0
_ERRNO = {errno.EBUSY: "busy", errno.EACCES: "denied", errno.EPERM: "denied"}


class Refused(Exception):
    """The device cannot be opened: ``kind`` is gone, busy, denied, library or unsuited."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


class Outbox:
    """What is to be sent, written by one thread so that no callback ever waits."""

    def __init__(self, descriptor: int) -> None:
        self.lost = self.sent_ns = 0
        self._descriptor = descriptor
        self._waiting: queue.SimpleQueue[wire.Message] = queue.SimpleQueue()

    def put(self, message: wire.Message) -> None:
        """Takes a message; the oldest is lost where too many wait."""
        if self._waiting.qsize() >= MOST_WAITING:
            with contextlib.suppress(queue.Empty):
                self._waiting.get_nowait()
                self.lost += 1
        self._waiting.put(message)

    def pass_on(self, wait_s: float) -> None:
        """Sends the next message, waited for so long."""
        with contextlib.suppress(queue.Empty):
            wire.send(self._descriptor, self._waiting.get(timeout=wait_s))
            self.sent_ns = time.monotonic_ns()

    def last(self, message: wire.Message) -> None:
        """Sends a message past those that wait."""
        with contextlib.suppress(OSError):
            wire.send(self._descriptor, message)


class Tap:
    """What a stream has in common in both directions: when its last callback was."""

    def __init__(self, outbox: Outbox) -> None:
        self.outbox = outbox
        self.last_ns = 0
        self.troubles = 0


class Recording(Tap):
    """Hands on what the device records."""

    def __init__(self, outbox: Outbox, rate: int) -> None:
        super().__init__(outbox)
        self._rate = rate

    def __call__(self, block: Any, frames: int, times: Any, status: Any) -> None:
        """PortAudio's callback."""
        now_ns = self.last_ns = time.monotonic_ns()
        self.troubles += bool(status.input_overflow)
        age_s = times.currentTime - times.inputBufferAdcTime
        least_s = frames / self._rate
        captured_ns = now_ns - round((age_s if least_s <= age_s < 2 else least_s) * 1e9)
        self.outbox.put(wire.Message(wire.SOUND, bytes(block), captured_ns, 1, self.troubles + self.outbox.lost))


class Playing(Tap):
    """Plays what has come, and asks for as much again; silence where nothing has."""

    def __init__(self, outbox: Outbox, block: int, block_s: float) -> None:
        super().__init__(outbox)
        self._ahead = self._least_ahead = 0
        self._block, self._block_s = block, block_s
        self._come: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._steady_s = 0.0

    def begin(self, ahead: int) -> None:
        """So many blocks are kept ahead, and more where that is found too few."""
        self._least_ahead = ahead
        self._want(ahead)

    def take(self, block: bytes) -> None:
        """A block to play has come."""
        self._come.put(block)

    def __call__(self, out: Any, frames: int, times: Any, status: Any) -> None:
        """PortAudio's callback. It waits a little where a sound server takes several blocks at once."""
        self.last_ns = time.monotonic_ns()
        try:
            out[:] = self._come.get(timeout=self._block_s / 2)
        except queue.Empty:
            out[:] = bytes(self._block)
            self._dry()
        else:
            self._played()

    def _played(self) -> None:
        self._steady_s += self._block_s
        if self._steady_s > STEADY_S and self._ahead > self._least_ahead:
            self._steady_s = 0.0
            self._ahead -= 1  # this one is not made up for
        else:
            self.outbox.put(wire.Message(wire.WANTED, b"", self.last_ns, 1, self.troubles))

    def _dry(self) -> None:
        self.troubles += 1
        self._steady_s = 0.0
        if self._ahead < MOST_AHEAD:
            self._want(1)

    def _want(self, blocks: int) -> None:
        self._ahead += blocks
        self.outbox.put(wire.Message(wire.WANTED, b"", time.monotonic_ns(), blocks, self.troubles))


def opened(request: dict[str, Any], outbox: Outbox) -> tuple[Any, Tap, dict[str, Any]]:
    """The stream, not started; what its callback is; and what it is like."""
    library = _library(request["library"])
    index, info = _found(library, request)
    is_input = request["direction"] == "input"
    most = info["max_input_channels" if is_input else "max_output_channels"]
    channels = max(1, min(request["channels"], most))
    check = library.check_input_settings if is_input else library.check_output_settings
    rate = _rate(check, index, channels, request, info)
    block = rate * request["block_ms"] // 1000
    tap: Tap = (
        Recording(outbox, rate) if is_input else Playing(outbox, block * channels * 2, request["block_ms"] / 1000)
    )
    make = library.RawInputStream if is_input else library.RawOutputStream
    stream = make(
        samplerate=rate,
        blocksize=block,
        device=index,
        channels=channels,
        dtype="int16",
        latency=request["latency_s"],
        callback=tap,
        clip_off=True,
        dither_off=True,
    )
    return stream, tap, {"rate": rate, "channels": channels, "block": block, "latency_s": stream.latency}


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except (ImportError, OSError) as exc:
        raise Refused("library", str(exc)) from exc


def _found(library: Any, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """The device's index of this moment: the one of that name, or the default where there is no name."""
    way = "input" if request["direction"] == "input" else "output"
    if not request["name"]:
        index = library.default.device[0 if way == "input" else 1]
        found = [library.query_devices(index)] if index >= 0 else []
    else:
        apis = [api["name"] for api in library.query_hostapis()]
        found = [
            each
            for each in library.query_devices()
            if each["name"] == request["name"] and request["host_api"] in ("", apis[each["hostapi"]])
        ]
    usable = [each for each in found if each[f"max_{way}_channels"] > 0]
    if not usable:
        raise Refused("gone", f"PortAudio lists no {way} device {request['name']}".rstrip())
    return usable[0]["index"], usable[0]


def _rate(check: Any, index: int, channels: int, request: dict[str, Any], info: dict[str, Any]) -> int:
    """The rate that the device is known to have, else the first that it takes of those that cost least."""
    own = round(info["default_samplerate"])
    tried = [request["rate"]] if request["rate"] else [*request["rates"], own]
    for rate in tried:
        with contextlib.suppress(Exception):
            check(device=index, channels=channels, dtype="int16", samplerate=rate)
            return int(rate)
    return int(own)


def why(node: str, exc: Exception) -> str:
    """What kind of refusal this is, as far as the device file tells."""
    if isinstance(exc, Refused) and exc.kind == "library":
        return "library"
    if not node:
        return exc.kind if isinstance(exc, Refused) else "unsuited"
    try:
        os.close(os.open(node, os.O_RDWR | getattr(os, "O_NONBLOCK", 0)))
    except OSError as error:
        return _ERRNO.get(error.errno or 0, "gone")
    return "unsuited"


class Life:
    """The stream from its start to its end, and who notices that."""

    def __init__(self, request: dict[str, Any], stream: Any, tap: Tap) -> None:
        self._node = request["node"]
        self._limit_s = request["stalled_after_s"]
        self._stream, self._tap = stream, tap
        self._started_ns = self._looked_ns = 0
        self._link: ServerLink | None = None
        self._over = threading.Lock()

    def start(self) -> None:
        """Sound flows from now on, and is looked after."""
        self._started_ns = self._looked_ns = time.monotonic_ns()
        self._stream.start()
        self._link = None if self._node else ServerLink()
        threading.Thread(target=self._look_after, daemon=True).start()

    def _look_after(self) -> None:
        beaten_ns = 0
        with contextlib.suppress(OSError):  # nobody reads any more
            while True:
                self._tap.outbox.pass_on(BEAT_S)
                now_ns = time.monotonic_ns()
                if now_ns - beaten_ns >= BEAT_S * 1e9:
                    beaten_ns = now_ns
                    found = self._ailment(now_ns)
                    if found:
                        self.end(wire.Message(wire.FAILED, json.dumps(found).encode()))
                    if now_ns - self._tap.outbox.sent_ns >= BEAT_S * 1e9:
                        self._tap.outbox.put(wire.Message(wire.ALIVE))
        self.end()

    def _ailment(self, now_ns: int) -> dict[str, str] | None:
        """Why the stream is over, if it is."""
        late_ns, self._looked_ns = now_ns - self._looked_ns, now_ns
        if self._node and not os.path.exists(self._node):
            return {"kind": "gone", "text": f"{self._node} vanished"}
        if self._link is not None and self._link.is_cut:
            return {"kind": "gone", "text": "the sound server ended"}
        if late_ns > 3 * BEAT_S * 1e9:  # it was this process that stood still
            self._started_ns = self._tap.last_ns = max(self._tap.last_ns, now_ns)
        served = not self._node
        settled = self._tap.last_ns and not (served and now_ns - self._started_ns < FIRST_CALLBACK_S * 1e9)
        limit_s = max(self._limit_s, SERVER_SILENT_S * served) if settled else FIRST_CALLBACK_S
        silent_s = (now_ns - max(self._started_ns, self._tap.last_ns)) / 1e9
        if silent_s < limit_s:
            return None
        return {"kind": "stalled", "text": f"no callback for {silent_s:.1f} s"}

    def end(self, last: wire.Message | None = None) -> None:
        """The process is over, and has let go of the device, if that lets go."""
        with self._over:
            if last:
                self._tap.outbox.last(last)
            doom = threading.Timer(CLOSE_S, os._exit, (1,))
            doom.daemon = True
            doom.start()
            with contextlib.suppress(Exception):
                self._stream.abort()
                self._stream.close()
            os._exit(0)


def main() -> None:
    """Opens what the argument says, tells, and lives until its owner's pipe ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is for the owner, who then ends this
    request = json.loads(sys.argv[1])
    outbox = Outbox(_own_output())
    with tempfile.TemporaryFile() as words:
        os.dup2(words.fileno(), 2)
        try:
            stream, tap, made = opened(request, outbox)
        except Exception as exc:
            words.seek(0)
            said = words.read(4000).decode(errors="replace").strip()
            found = {"kind": why(request["node"], exc), "text": str(exc), "said": said}
            outbox.last(wire.Message(wire.FAILED, json.dumps(found).encode()))
            return
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    outbox.last(wire.Message(wire.OPENED, json.dumps(made).encode()))
    life = Life(request, stream, tap)
    while (message := wire.received(sys.stdin.buffer)) is not None:
        if message.kind == wire.START:
            if isinstance(tap, Playing):
                tap.begin(request["ahead"])
            life.start()
        elif isinstance(tap, Playing):
            tap.take(message.payload)
    life.end()


def _own_output() -> int:
    """The pipe to the owner; whatever a library prints goes elsewhere."""
    pipe = os.dup(1)
    os.dup2(2, 1)
    return pipe


if __name__ == "__main__":
    main()
