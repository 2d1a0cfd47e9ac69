"""Where in a picture a person is, by the model, on one thread."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from jackfield.values.errors import PluginError

if TYPE_CHECKING:
    from jackfield.values.media import VideoFrame

#: Rows and columns of what the model sees.
ROWS, COLUMNS = 144, 256
#: How much of a new mask is believed at once; the rest follows within a few pictures, so that edges do not flicker.
NEWS = 0.65
#: Pictures that are further apart have nothing to do with each other.
GAP_NS = 500_000_000
#: How sure the model is where a person begins, and where it is one for certain.
LEAST, SURE = 0.3, 0.7

Mask = NDArray[np.float32]


class Segmenter:
    """Runs the model on one picture after the other. Used by one thread at a time."""

    def __init__(self, model: Path) -> None:
        try:
            from ai_edge_litert.interpreter import Interpreter

            self._interpreter: Any = Interpreter(model_path=str(model), num_threads=1)
            self._interpreter.allocate_tensors()
            (taken,), (given, *_) = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        except (ImportError, OSError, RuntimeError, TypeError, ValueError) as exc:
            raise PluginError(f"{model.name} cannot be run: {type(exc).__name__}: {exc}") from exc
        if tuple(taken["shape"]) != (1, ROWS, COLUMNS, 3) or tuple(given["shape"]) != (1, ROWS, COLUMNS, 1):
            raise PluginError(f"{model.name} takes {taken['shape']} and gives {given['shape']}: it is another model")
        self._in, self._out = taken["index"], given["index"]
        self._pixels = np.empty((1, ROWS, COLUMNS, 3), np.float32)
        self._scaler = VideoReformatter()
        self._last: Mask | None = None
        self._shape: tuple[int, int, int] | None = None
        self._time_ns = 0

    def mask(self, frame: VideoFrame) -> Mask:
        """How much of each place is a person: 0 to 1, in the picture's own turn, `ROWS` by `COLUMNS` or the other way
        round. `PluginError` where the model gives no answer."""
        sideways = frame.rotation in (90, 270)
        size = (ROWS, COLUMNS) if sideways else (COLUMNS, ROWS)
        small = self._scaler.reformat(frame.picture, *size, "rgb24", interpolation=Interpolation.AREA, threads=1)
        upright = np.rot90(small.to_ndarray(), -frame.rotation // 90)
        np.multiply(upright, np.float32(1 / 255), out=self._pixels[0], dtype=np.float32)
        found = np.rot90(self._smoothed(frame, self._run()), frame.rotation // 90)
        return softened(np.clip((found - LEAST) / (SURE - LEAST), 0, 1))

    def _run(self) -> Mask:
        if self._interpreter is None:
            raise PluginError("the model was given back")
        try:
            self._interpreter.set_tensor(self._in, self._pixels)
            self._interpreter.invoke()
            found: Mask = self._interpreter.get_tensor(self._out)[0, :, :, 0]
        except (RuntimeError, ValueError) as exc:
            raise PluginError(f"the model does not take this picture: {exc}") from exc
        if not np.isfinite(found).all():
            raise PluginError("the model gives no numbers")
        return found

    def _smoothed(self, frame: VideoFrame, found: Mask) -> Mask:
        shape = (frame.width, frame.height, frame.rotation)
        gap_ns = frame.time_ns - self._time_ns
        if self._last is not None and shape == self._shape and 0 <= gap_ns <= GAP_NS:
            found = self._last + np.float32(NEWS) * (found - self._last)
        self._last, self._shape, self._time_ns = found, shape, frame.time_ns
        return found

    def close(self) -> None:
        """The model is given back."""
        self._interpreter = self._last = None


def softened(values: Mask) -> Mask:
    """Each value the mean of itself, twice, and its neighbours, in the last two directions; edges go on outwards."""
    for axis in (-1, -2):
        values = np.moveaxis(values, axis, -1)
        padded = np.concatenate([values[..., :1], values, values[..., -1:]], axis=-1)
        values = np.moveaxis((padded[..., :-2] + padded[..., 2:] + 2 * values) * np.float32(0.25), -1, axis)
    return values
