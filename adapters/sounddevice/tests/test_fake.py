"""The fake PortAudio beside the real one: what this plugin relies on of both."""

from __future__ import annotations

import importlib
import inspect
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.lab.sound_server import SoundServer

PARAMETERS = {
    "samplerate",
    "blocksize",
    "device",
    "channels",
    "dtype",
    "latency",
    "callback",
    "clip_off",
    "dither_off",
}


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.needs("portaudio"))])
def library(request: pytest.FixtureRequest) -> Iterator[Any]:
    """The fake, and python-sounddevice on a sound server."""
    if request.param == "fake":
        yield importlib.import_module("jackfield_sounddevice.fake_portaudio")
        return
    server: SoundServer = request.getfixturevalue("sound_server")
    assert server.address
    import sounddevice
    from jackfield_sounddevice.sounddevice_shim import list_anew

    list_anew(sounddevice)
    yield sounddevice


def test_devices_and_host_apis_are_told_alike(library: Any) -> None:
    """Names, directions, rates, and which is the default."""
    (default_in, default_out) = library.default.device
    for index in (default_in, default_out):
        info = library.query_devices(index)
        assert info["index"] == index
        assert {"name", "hostapi", "max_input_channels", "max_output_channels", "default_samplerate"} <= set(info)
    assert library.query_hostapis()[info["hostapi"]]["name"] == "ALSA"
    assert default_in in [each["index"] for each in library.query_devices()]


def test_streams_are_made_with_the_same_words(library: Any) -> None:
    """Every parameter that we name is there."""
    for made in (library.RawInputStream, library.RawOutputStream):
        assert set(inspect.signature(made).parameters) >= PARAMETERS
    assert callable(library.check_input_settings)
    assert issubclass(library.PortAudioError, Exception)


def test_a_rate_of_no_sense_is_refused(library: Any) -> None:
    """By an exception, before anything is opened."""
    with pytest.raises(library.PortAudioError):
        library.check_input_settings(device=library.default.device[0], channels=1, dtype="int16", samplerate=3)


@pytest.mark.parametrize("way", ["Input", "Output"])
def test_callbacks_have_whole_blocks_times_and_flags(library: Any, way: str) -> None:
    """480 frames in 16 bit; both clocks; a flag for what was lost. After ``abort`` none comes."""
    seen: list[tuple[int, int]] = []
    enough = threading.Event()
    index = library.default.device[way == "Output"]

    def callback(block: Any, frames: int, times: Any, status: Any) -> None:
        assert len(bytes(block)) == frames * 2
        assert times.currentTime >= 0
        if way == "Input":
            assert times.inputBufferAdcTime <= times.currentTime + 1
            assert status.input_overflow in (True, False)
        else:
            block[:] = bytes(len(block))
        seen.append((frames, len(block)))
        if len(seen) == 5:
            enough.set()

    stream = getattr(library, f"Raw{way}Stream")(
        samplerate=48_000,
        blocksize=480,
        device=index,
        channels=1,
        dtype="int16",
        latency=0.02,
        callback=callback,
        clip_off=True,
        dither_off=True,
    )
    assert not stream.active
    assert stream.latency >= 0
    stream.start()
    assert enough.wait(10)
    assert stream.active
    stream.abort()
    count = len(seen)
    assert {frames for frames, _ in seen} == {480}
    stream.close()
    assert len(seen) == count
