"""A keyframe, or a few pictures from one on, decoded to see whether they can be: somebody else encodes them, and nobody
here looks at them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

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


def damaged(units: Sequence[bytes]) -> int:
    """How many of these pictures do not decode, the first of which is a keyframe with its parameter sets."""
    from jackfield.media.libav.border import packet, translated

    try:
        context = Decoding("h264", options=_FORGIVING).open()
    except EncoderError:
        return 0  # this FFmpeg cannot tell
    count = 0
    for unit in [*units, None]:
        try:
            with translated("h264", "decode a picture"):
                pictures = context.decode(packet(unit, "h264") if unit is not None else None)
        except EncoderError:
            count += 1
        else:
            count += sum(picture.is_corrupt for picture in pictures)
    return count


def try_out(units: Sequence[bytes], told: Callable[[int, int], None]) -> None:
    """A trial on a thread of its own, which tells how many are damaged of how many, where any is."""

    def run() -> None:
        if count := damaged(units):
            told(count, len(units))

    threading.Thread(target=run, name="jackfield keyframe trial", daemon=True).start()


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
