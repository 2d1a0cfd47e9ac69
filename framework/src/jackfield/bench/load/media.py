"""What a synthetic publisher sends: 30 pictures a second in nine packets each, 50 packets of sound, each with its time.

Pictures have VP8's payload descriptor and frame tag (RFC 7741 section 4), so that a server that looks finds keyframes.
The last eight bytes of a payload are the wall clock at which it was sent, in nanoseconds.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from struct import Struct

from jackfield.rtc import rtp

FPS, PACKETS_PER_PICTURE, VIDEO_PAYLOAD = 30, 9, 1150
AUDIO_PER_S, AUDIO_PAYLOAD = 50, 120
PACKETS_PER_S = FPS * PACKETS_PER_PICTURE + AUDIO_PER_S
TRANSPORT_CC, AUDIO_LEVEL = 3, 1
VIDEO_TYPE, AUDIO_TYPE = 96, 111
_SENT = Struct("!Q")
_KEY_TAG = bytes.fromhex("100000 9d012a 0005d002".replace(" ", ""))
_DELTA_TAG = bytes.fromhex("310000")


def sent_ns(payload: bytes) -> int:
    """When this was sent."""
    return int(_SENT.unpack_from(payload, len(payload) - 8)[0])


class Publication:
    """One publisher's picture and sound. ``send`` takes RTP packets."""

    def __init__(self, send: Callable[[bytes], object], ssrc: int) -> None:
        self.video_ssrc, self.audio_ssrc = ssrc, ssrc + 1
        self.wants_key = True
        self._send = send
        self._numbers = {self.video_ssrc: 0, self.audio_ssrc: 0}
        self._transport_wide = 0
        self._picture = 0

    async def run(self, phase: float) -> None:
        """Sends until cancelled; ``phase`` (0 to 1) is where in a picture's time this publisher begins."""
        await asyncio.gather(
            self._every(1 / FPS, phase, self._pictures), self._every(1 / AUDIO_PER_S, phase, self._sound)
        )

    async def _every(self, interval_s: float, phase: float, act: Callable[[int], None]) -> None:
        start, number = time.monotonic() + phase * interval_s, 0
        while True:
            await asyncio.sleep(max(0.0, start + number * interval_s - time.monotonic()))
            act(number)
            number += 1

    def _pictures(self, number: int) -> None:
        key, self.wants_key = self.wants_key, False
        self._picture = (self._picture + 1) & 0x7FFF
        picture = (0x8000 | self._picture).to_bytes(2, "big")
        for index in range(PACKETS_PER_PICTURE):
            head = (b"\x90\x80" if index == 0 else b"\x80\x80") + picture
            if index == 0:
                head += _KEY_TAG if key else _DELTA_TAG
            last = index == PACKETS_PER_PICTURE - 1
            self._put(VIDEO_TYPE, self.video_ssrc, number * 90_000 // FPS, head, VIDEO_PAYLOAD, marker=last)

    def _sound(self, number: int) -> None:
        self._put(AUDIO_TYPE, self.audio_ssrc, number * 48_000 // AUDIO_PER_S, b"\x78", AUDIO_PAYLOAD, marker=False)

    def _put(self, kind: int, ssrc: int, timestamp: int, head: bytes, size: int, *, marker: bool) -> None:
        self._numbers[ssrc] += 1
        self._transport_wide = (self._transport_wide + 1) & 0xFFFF
        extensions = {TRANSPORT_CC: self._transport_wide.to_bytes(2, "big")}
        if kind == AUDIO_TYPE:
            extensions[AUDIO_LEVEL] = b"\x1e"
        payload = head + bytes(size - len(head) - 8) + _SENT.pack(time.time_ns())
        self._send(
            rtp.serialise(
                rtp.RtpPacket(
                    kind, self._numbers[ssrc] & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc, payload, marker, extensions
                )
            )
        )
