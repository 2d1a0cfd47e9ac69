"""Pictures of one area, through FFmpeg's screen devices: x11grab, avfoundation, gdigrab."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import av
from av.container import InputContainer

from jackfield.values.errors import DeviceError
from jackfield_screen.desktop import Area

if TYPE_CHECKING:
    from av.video.frame import VideoFrame as Picture

#: The device is asked for more than anybody takes, so that it never waits: the beat is ours.
_FREE_RUNNING = "1000"


@contextmanager
def border(what: str) -> Iterator[None]:
    """FFmpeg's errors in our words."""
    try:
        yield
    except (av.FFmpegError, OSError, StopIteration) as exc:
        reason = getattr(exc, "strerror", "") or str(exc) or type(exc).__name__
        raise DeviceError(f"no picture of {what} could be taken: {reason}") from exc


class Grabber:
    """One area, open. Pictures own their memory (shared memory of FFmpeg's, given back with the last of them)."""

    def __init__(self, what: str, area: Area, *, cursor: bool, rate: str = _FREE_RUNNING) -> None:
        self.what, self.area = what, area
        with border(what):
            options = _options(area, cursor, rate)
            self._container: InputContainer = av.open(area.url, format=area.format, options=options)
            self._packets = self._container.demux(self._container.streams.video[0])

    def take(self) -> Picture | None:
        """What is to be seen now; None where the device had nothing new."""
        with border(self.what):
            try:
                pictures = next(self._packets).decode()
            except av.BlockingIOError:  # avfoundation, between two pictures; that ends the generator
                self._packets = self._container.demux(self._container.streams.video[0])
                return None
        return pictures[-1] if pictures else None

    def close(self) -> None:
        """The connection to the screen is closed."""
        self._container.close()


def _options(area: Area, cursor: bool, rate: str) -> dict[str, str]:
    shown = str(int(cursor))
    own = {
        "x11grab": {"draw_mouse": shown, "grab_x": str(area.x), "grab_y": str(area.y)},
        "gdigrab": {"draw_mouse": shown, "offset_x": str(area.x), "offset_y": str(area.y)},
        "avfoundation": {"capture_cursor": shown, "pixel_format": "bgr0"},
    }[area.format]
    size = {} if area.format == "avfoundation" else {"video_size": f"{area.width}x{area.height}"}
    return {"framerate": rate, **size, **own, **area.options}
