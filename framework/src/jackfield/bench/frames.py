"""Pictures whose number can be read again after encoding. Imports nothing of Jackfield, so that a peer can share it."""

from __future__ import annotations

from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

#: A number is this many bits, most significant first, each a block of ``BLOCK`` × ``BLOCK`` luma pixels at the top.
BITS = 20
BLOCK = 16
_BLACK, _WHITE, _MIDDLE = 16, 235, 128


class Pictures:
    """A textured scene that pans and has a box moving over it, at ``width`` × ``height``; each picture is numbered.

    The texture is made once from a seed, so that every run and every peer encodes the same pictures.
    """

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        chance = np.random.default_rng(1)
        coarse = chance.integers(40, 200, (height // 16 + 2, width // 16 + 34), dtype=np.uint8)
        texture = np.kron(coarse, np.ones((16, 16), np.uint8)).astype(np.int16)
        texture += chance.integers(-6, 7, texture.shape, dtype=np.int16)
        self._scene: NDArray[np.uint8] = np.clip(texture, _BLACK, _WHITE).astype(np.uint8)
        chroma = np.linspace(90, 166, width // 2, dtype=np.uint8)
        self._chroma: NDArray[np.uint8] = np.ascontiguousarray(np.broadcast_to(chroma, (height // 2, width // 2)))

    def picture(self, number: int) -> av.VideoFrame:
        """Picture ``number`` as yuv420p, its own memory."""
        frame = av.VideoFrame(self.width, self.height, "yuv420p")
        shift = number * 2 % 512
        luma = self._scene[: self.height, shift : shift + self.width].copy()
        left = number * 5 % max(1, self.width - 96)
        luma[self.height // 2 : self.height // 2 + 64, left : left + 96] = 200
        bits = np.array([number >> (BITS - 1 - bit) & 1 for bit in range(BITS)], np.uint8)
        marks = np.where(bits, _WHITE, _BLACK).astype(np.uint8)
        luma[:BLOCK, : BITS * BLOCK] = np.repeat(marks, BLOCK)
        for plane, pixels in zip(frame.planes, (luma, self._chroma, self._chroma), strict=True):
            _fill(plane, pixels)
        return frame


def _rows(plane: Any) -> NDArray[np.uint8]:
    rows: NDArray[np.uint8] = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    return rows


def _fill(plane: Any, pixels: NDArray[np.uint8]) -> None:
    rows = _rows(plane)
    rows[: pixels.shape[0], : pixels.shape[1]] = pixels


def number_of(picture: av.VideoFrame, made_width: int = 0) -> int:
    """The number in a decoded yuv420p picture: of the size it was made in, or scaled from ``made_width``."""
    scale = picture.width / made_width if made_width else 1.0
    return read_number(_rows(picture.planes[0]), scale)


def read_number(luma: NDArray[np.uint8], scale: float = 1.0) -> int:
    """The number in rows of luma, which are ``scale`` of the size that it was written in."""
    middles = ((np.arange(BITS) + 0.5) * BLOCK * scale).astype(int)
    return int("".join("1" if value > _MIDDLE else "0" for value in luma[int(BLOCK * scale / 2), middles]), 2)
