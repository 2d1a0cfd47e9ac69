"""A sound server of a test's own: PulseAudio on a private socket, with sinks that nobody hears and no hardware."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from tests.lab.machine import find_tool
from tests.lab.needs import require

NEEDS = ("pulseaudio", "pactl", "alsa-plugins", "portaudio")
SINKS = ("spk", "mic")
_STARTED_S = 15.0


class SoundServer:
    """What is played to sink ``mic`` is heard on source ``mic.monitor``; the same for ``spk``."""

    def __init__(self, folder: Path) -> None:
        self.address = f"unix:{folder}/native"
        self.environment = {"PULSE_SERVER": self.address, "PULSE_RUNTIME_PATH": str(folder)}
        self._everything = {**os.environ, **self.environment, "PULSE_STATE_PATH": str(folder), "HOME": str(folder)}
        self._processes: list[subprocess.Popen[bytes]] = []
        self._socket = folder / "native"
        self._awake: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        """It listens, and has its sinks."""
        words = ["-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1", "--disable-shm=yes"]
        module = f"module-native-protocol-unix socket={self._socket} auth-anonymous=1"
        self._run(find_tool("pulseaudio"), *words, "--log-level=error", "-L", module)
        end = time.monotonic() + _STARTED_S
        while not self._socket.exists():
            assert time.monotonic() < end, "PulseAudio did not start"
            time.sleep(0.02)
        for name in SINKS:
            self.add_sink(name)

    def add_sink(self, name: str, *, rate: int = 48_000, channels: int = 2) -> str:
        """Another sink, kept awake, since an idle one takes sound by seconds; the number of its module."""
        arguments = [f"sink_name={name}", f"rate={rate}", "format=s16le", f"channels={channels}"]
        number = self.pactl("load-module", "module-null-sink", *arguments).strip()
        silence = ["--playback", "--latency-msec=20", "--format=s16le", f"--rate={rate}", "-d", name, "/dev/zero"]
        self._awake[number] = self._run(find_tool("pacat"), *silence)
        return number

    def remove_sink(self, number: str) -> None:
        """The sink is gone, with its monitor."""
        _ended(self._awake.pop(number))
        self.pactl("unload-module", number)

    def pactl(self, *words: str) -> str:
        """What the server answers."""
        command = [find_tool("pactl"), *words]
        done = subprocess.run(command, env=self._everything, capture_output=True, text=True, timeout=20, check=True)
        return done.stdout

    def stop(self) -> None:
        """Nothing of it is left."""
        for process in reversed(self._processes):
            _ended(process)

    def _run(self, *command: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(command, env=self._everything, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._processes.append(process)
        return process


def _ended(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(3)
    process.kill()
    process.wait()


def needs() -> Sequence[str]:
    """What a test with a sound server needs of the machine."""
    return NEEDS


@pytest.fixture(scope="module")
def one_sound_server() -> Iterator[SoundServer]:
    """A running server, for all tests of a module."""
    require(*NEEDS)
    with tempfile.TemporaryDirectory(prefix="jackfield-sound-") as folder:
        server = SoundServer(Path(folder))
        try:
            server.start()
            yield server
        finally:
            server.stop()


@pytest.fixture
def sound_server(one_sound_server: SoundServer, monkeypatch: pytest.MonkeyPatch) -> SoundServer:
    """A running server that this process, and what it starts, takes for the machine's own."""
    for name, value in one_sound_server.environment.items():
        monkeypatch.setenv(name, value)
    return one_sound_server
