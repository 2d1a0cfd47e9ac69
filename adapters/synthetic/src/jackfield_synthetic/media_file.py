"""A media file as camera and as microphone, over and over."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager

import av
import numpy as np
from numpy.typing import NDArray

from jackfield.values.errors import DeviceError
from jackfield.values.formats import AudioFormat, VideoFormat
from jackfield.values.media import AudioBlock, VideoFrame


@contextmanager
def translated(path: str) -> Iterator[None]:
    """What PyAV and the file system raise inside leaves as ``DeviceError``."""
    try:
        yield
    except (av.FFmpegError, OSError, IndexError, StopIteration) as error:
        raise DeviceError(f"{path} cannot be played: {error or 'nothing in it'}", details={"file": path}) from error


class FilePictures:
    """The file's pictures, as large and as many a second as they are in the file."""

    def __init__(self, path: str) -> None:
        self._path = path
        with translated(path):
            self._container = av.open(path)
            self._stream = self._container.streams.video[0]
            self._stream.thread_type = "AUTO"
            self._pictures = self._forever()
            self._next = next(self._pictures)
        fps = float(self._stream.average_rate or 30)
        self.format = VideoFormat(self._next.width, self._next.height, fps, self._next.format.name)
        self.period_ns = round(1_000_000_000 / fps)

    def take(self, due_ns: int) -> VideoFrame:
        """The next picture, decoded ahead so that it leaves at its beat."""
        picture = self._next
        with translated(self._path):
            self._next = next(self._pictures)
        return VideoFrame(picture, due_ns)

    def close(self) -> None:
        """The file is closed."""
        self._pictures.close()
        self._container.close()

    def _forever(self) -> Generator[av.VideoFrame, None, None]:
        empty = False
        while not empty:
            empty = True
            for picture in self._container.decode(self._stream):
                empty = False
                yield picture
            self._container.seek(0)


class FileSound:
    """The file's sound, resampled to what was asked for."""

    def __init__(self, path: str, format: AudioFormat) -> None:
        self._path = path
        self.format = format
        self.period_ns = format.ptime_ms * 1_000_000
        with translated(path):
            self._container = av.open(path)
            self._stream = self._container.streams.audio[0]
            self._blocks = self._forever()
            self._next = next(self._blocks)

    def take(self, due_ns: int) -> AudioBlock:
        """The next block; its time is its beat's."""
        samples = self._next
        with translated(self._path):
            self._next = next(self._blocks)
        return AudioBlock(samples, self.format.rate, due_ns)

    def close(self) -> None:
        """The file is closed."""
        self._blocks.close()
        self._container.close()

    def _forever(self) -> Generator[NDArray[np.int16], None, None]:
        layout = "mono" if self.format.channels == 1 else "stereo"
        samples = self.format.rate * self.format.ptime_ms // 1000
        empty = False
        while not empty:
            empty = True
            resampler = av.AudioResampler("s16", layout, self.format.rate, frame_size=samples)
            for frame in self._container.decode(self._stream):
                empty = False
                for block in resampler.resample(frame):
                    yield np.asarray(block.to_ndarray(), np.int16).reshape(-1, self.format.channels)
            self._container.seek(0)
