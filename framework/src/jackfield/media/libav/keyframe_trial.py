"""One keyframe, decoded to see whether it can be: of pictures that somebody else encodes, and nobody here looks at."""

from __future__ import annotations

import threading

from jackfield.media.libav.tuning import Decoding
from jackfield.values.errors import EncoderError

#: A keyframe takes some 20 ms. Whoever waits for the answer waits so long at most.
WAIT_S = 1.0
#: What FFmpeg makes up for is told apart from what it cannot read, and small sins against the standard are forgiven.
_FORGIVING = {"err_detect": "0"}


def damage(data: bytes) -> str:
    """Why this H.264 keyframe, its parameter sets included, does not decode by itself; "" where it does."""
    import av

    from jackfield.media.libav.border import packet, translated

    try:
        context = Decoding("h264", options=_FORGIVING).open()
    except EncoderError:
        return ""  # this FFmpeg cannot tell
    try:
        with translated("h264", f"decode a keyframe of {len(data)} bytes"):
            pictures = [*context.decode(packet(data, "h264")), *context.decode(None)]
    except EncoderError as error:
        return error.message
    damaged = any(isinstance(picture, av.VideoFrame) and picture.is_corrupt for picture in pictures)
    return "the pictures that it begins with are damaged" if damaged else ""


class KeyframeTrial:
    """A trial on a thread of its own, which whoever starts it may wait for. ``answer`` is None while there is none."""

    def __init__(self, data: bytes) -> None:
        self.answer: str | None = None
        self._thread = threading.Thread(target=self._run, args=(data,), name="jackfield keyframe trial", daemon=True)
        self._thread.start()

    def _run(self, data: bytes) -> None:
        self.answer = damage(data)

    @property
    def is_running(self) -> bool:
        """Whether the answer is still to come."""
        return self._thread.is_alive()

    def wait(self) -> None:
        """Returns with the answer, or after `WAIT_S`."""
        self._thread.join(WAIT_S)
