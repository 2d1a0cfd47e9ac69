"""Sound cards on Linux, from sysfs and procfs alone: nothing is opened and no library is loaded.

A USB card is ``usb-<who>@<where>``. *Who* is vendor, product and serial number, where it has one; *where* is the port.
Both stand in every id: whether a serial is one card's own is not to be known from one card, and so an id does not
change when a second card with the same serial comes.

Sources: Documentation/ABI/testing/sysfs-class, Documentation/sound/designs/procfile.rst of the kernel.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from attrs import frozen

from jackfield_sounddevice.endpoint import Direction

_PCM = re.compile(r"pcmC(\d+)D(\d+)([cp])")
_CARD_LINE = re.compile(r"\s*(\d+) \[.{15}\]: .+? - (.+)")
_USB_PORT = re.compile(r"\d+-(\d+(?:\.\d+)*)")
_PCI_ADDRESS = re.compile(r"[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-9a-f]", re.IGNORECASE)


@frozen
class Pcm:
    """One PCM of a card in one direction. ``owner`` is the process that holds it, 0 where it is free."""

    card: int
    number: int
    direction: Direction
    identity: str
    label: str
    bus: str
    node: str
    allowed: bool = True
    owner: int = 0


@frozen
class Card:
    """What lasts about a card (``identity``), where it is plugged in (``bus``), and its name for people."""

    number: int
    identity: str
    bus: str
    label: str


def pcms(root: Path = Path("/")) -> Sequence[Pcm]:
    """Every PCM of every card that is ready; ``root`` is where ``sys``, ``proc``, ``dev`` and ``run`` lie."""
    found: list[Pcm] = []
    for card in cards(root):
        mine = [each for each in _nodes(root) if each[0] == card.number]
        for direction in ("input", "output"):
            numbers = [number for _, number, way in mine if way == direction]
            found += [_pcm(root, card, number, direction, len(numbers)) for number in numbers]
    return found


def cards(root: Path = Path("/")) -> Sequence[Card]:
    """The cards that udev has set up, each with an identity of its own."""
    return [_card(root, path) for path in _folders(root / "sys/class/sound", "card") if _is_ready(root, path.name)]


def _folders(folder: Path, prefix: str) -> list[Path]:
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return []
    named = [name for name in names if name.startswith(prefix) and name[len(prefix) :].isdigit()]
    return [folder / name for name in sorted(named, key=lambda name: int(name[len(prefix) :]))]


def _is_ready(root: Path, name: str) -> bool:
    """Whether udev has dealt with the card, or there is no udev to wait for."""
    if not (root / "run/udev/control").exists():
        return True
    return "SOUND_INITIALIZED=1" in _text(root / "run/udev/data" / f"+sound:{name}")


def _card(root: Path, path: Path) -> Card:
    number = int(path.name.removeprefix("card"))
    device = (path / "device").resolve()
    label = _names(root).get(number) or _text(path / "id") or path.name
    for folder in (device, device.parent):
        if (folder / "idVendor").exists():
            return _usb_card(number, label, device, folder)
    if not (path / "device").exists():
        return Card(number, f"card-{_text(path / 'id') or number}", "", label)
    place = f"pci-{device.name}" if _PCI_ADDRESS.fullmatch(device.name) else f"platform-{device.name}"
    return Card(number, place, place, label)


def _usb_card(number: int, label: str, interface: Path, device: Path) -> Card:
    vendor = _text(device / "idVendor")
    product = _word(_text(device / "product")) or _text(device / "idProduct")
    serial = _word(_text(device / "serial"))
    port = _USB_PORT.match(device.name)
    hub = next((each.name for each in device.parents if _PCI_ADDRESS.fullmatch(each.name)), "")
    hub = hub or next((each.parent.name for each in device.parents if each.name.startswith("usb")), "")
    bus = f"usb-{hub}-{port[1]}" if port and hub else f"usb-{device.name}"
    where = f"{bus.removeprefix('usb-')}:{interface.name.rpartition(':')[2]}"
    who = "_".join(filter(None, (vendor, product, serial)))
    return Card(number, f"usb-{who}@{where}", bus, label)


def _names(root: Path) -> dict[int, str]:
    """The names for people, by the number of the card."""
    lines = map(_CARD_LINE.match, _text(root / "proc/asound/cards").splitlines())
    return {int(line[1]): line[2].strip() for line in lines if line}


def _nodes(root: Path) -> Iterator[tuple[int, int, Direction]]:
    try:
        names = sorted(os.listdir(root / "sys/class/sound"))
    except OSError:
        return
    for name in names:
        found = _PCM.fullmatch(name)
        if found:
            yield int(found[1]), int(found[2]), "input" if found[3] == "c" else "output"


def _pcm(root: Path, card: Card, number: int, direction: Direction, among: int) -> Pcm:
    letter = "c" if direction == "input" else "p"
    folder = root / f"proc/asound/card{card.number}/pcm{number}{letter}"
    name = _fields(_text(folder / "info")).get("name", "")
    node = root / f"dev/snd/pcmC{card.number}D{number}{letter}"
    return Pcm(
        card.number,
        number,
        direction,
        f"{card.identity}-pcm{number}",
        f"{card.label}: {name or number} {number}" if among > 1 else card.label,
        card.bus,
        str(node),
        os.access(node, os.R_OK | os.W_OK) or not node.exists(),
        _owner(folder),
    )


def _owner(folder: Path) -> int:
    """The process that holds every substream of a PCM; 0 while one of them is free."""
    owners = [_fields(_text(each / "status")).get("owner_pid", "") for each in _folders(folder, "sub")]
    return int(owners[0]) if owners and all(owner.isdigit() for owner in owners) else 0


def rates(pcm: Pcm, root: Path = Path("/")) -> tuple[Sequence[int], Sequence[int]]:
    """The rates and channels that a USB card says it has, in its direction; nothing of other cards."""
    text = _text(root / f"proc/asound/card{pcm.card}/stream{pcm.number}")
    section = re.search(rf"^{'Capture' if pcm.direction == 'input' else 'Playback'}:\n((?:  .*\n?|\n)*)", text, re.M)
    if not section:
        return (), ()
    lines = re.findall(r"^\s+Rates: (.+)$", section[1], re.M)
    channels = sorted({int(each) for each in re.findall(r"^\s+Channels: (\d+)$", section[1], re.M)})
    return sorted({int(rate) for line in lines for rate in re.findall(r"\b\d+\b", line)}), channels


def process_of(task: int, root: Path = Path("/")) -> int:
    """The process that a thread belongs to: the kernel names the thread that opened a PCM."""
    group = _fields(_text(root / f"proc/{task}/status")).get("Tgid", "")
    return int(group) if group.isdigit() else task


def process_name(pid: int, root: Path = Path("/")) -> str:
    """What a process is called, for people."""
    return _text(root / f"proc/{pid}/comm") or f"process {pid}"


def _fields(text: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in text.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def _word(text: str) -> str:
    """Text as a part of an id: what is no letter, digit, dot or dash is an underscore."""
    return re.sub(r"[^A-Za-z0-9.-]+", "_", text).strip("_")
