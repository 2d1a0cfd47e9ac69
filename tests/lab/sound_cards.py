"""Made-up sound cards: the files that the kernel shows of them, under a folder of a test's own."""

from __future__ import annotations

import shutil
from pathlib import Path


class SoundCards:
    """A root folder with ``sys``, ``proc``, ``dev`` and ``run`` as the kernel and udev write them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "sys/class/sound").mkdir(parents=True)
        (root / "dev/snd").mkdir(parents=True)
        self._lines: dict[int, str] = {}

    def usb(
        self,
        number: int,
        *,
        serial: str = "",
        product: str = "C920",
        port: str = "1",
        pcms: str = "0c",
        label: str = "",
    ) -> None:
        """A USB card on a port of the controller 0000:00:14.0."""
        device = self.root / f"sys/devices/pci0000:00/0000:00:14.0/usb1/1-{port}"
        interface = device / f"1-{port}:1.0"
        interface.mkdir(parents=True)
        for name, text in (("idVendor", "046d"), ("idProduct", "082d"), ("product", product), ("serial", serial)):
            if text:
                (device / name).write_text(text + "\n")
        self._card(number, interface, label or product, pcms, "USB Audio")

    def pci(self, number: int, *, pcms: str = "0c 0p", label: str = "HDA Intel PCH", name: str = "ALC257") -> None:
        """A card on the PCI bus."""
        device = self.root / "sys/devices/pci0000:00/0000:00:1f.3"
        device.mkdir(parents=True)
        self._card(number, device, label, pcms, name)

    def remove(self, number: int) -> None:
        """The card was pulled out."""
        shutil.rmtree((self.root / f"sys/class/sound/card{number}").resolve().parents[1])
        for link in (self.root / "sys/class/sound").glob(f"*[Cd]{number}*"):
            link.unlink()
        for node in (self.root / "dev/snd").glob(f"pcmC{number}D*"):
            node.unlink()
        shutil.rmtree(self.root / f"proc/asound/card{number}")
        del self._lines[number]
        self._write_cards()

    def hold(self, pcm: str, pid: int, number: int = 0) -> None:
        """A process holds the PCM."""
        self._status(number, pcm, f"state: RUNNING\nowner_pid   : {pid}\n")
        folder = self.root / f"proc/{pid}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "comm").write_text("arecord\n")
        (folder / "status").write_text(f"Name:\tarecord\nTgid:\t{pid}\n")

    def udev(self, *ready: int) -> None:
        """udev runs, and has dealt with these cards."""
        data = self.root / "run/udev/data"
        data.mkdir(parents=True, exist_ok=True)
        (self.root / "run/udev/control").touch()
        for number in ready:
            (data / f"+sound:card{number}").write_text("E:SOUND_INITIALIZED=1\n")

    def stream(self, number: int, text: str) -> None:
        """What a USB card says of its formats."""
        (self.root / f"proc/asound/card{number}/stream0").write_text(text)

    def _card(self, number: int, device: Path, label: str, pcms: str, name: str) -> None:
        folder = device / f"sound/card{number}"
        folder.mkdir(parents=True)
        (folder / "id").write_text(f"Card{number}\n")
        (folder / "device").symlink_to(device)
        (self.root / f"sys/class/sound/card{number}").symlink_to(folder)
        for pcm in pcms.split():
            (self.root / f"sys/class/sound/pcmC{number}D{pcm}").symlink_to(folder)
            (self.root / f"dev/snd/pcmC{number}D{pcm}").touch(0o660)
            self._status(number, pcm, "closed\n")
            info = self.root / f"proc/asound/card{number}/pcm{pcm}/info"
            info.write_text(f"card: {number}\nname: {name}\nsubdevices_count: 1\n")
        self._lines[number] = f"{number:2} [{f'Card{number}':15}]: USB-Audio - {label}\n      {label} at somewhere\n"
        self._write_cards()

    def _status(self, number: int, pcm: str, text: str) -> None:
        folder = self.root / f"proc/asound/card{number}/pcm{pcm}/sub0"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "status").write_text(text)

    def _write_cards(self) -> None:
        (self.root / "proc/asound/cards").write_text("".join(self._lines[key] for key in sorted(self._lines)))
