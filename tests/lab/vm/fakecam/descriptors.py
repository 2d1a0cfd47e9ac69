"""What the device says it is: USB 2.0, the Video Class 1.1 with an H.264 extension unit, the Audio Class 1.0.

Sources: "USB Device Class Definition for Video Devices" 1.1, "… for Audio Devices" 1.0, "USB Video Payload H.264" 1.0.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Sequence

from tests.lab.vm.fakecam.store import SIZES

RATES = (30, 15)
EP_PICTURES, EP_SOUND = 0x81, 0x82
#: The units inside: the lens, brightness and contrast, what leaves by USB, and the H.264 encoder.
CAMERA, PROCESSING, OUTPUT, ENCODER = 1, 2, 3, 4
VENDOR, PRODUCT, MICROPHONE_PRODUCT = 0x1D6B, 0x0105, 0x0106
SOUND_RATE = 48_000
_BULK_BYTES, _SOUND_BYTES = 512, 200
_VIDEO_CLASS, _AUDIO_CLASS = 14, 1
_INTERFACE, _CLASS_SPECIFIC = 4, 0x24
_H264_UNIT = uuid.UUID("A29E7641-DE04-47E3-8B2B-F4341AFF003B").bytes_le
_MEDIA_GUID_TAIL = bytes.fromhex("0000 1000 8000 00aa 0038 9b71")


def device(*, pictures: bool) -> bytes:
    """The device descriptor (USB 2.0, 9.6.1)."""
    product = PRODUCT if pictures else MICROPHONE_PRODUCT
    return block(struct.pack("<BHBBBBHHHBBBB", 1, 0x0200, 0xEF, 2, 1, 64, VENDOR, product, 0x0100, 1, 2, 3, 1))


def configuration(*, pictures: bool, sound: bool, formats: Sequence[str]) -> bytes:
    """The configuration with all its interfaces, in the order that the kernel reads them."""
    content = (_pictures(formats) if pictures else b"") + (_sound(2 if pictures else 0) if sound else b"")
    interfaces = 2 * (pictures + sound)
    return block(struct.pack("<BHBBBBB", 2, 9 + len(content), interfaces, 1, 0, 0x80, 250)) + content


def qualifier() -> bytes:
    """What it would be at another speed."""
    return block(struct.pack("<BHBBBBBB", 6, 0x0200, 0xEF, 2, 1, 64, 1, 0))


def text(words: str) -> bytes:
    """A string descriptor."""
    return block(b"\x03" + words.encode("utf-16-le"))


def block(content: bytes) -> bytes:
    """A descriptor: its length, then its content."""
    return bytes([len(content) + 1]) + content


def _specific(subtype: int, content: bytes) -> bytes:
    return block(bytes([_CLASS_SPECIFIC, subtype]) + content)


def _interface(number: int, alternate: int, endpoints: int, kind: int, part: int, name: int = 0) -> bytes:
    return block(bytes([_INTERFACE, number, alternate, endpoints, kind, part, 0, name]))


def _pictures(names: Sequence[str]) -> bytes:
    together = block(bytes([11, 0, 2, _VIDEO_CLASS, 3, 0, 2]))
    units = _units()
    header = struct.pack("<HHIBB", 0x0110, 13 + len(units), 48_000_000, 1, 1)
    control = _interface(0, 0, 0, _VIDEO_CLASS, 1, 2) + _specific(1, header) + units
    formats = b"".join(_FORMAT[name](index) for index, name in enumerate(names, 1))
    size = 13 + len(names) + len(formats)
    ways = struct.pack("<BHBBBBBBB", len(names), size, EP_PICTURES, 0, OUTPUT, 0, 0, 0, 1) + bytes(len(names))
    endpoint = block(struct.pack("<BBBHB", 5, EP_PICTURES, 2, _BULK_BYTES, 0))
    return together + control + _interface(1, 0, 1, _VIDEO_CLASS, 2) + _specific(1, ways) + formats + endpoint


def _units() -> bytes:
    """Lens → processing → H.264 encoder → USB. The bits say which controls `controls` answers for."""
    lens = struct.pack("<BHBBHHHB", CAMERA, 0x0201, 0, 0, 0, 0, 0, 3) + bytes([0x2A, 0x02, 0x02])
    processing = struct.pack("<BBHB", PROCESSING, CAMERA, 0, 2) + bytes([0x03, 0, 0, 0])
    encoder = bytes([ENCODER]) + _H264_UNIT + bytes([3, 1, PROCESSING, 2]) + struct.pack("<HB", 0x2300, 0)
    output = struct.pack("<BHBBB", OUTPUT, 0x0101, 0, ENCODER, 0)
    return _specific(2, lens) + _specific(5, processing) + _specific(6, encoder) + _specific(3, output)


def _mjpeg(index: int) -> bytes:
    return _specific(6, bytes([index, len(SIZES), 1, 1, 0, 0, 0, 0])) + _frames(7)


def _raw(index: int) -> bytes:
    head = bytes([index, len(SIZES)]) + b"YUY2" + _MEDIA_GUID_TAIL + bytes([16, 1, 0, 0, 0, 0])
    return _specific(4, head) + _frames(5)


def _h264(index: int) -> bytes:
    head = bytes([index, len(SIZES)]) + b"H264" + _MEDIA_GUID_TAIL + bytes([16, 1, 0, 0, 0, 0, 1])
    return _specific(0x10, head) + _frames(0x11)


def _frames(subtype: int) -> bytes:
    """A descriptor for each size. Formats whose frames vary in length have no largest one."""
    intervals = [10_000_000 // rate for rate in RATES]
    listed = struct.pack(f"<{len(intervals)}I", *intervals)
    parts = []
    for index, (width, height) in enumerate(SIZES, 1):
        bits = width * height * 16
        head = struct.pack("<BBHHII", index, 0, width, height, bits * min(RATES), bits * max(RATES))
        if subtype == 0x11:
            head += struct.pack("<IBI", intervals[0], len(intervals), 0)
        else:
            head += struct.pack("<IIB", width * height * 2, intervals[0], len(intervals))
        parts.append(_specific(subtype, head + listed))
    return b"".join(parts)


def _sound(first: int) -> bytes:
    """One channel of 16 bit at 48 kHz, isochronous, a packet every millisecond."""
    together = block(bytes([11, first, 2, _AUDIO_CLASS, 2, 0, 0]))
    terminals = _specific(2, bytes([1, 0x01, 0x02, 0, 1, 0, 0, 0, 0]))
    terminals += _specific(3, bytes([2, 0x01, 0x01, 0, 1, 0]))
    header = struct.pack("<HHBB", 0x0100, 9 + len(terminals), 1, first + 1)
    control = _interface(first, 0, 0, _AUDIO_CLASS, 1) + _specific(1, header) + terminals
    streaming = _interface(first + 1, 0, 0, _AUDIO_CLASS, 2) + _interface(first + 1, 1, 1, _AUDIO_CLASS, 2)
    streaming += _specific(1, struct.pack("<BBH", 2, 1, 1))
    streaming += _specific(2, bytes([1, 1, 2, 16, 1]) + SOUND_RATE.to_bytes(3, "little"))
    endpoint = block(struct.pack("<BBBHBBB", 5, EP_SOUND, 5, _SOUND_BYTES, 4, 0, 0))
    return together + control + streaming + endpoint + block(struct.pack("<BBBBH", 0x25, 1, 0, 0, 0))


_FORMAT = {"mjpeg": _mjpeg, "yuyv": _raw, "h264": _h264}
