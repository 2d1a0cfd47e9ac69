"""What a test inside the VM may ask for: drivers, emulated devices, a camera, a sound card."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.lab.vm import modules
from tests.lab.vm.camera import FakeCamera
from tests.lab.vm.sound_card import UsbSoundCard


@pytest.fixture
def modprobe() -> Iterator[Callable[..., None]]:
    """Loads a kernel module with parameters, and takes it out again after the test."""
    with ExitStack() as undo:

        def load(module: str, **parameters: object) -> None:
            modules.load(module, **parameters)
            undo.callback(modules.unload, module)

        yield load


@pytest.fixture
def vivid(modprobe: Callable[..., None]) -> str:
    """The path of an emulated camera with 83 raw pixel formats, many sizes, and controls."""
    modprobe("vivid", n_devs=1, node_types="0x1", num_inputs=1, input_types="0x0")
    return str(next(Path("/dev").glob("video*")))


@pytest.fixture
def aloop(modprobe: Callable[..., None]) -> int:
    """The number of a sound card on which what is played to ``hw:N,0`` is recorded, bit by bit, from ``hw:N,1``."""
    modprobe("snd-aloop", index=0, pcm_substreams=2)
    return 0


@pytest.fixture
def usb_audio_card() -> Iterator[UsbSoundCard]:
    """A USB loudspeaker, not yet plugged in."""
    card = UsbSoundCard()
    yield card
    card.unplug()


@pytest.fixture
def camera() -> Iterator[FakeCamera]:
    """A fake USB webcam with a microphone, plugged in; it sends the first test card and the low tones."""
    with FakeCamera() as camera:
        yield camera
