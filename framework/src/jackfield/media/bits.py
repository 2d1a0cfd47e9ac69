"""Bits of a header, one after the other."""

from __future__ import annotations

#: Bytes of a unit in which all lies that is read of it.
_BEGINNING = 256


class Bits:
    """Reads bits from the front; `ValueError` at the end."""

    def __init__(self, data: bytes) -> None:
        self._text = f"{int.from_bytes(data, 'big'):0{8 * len(data)}b}" if data else ""
        self._at = 0

    @classmethod
    def of_unit(cls, unit: bytes, header_bytes: int) -> Bits:
        """Of what stands behind a NAL unit's header, emulation prevention taken off (H.264 7.4.1, H.265 7.4.2.2)."""
        return cls(unit[header_bytes:].replace(b"\0\0\3", b"\0\0")[:_BEGINNING])

    def take(self, count: int) -> int:
        """An unsigned number of so many bits."""
        end = self._at + count
        if end > len(self._text):
            raise ValueError("a header cut short")
        found, self._at = self._text[self._at : end], end
        return int(found, 2) if found else 0

    def golomb(self) -> int:
        """An unsigned Exp-Golomb number (ITU-T H.264, 9.1; AV1's uvlc, 4.10.3)."""
        one = self._text.find("1", self._at)
        if one < 0 or one - self._at > 31:
            raise ValueError("no Exp-Golomb number")
        zeros = one - self._at
        self._at = one
        return self.take(zeros + 1) - 1

    def signed(self) -> int:
        """A signed Exp-Golomb number."""
        number = self.golomb()
        return (number + 1) // 2 if number % 2 else -(number // 2)


class BitWriter:
    """Writes bits one after the other."""

    def __init__(self) -> None:
        self._text: list[str] = []

    def put(self, number: int, count: int) -> BitWriter:
        """An unsigned number in so many bits."""
        if count:
            self._text.append(f"{number:0{count}b}"[-count:])
        return self

    def bytes(self) -> bytes:
        """What was written, with zeros up to the next whole byte."""
        text = "".join(self._text)
        text += "0" * (-len(text) % 8)
        return int(text or "0", 2).to_bytes(len(text) // 8, "big")
