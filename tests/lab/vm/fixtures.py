"""What a test inside the VM may ask for: drivers, emulated devices, a camera, a sound card."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.lab.vm import modules
from tests.lab.vm.calls import LIMIT_S
from tests.lab.vm.camera import FakeCamera
from tests.lab.vm.leftovers import IDLE_SHARE, Held, busy_share
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


@pytest.fixture
def camera_with(request: pytest.FixtureRequest) -> Iterator[FakeCamera]:
    """A camera that has one format alone."""
    with FakeCamera(formats=(request.param,)) as camera:
        yield camera


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process with PortAudio in it starts slowly here, and everything opens slowly."""
    for limit in (
        "jackfield_sounddevice.process.OPEN_LIMIT_S",
        "jackfield_sounddevice.process.SILENT_LIMIT_S",
        "jackfield.session.feed.OPEN_TIMEOUT_S",
        "jackfield.session.playback.OPEN_TIMEOUT_S",
        "jackfield.session.supply.FIRST_MEDIA_S",
    ):
        monkeypatch.setattr(limit, LIMIT_S)


@pytest.fixture
def quiet_afterwards() -> Iterator[None]:
    """The test leaves no thread, no descriptor and no process behind, and no core spins after it."""
    before = Held.now()
    yield
    with suppress(TimeoutError):
        modules.wait_for(lambda: not Held.now().beyond(before))
    left, share = Held.now().beyond(before), busy_share()
    print(f"left behind: {left or 'nothing'}; of a core in a quiet second: {share:.0%}")
    assert not left
    assert share < IDLE_SHARE
