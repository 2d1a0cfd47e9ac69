"""What plugin authors test with: the fakes fill their roles, the contracts catch what breaks them."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from jackfield import roles, testing
from jackfield.plugins.loader import lacks
from jackfield.testing import FakeCall, FakeSink, FakeTrack, ManualClock, install, samples
from jackfield.values.errors import DeviceGone

CAPTURE = """
    import threading, time
    from jackfield import AudioFormat, Device, DeviceGone, hookimpl

    HUM = Device("hum:one", "microphone", "Hum")

    class Open:
        def __init__(self, format):
            self.format = format
            self._end, self._thread = threading.Event(), None

        def start(self, sink):
            self._thread = threading.Thread(target=self._run, args=(sink,), daemon=True)
            self._thread.start()

        def _run(self, sink):
            import numpy as np
            from jackfield import AudioBlock
            while not self._end.wait(0.01):
                sink.deliver(AudioBlock(np.full((480, 1), 500, dtype=np.int16)))

        def stop(self):
            {stop}

    class Hum:
        name, kinds = "hum", frozenset({{"microphone"}})

        def devices(self):
            return [HUM]

        def watch(self, changed):
            return lambda: None

        def open(self, device, format):
            if device.id != HUM.id:
                raise {error}
            return Open(AudioFormat())

    class Plugin:
        name, api_version = "hum", (1, 0)

        @hookimpl
        def register_captures(self):
            return [Hum()]

    plugin = Plugin()
"""
CONTRACT = """
from jackfield.testing import CaptureContract, PluginContract
from jackfield_hum import plugin as hum

class TestPlugin(PluginContract):
    plugin = hum

class TestCaptures(CaptureContract):
    plugin = hum
"""


def outcome(folder: Path, **details: str) -> str:
    """What pytest says of a plugin outside the tree that inherits the contract."""
    install(folder / "site", "hum", CAPTURE.format(**details))
    (folder / "test_contract.py").write_text(CONTRACT)
    environment = {**os.environ, "PYTHONPATH": str(folder / "site")}
    command = [sys.executable, "-m", "pytest", "-q", "--rootdir", str(folder), "-p", "no:cacheprovider", str(folder)]
    done = subprocess.run(command, capture_output=True, timeout=50, env=environment, cwd=folder, check=False)
    return done.stdout.decode()


def test_a_plugin_outside_the_tree_passes_its_inherited_contract(tmp_path: Path) -> None:
    """Ten lines of test, and every clause is run."""
    said = outcome(
        tmp_path, stop="self._end.set(); self._thread and self._thread.join(1)", error='DeviceGone("it is not there")'
    )
    assert "failed" not in said, said
    assert " passed" in said


def test_a_contract_names_the_clause_that_a_plugin_breaks(tmp_path: Path) -> None:
    """A foreign error and a loop that does not end are two failed clauses, and no more."""
    said = outcome(tmp_path, stop="pass", error="OSError(2)")
    assert "test_a_device_that_is_not_there_is_gone" in said
    assert "test_stopping_is_quick_and_final" in said
    assert "2 failed" in said, said


@pytest.mark.parametrize(
    ("fake", "role"),
    [(FakeSink(), roles.CaptureSink), (FakeTrack(), roles.RenderedTrack), (FakeCall(), roles.RenderedCall)],
    ids=["sink", "track", "call"],
)
def test_a_fake_fills_its_role(fake: object, role: type) -> None:
    """Every member of the role is there."""
    assert lacks(fake, role) == []


def test_a_fake_sink_waits_for_what_comes() -> None:
    """It returns early for a failure, and keeps it."""
    sink = FakeSink()
    sink.fail(DeviceGone("unplugged"))
    assert sink.wait(1, limit_s=5) == []
    assert [error.code for error in sink.errors] == ["ERROR_DEVICE_GONE"]


def test_a_fake_call_tells_of_tracks_and_forgets_listeners() -> None:
    """Subscribed, fed, unsubscribed: the handlers hear all of it until they let go."""
    call, heard = FakeCall(), []
    stop = call.on("track_subscribed", lambda event: heard.append(event.track))
    track = call.subscribe(FakeTrack())
    let_go = track.take_encoded(heard.append)
    (frame,) = samples.encoded("VP8", 1)
    track.feed(frame)
    let_go()
    track.feed(frame)
    stop()
    call.unsubscribe(track)
    assert heard == [track, frame]
    assert (call.listeners, list(call.tracks()), list(call.participants)) == (0, [], ["ada"])


@pytest.mark.parametrize("codec", ["H264", "VP8", "opus"])
def test_reference_streams_decode_to_what_went_in(codec: str) -> None:
    """Samples are whole: as many frames out as in, the first a keyframe."""
    frames = samples.encoded(codec, 10)
    assert len(frames) == 10
    assert frames[0].keyframe
    assert len(samples.decoded(codec, frames)) == 10


async def test_a_manual_clock_wakes_sleepers_in_order_and_at_their_time(manual_clock: ManualClock) -> None:
    """Half a minute passes in no time."""
    woken: list[tuple[str, float]] = []

    async def sleeper(name: str, *durations_s: float) -> None:
        for duration_s in durations_s:
            await manual_clock.sleep(duration_s)
            woken.append((name, manual_clock()))

    tasks = [asyncio.create_task(sleeper("a", 20, 5)), asyncio.create_task(sleeper("b", 10))]
    await manual_clock.advance(9)
    assert woken == []
    assert manual_clock.sleepers == 2
    await manual_clock.advance(21)
    assert woken == [("b", 1010.0), ("a", 1020.0), ("a", 1025.0)]
    assert (manual_clock(), manual_clock.monotonic_ns()) == (1030.0, 1_030_000_000_000)
    await asyncio.gather(*tasks)


def test_the_pytest_plugin_imports_no_native_library() -> None:
    """Whoever has jackfield installed pays nothing for it in other tests."""
    code = "import sys, jackfield.testing.pytest_plugin; print([m for m in ('av', 'numpy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=30, check=True)
    assert done.stdout.strip() == b"[]"


def test_every_clause_of_every_contract_says_what_it_asks() -> None:
    """The docstrings are the documentation of the roles."""
    for name in [name for name in dir(testing) if name.endswith("Contract")]:
        contract = getattr(testing, name)
        assert contract.__doc__
        for clause in [each for each in dir(contract) if each.startswith("test_")]:
            assert getattr(contract, clause).__doc__, f"{name}.{clause}"


def test_the_state_fixture_is_a_folder_of_the_tests_own(jackfield_state: Path) -> None:
    """Nothing that a test keeps reaches the person's own state."""
    assert os.environ["JACKFIELD_STATE_DIR"] == str(jackfield_state)
