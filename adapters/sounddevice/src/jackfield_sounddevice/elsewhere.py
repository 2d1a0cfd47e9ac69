"""What PortAudio lists, on macOS and Windows: asked of a process of its own, and kept for two seconds."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from jackfield import own_python
from jackfield.values.devices import Device
from jackfield.values.findings import Finding
from jackfield.values.formats import AudioFormat
from jackfield_sounddevice.border import library_fix
from jackfield_sounddevice.endpoint import Direction, Endpoint, Target

logger = logging.getLogger("jackfield.sounddevice")

#: The host API that is listed on each platform: the others show the same devices once more, and worse.
PREFERRED = {"darwin": "Core Audio", "win32": "Windows WASAPI", "linux": "ALSA"}
LOOK_S = 2.0
#: A listing process that ended is begun anew after `LOOK_S`, and then after ever longer pauses, up to this.
_PAUSE_MAX_S = 60.0
_LIMIT_S = 10.0
_KINDS: Mapping[Direction, Any] = {"input": "microphone", "output": "speaker"}
_MONITOR = re.compile(r"monitor|loopback|stereo mix|blackhole|soundflower|vb-audio|cable output", re.IGNORECASE)


class PortAudioMachine:
    """Devices by host API and name, which is all that PortAudio tells of them that lasts."""

    def __init__(self, library: str = "sounddevice", platform: str = sys.platform) -> None:
        self._library, self._platform = library, platform
        self._lock = threading.Lock()
        self._kept: Any = []
        self._kept_until = 0.0

    def endpoints(self) -> Sequence[Endpoint]:
        """What was listed within the last two seconds, else a new list, which takes a third of a second."""
        with self._lock:
            if time.monotonic() >= self._kept_until:
                self._keep(_asked(self._library))
            kept = self._kept
        return [] if isinstance(kept, dict) else self._of(kept)

    def news(self) -> ListingNews:
        """A process that lists every two seconds."""
        return ListingNews(self._library, self._told)

    def findings(self) -> Sequence[Finding]:
        """The library, and whether there is anything."""
        found = self.endpoints()
        if isinstance(self._kept, dict):
            return [Finding("error", "libportaudio", f"PortAudio: {self._kept['missing']}", library_fix())]
        if not found:
            return [Finding("warning", "sound devices", "PortAudio lists none", "attach one, and allow its use")]
        return ()

    def _told(self, listed: Any) -> None:
        with self._lock:
            self._keep(listed)

    def _keep(self, listed: Any) -> None:
        self._kept, self._kept_until = listed, time.monotonic() + LOOK_S

    def _of(self, listed: Sequence[Mapping[str, Any]]) -> list[Endpoint]:
        wanted = PREFERRED.get(self._platform, "")
        mine = [each for each in listed if each["host_api"] == wanted] or listed
        times: Counter[tuple[str, str]] = Counter()
        found = []
        for each in mine:
            times[each["direction"], each["name"]] += 1
            found.append(_endpoint(each, times[each["direction"], each["name"]]))
        return found


def _endpoint(entry: Mapping[str, Any], number: int) -> Endpoint:
    """``number`` tells those of one name apart, in PortAudio's order: nothing that lasts does."""
    api = re.sub(r"^(Windows )|[^A-Za-z]", "", entry["host_api"]).casefold()
    words = re.sub(r"[^\w.-]+", "_", entry["name"]).strip("_")
    monitor = bool(_MONITOR.search(entry["name"]))
    device = Device(
        f"sounddevice:{api}-{words}" + (f"-{number}" if number > 1 else ""),
        _KINDS[entry["direction"]],
        entry["name"],
        entry["name"],
        modes=(AudioFormat(entry["rate"], min(entry["channels"], 2)),),
        rank=0 if monitor else 60 if entry["is_default"] else 50,
        clean=monitor,
    )
    return Endpoint(device, entry["direction"], Target(entry["name"], entry["host_api"], entry["rate"]))


class ListingNews:
    """Waits for the listing process to tell a list that differs."""

    def __init__(self, library: str, told: Any) -> None:
        self._told, self._library = told, library
        self._lock = threading.Lock()
        self._pause_s = LOOK_S
        self._process = _process(library)
        self._ended = threading.Event()
        self._asking = threading.Thread(target=self._ask, name="sounddevice listing", daemon=True)
        self._asking.start()

    def wait(self) -> bool:
        """True when PortAudio lists something else than before."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            pause_s, self._pause_s = self._pause_s, min(2 * self._pause_s, _PAUSE_MAX_S)
            if not self._ended.wait(pause_s):
                self._begin_anew()
            return not self._ended.is_set()
        self._told(json.loads(line))
        return True

    def _begin_anew(self) -> None:
        """It has ended, as it does where PortAudio fails: another one lists."""
        ended = self._process
        ended.kill()
        logger.warning("the process that lists sound devices ended (exit status %s): another begins", ended.wait())
        for pipe in (ended.stdin, ended.stdout):
            assert pipe is not None
            with suppress(OSError):
                pipe.close()
        with self._lock:
            if not self._ended.is_set():
                self._process = _process(self._library)

    def close(self) -> None:
        """The process has ended."""
        with self._lock:
            self._ended.set()
        self._asking.join()
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(0.5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def release(self) -> None:
        """Nothing of the process is left."""
        self.close()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _ask(self) -> None:
        while not self._ended.wait(LOOK_S):
            assert self._process.stdin is not None
            with suppress(OSError, ValueError):  # it has ended, and another one begins
                self._process.stdin.write(b"\n")


def _process(library: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        own_python.command("jackfield_sounddevice.enumerate", library),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        bufsize=0,
        env=own_python.environment(),
    )


def _asked(library: str) -> Any:
    process = _process(library)
    try:
        said, _ = process.communicate(timeout=_LIMIT_S)
        return json.loads(said.splitlines()[0])
    except (subprocess.TimeoutExpired, ValueError, IndexError):
        return {"missing": "listing devices ended with no answer"}
    finally:
        process.kill()
        process.wait()
