"""What the camera's units answer: brightness and lens, and the H.264 encoder's extension unit.

Sources: "USB Device Class Definition for Video Devices" 1.1, 4.2; "USB Video Payload H.264" 1.0, 3.3.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from attrs import define, frozen

from tests.lab.vm.fakecam.descriptors import CAMERA, ENCODER, PROCESSING

SET_CUR, GET_CUR, GET_MIN, GET_MAX, GET_RES, GET_LEN, GET_INFO, GET_DEF = 0x01, *range(0x81, 0x88)
_READS, _READS_AND_WRITES = 1, 3
_PICTURE_TYPE, _VERSION, _BITRATE_LAYERS = 0x09, 0x0A, 0x0E
_IDR, _IDR_WITH_PARAMETER_SETS = 1, 2
DEFAULT_BITRATE_BPS = 2_000_000


@define
class Control:
    """One setting: how its value is packed, and its least, greatest, step and default."""

    name: str
    packing: str
    least: int
    greatest: int
    step: int
    default: int
    value: int = 0

    def __attrs_post_init__(self) -> None:
        self.value = self.default

    def answer(self, request: int) -> bytes | None:
        """What a GET request is answered with; None where it is refused."""
        if request == GET_INFO:
            return bytes([_READS_AND_WRITES])
        if request == GET_LEN:
            return struct.pack("<H", struct.calcsize(self.packing))
        asked = {GET_CUR: self.value, GET_MIN: self.least, GET_MAX: self.greatest, GET_RES: self.step}
        value = asked.get(request, self.default if request == GET_DEF else None)
        return None if value is None else struct.pack(self.packing, value)

    def set(self, data: bytes) -> None:
        (self.value,) = struct.unpack_from(self.packing, data)


def ordinary() -> dict[tuple[int, int], Control]:
    """The settings of the lens and of the picture, by unit and selector, as they are after plugging in."""
    return {
        (CAMERA, 0x02): Control("auto_exposure", "<B", 1, 8, 0x0A, 8),
        (CAMERA, 0x04): Control("exposure_time_absolute", "<I", 3, 2047, 1, 250),
        (CAMERA, 0x06): Control("focus_absolute", "<H", 0, 250, 5, 0),
        (CAMERA, 0x08): Control("focus_automatic_continuous", "<B", 0, 1, 1, 1),
        (CAMERA, 0x0B): Control("zoom_absolute", "<H", 100, 500, 1, 100),
        (PROCESSING, 0x02): Control("brightness", "<h", -64, 64, 1, 0),
        (PROCESSING, 0x03): Control("contrast", "<H", 0, 95, 1, 32),
    }


@frozen
class _Layout:
    """One of the extension unit's controls, whose values are the fields of a packed structure."""

    packing: str
    info: int
    least: tuple[int, ...]
    greatest: tuple[int, ...]
    default: tuple[int, ...]


_LAYOUTS = {
    # wLayerID, wPicType
    _PICTURE_TYPE: _Layout("<HH", _READS_AND_WRITES, (0, 0), (0, 2), (0, 0)),
    _VERSION: _Layout("<H", _READS, (0x0100,), (0x0100,), (0x0100,)),
    # wLayerID, dwPeakBitrate, dwAverageBitrate
    _BITRATE_LAYERS: _Layout(
        "<HII",
        _READS_AND_WRITES,
        (0, 64_000, 64_000),
        (0, 20_000_000, 20_000_000),
        (0, DEFAULT_BITRATE_BPS, DEFAULT_BITRATE_BPS),
    ),
}


class EncoderUnit:
    """The H.264 extension unit: told to make an IDR, and how many bits a second to spend."""

    def __init__(self, on_idr: Callable[[], None]) -> None:
        self.idr_requests = 0
        self.bitrates_bps: list[int] = []
        self._on_idr = on_idr
        self._values = {selector: layout.default for selector, layout in _LAYOUTS.items()}

    @property
    def bitrate_bps(self) -> int:
        """What it aims at, on average."""
        return self._values[_BITRATE_LAYERS][2]

    def answer(self, selector: int, request: int) -> bytes | None:
        """What a GET request is answered with; None where it is refused."""
        layout = _LAYOUTS.get(selector)
        if layout is None:
            return None
        if request == GET_LEN:
            return struct.pack("<H", struct.calcsize(layout.packing))
        if request == GET_INFO:
            return bytes([layout.info])
        steps = tuple(int(greatest > 0) for greatest in layout.greatest)
        values = {GET_CUR: self._values[selector], GET_MIN: layout.least, GET_MAX: layout.greatest}
        values |= {GET_DEF: layout.default, GET_RES: steps}
        return struct.pack(layout.packing, *values[request]) if request in values else None

    def set(self, selector: int, data: bytes) -> bool:
        """Takes a value; whether it was of this control's length and in its range."""
        layout = _LAYOUTS.get(selector)
        if layout is None or layout.info == _READS or len(data) != struct.calcsize(layout.packing):
            return False
        values = struct.unpack(layout.packing, data)
        rows = zip(values, layout.least, layout.greatest, strict=True)
        if not all(least <= value <= greatest for value, least, greatest in rows):
            return False
        if selector == _BITRATE_LAYERS:
            self._values[selector] = values
            self.bitrates_bps.append(self.bitrate_bps)
        elif values[1] in (_IDR, _IDR_WITH_PARAMETER_SETS):
            self.idr_requests += 1
            self._on_idr()
        return True


class Units:
    """Every unit of the camera, asked by number."""

    def __init__(self, on_idr: Callable[[], None]) -> None:
        self.encoder = EncoderUnit(on_idr)
        self._ordinary = ordinary()

    @property
    def values(self) -> dict[str, int]:
        """The ordinary settings as they are now."""
        return {control.name: control.value for control in self._ordinary.values()}

    def answer(self, unit: int, selector: int, request: int) -> bytes | None:
        """What a GET request is answered with; None where it is refused."""
        if unit == ENCODER:
            return self.encoder.answer(selector, request)
        control = self._ordinary.get((unit, selector))
        return control.answer(request) if control else None

    def set(self, unit: int, selector: int, data: bytes) -> bool:
        """Takes a value; whether there is such a setting."""
        if unit == ENCODER:
            return self.encoder.set(selector, data)
        control = self._ordinary.get((unit, selector))
        if control:
            control.set(data)
        return control is not None
