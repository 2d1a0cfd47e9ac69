"""A whole call from microphone to loudspeaker through a real PortAudio and a real sound server."""

from __future__ import annotations

import asyncio
import json
import subprocess
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jackfield.testing.fakes import FakeSink
from jackfield.values.formats import AudioFormat
from tests.lab.machine import find_tool
from tests.lab.meeting import People, heard, names, until
from tests.lab.sound_server import SoundServer

pytestmark = pytest.mark.needs("pulseaudio", "pactl", "alsa-plugins", "portaudio")

SOUND = {"camera": "none", "microphone": "none", "speaker": "none"}
HERTZ = 1000
LOST = ("error", "device_lost", "speaker_changed")


@pytest.fixture
def whistle(sound_server: SoundServer, tmp_path: Path) -> Iterator[None]:
    """Somebody whistles into the microphone: a tone is played to the sink that ``mic.monitor`` hears."""
    path = tmp_path / "tone.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(48_000)
        turns = 2 * np.pi * HERTZ / 48_000 * np.arange(48_000 * 120)
        file.writeframes(np.rint(8000 * np.sin(turns)).astype(np.int16).tobytes())
    command = [find_tool("pacat"), "--playback", "--latency-msec=50", "-d", "mic", "--file-format=wav", str(path)]
    environment = {**sound_server.environment, "HOME": str(tmp_path)}
    with subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL) as player:
        yield
        player.terminate()


def pitch(samples: Any) -> float:
    """The strongest frequency of a second at 48 kHz."""
    return float(np.argmax(np.abs(np.fft.rfft(samples * np.hanning(len(samples))))) * 48_000 / len(samples))


@pytest.mark.usefixtures("whistle")
async def test_a_whistle_goes_from_microphone_to_loudspeaker(people: People) -> None:
    """PortAudio, Opus, RTP, the server, jitter buffer, mixer, PortAudio: the tone comes out where it went in."""
    await people.join("ada", {**SOUND, "microphone": "sounddevice:pulse-mic.monitor"})
    bob = await people.join("bob", {**SOUND, "speaker": "sounddevice:pulse-spk"})
    await until(lambda: bob.tracks(), "the subscription")
    driver = next(each for each in people.plugins.captures if each.name == "sounddevice")
    device = next(each for each in driver.devices() if each.address == "spk.monitor")
    capture, sink = driver.open(device, AudioFormat(48_000, 1)), FakeSink()
    capture.start(sink)
    try:
        async with asyncio.timeout(40):
            while True:
                await asyncio.sleep(0.5)
                blocks = [block.samples[:, 0] for block in sink.media[-100:]]  # type: ignore[union-attr]
                if len(blocks) == 100 and abs(pitch(np.concatenate(blocks)) - HERTZ) < 5:
                    break
    finally:
        capture.stop()


async def test_a_headset_that_is_switched_on_in_the_call_is_used(people: People, sound_server: SoundServer) -> None:
    """`set_audio_mode` finds it at once, and the server has a stream of ours there; who joins for it gets it too."""
    bob = await people.join("bob", {**SOUND, "speaker": "sounddevice:pulse-spk"})
    events = heard(bob)
    number = sound_server.add_sink("headset")
    device = await bob.set_audio_mode("headphones")
    assert device is not None
    assert (device.id, bob.audio_mode) == ("sounddevice:pulse-headset", "HEADPHONES")
    assert names(events) == ["speaker_changed", "audio_mode_changed"]
    eve = await people.join("eve", {**SOUND, "speaker": None, "audio_mode": "HEADPHONES"})
    await until(lambda: eve.device("speaker"), "Eve's loudspeaker")
    assert eve.device("speaker") == device
    await eve.leave()
    sinks = json.loads(sound_server.pactl("--format=json", "list", "sinks"))
    index = next(sink["index"] for sink in sinks if sink["name"] == "headset")

    def plays() -> bool:
        inputs = json.loads(sound_server.pactl("--format=json", "list", "sink-inputs"))
        return any("python" in str(each["properties"]) and each["sink"] == index for each in inputs)

    await until(plays, "a stream to the headset")
    await bob.set_speaker("none")
    await until(lambda: not plays(), "the end of the stream")
    sound_server.remove_sink(number)


async def test_a_headset_that_is_pulled_behind_the_sound_server_is_lost(
    people: People, sound_server: SoundServer
) -> None:
    """The server moves its sound to another device by itself; the call hears of it, and takes another as it does."""
    number = sound_server.add_sink("headset")
    bob = await people.join("bob", {**SOUND, "speaker": ["headset", "sounddevice:pulse-spk"]})
    await until(lambda: bob.device("speaker"), "the headset")
    events = heard(bob)
    sound_server.remove_sink(number)
    await until(lambda: "speaker_changed" in names(events), "another loudspeaker")
    assert [name for name in names(events) if name in LOST] == list(LOST)
    (lost,) = [event for event in events if event.name == "device_lost"]
    assert lost.device.id == "sounddevice:pulse-headset"
    assert "the sound server has it no more" in lost.error.message
    speaker = bob.device("speaker")
    assert speaker is not None
    assert speaker.id == "sounddevice:pulse-spk"
