"""One source on its way in: video with repair and keyframe requests, sound at an even pace."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

from jackfield.media import opus
from jackfield.media.audio_buffer import AudioBuffer
from jackfield.media.clock import Alarm, Clock
from jackfield.media.statistics import Reception
from jackfield.media.video_buffer import VideoBuffer, VideoPacket
from jackfield.rtc import payload
from jackfield.rtc.keyframes import KeyframeRequester
from jackfield.rtc.nack import NackGenerator
from jackfield.rtc.payload.red import Block
from jackfield.rtc.rtp import RtpPacket, TimestampUnwrapper
from jackfield.rtc.sequence import SequenceGuard
from jackfield.values.media import AUDIO_CLOCK_RATE, VIDEO_CLOCK_RATE, EncodedFrame

_IDLE_NS = 5_000_000_000

Deliver = Callable[[EncodedFrame], None]


class Feedback(Protocol):
    """How a receiver asks the sender for something."""

    def send_nack(self, media_ssrc: int, lost: list[int]) -> None:
        """These packets again; the numbers may be unwrapped."""

    def send_pli(self, media_ssrc: int) -> None:
        """A keyframe."""


class ReceiveStream(Protocol):
    """What video and sound have in common."""

    codec: str
    reception: Reception

    def receive(self, packet: RtpPacket, arrival_ns: int, *, repaired: bool) -> None:
        """Takes a packet of this source; a repaired one has its original number."""

    def request_keyframe(self) -> None:
        """Somebody needs a keyframe."""

    def counts(self) -> dict[str, int]:
        """What grows for ever."""

    def gauges(self) -> dict[str, Any]:
        """What is so at this moment."""

    def close(self) -> None:
        """No timer is left."""


class VideoStream:
    """One video source with one codec."""

    def __init__(self, codec: str, ssrc: int, *, clock: Clock, feedback: Feedback, deliver: Deliver) -> None:
        self.codec = codec
        self.reception = Reception(VIDEO_CLOCK_RATE)
        self._ssrc = ssrc
        self._clock = clock
        self._feedback = feedback
        self._deliver = deliver
        self._guard = SequenceGuard()
        self._timestamps = TimestampUnwrapper()
        self._restarts = 0
        self._buffer = VideoBuffer(
            codec,
            payload.depacketizer(codec),
            partial(payload.is_keyframe, codec),
            layer=partial(payload.temporal_layer, codec),
        )
        self._nack = NackGenerator()
        self._requester = KeyframeRequester(clock, self._ask_for_keyframe)
        self._alarm = Alarm(clock, self._look)
        self._waiting = False
        self._last_ns = 0
        self._size = (0, 0)

    def receive(self, packet: RtpPacket, arrival_ns: int, *, repaired: bool) -> None:
        """Frames that it completes are delivered before this returns."""
        guard = self._guard
        sequence = guard.nearest(packet.sequence) if repaired else guard.unwrap(packet.sequence)
        if sequence is None:
            return
        self._last_ns = arrival_ns
        if guard.restarts != self._restarts:
            self._restart()
        timestamp = self._timestamps.unwrap(packet.timestamp)
        if not repaired:
            self.reception.add(sequence, timestamp, arrival_ns)
        mendable = self._nack.received(sequence, arrival_ns)
        held = VideoPacket(sequence, timestamp, packet.marker, packet.payload, arrival_ns)
        frames = self._buffer.insert(held)
        if not mendable:
            frames += self._buffer.expire(arrival_ns, 0)
        self._after(frames, arrival_ns)

    def request_keyframe(self) -> None:
        """Asked for until one comes."""
        self._requester.want()

    def counts(self) -> dict[str, int]:
        """What grows for ever."""
        return {
            "frames_dropped": self._buffer.frames_dropped,
            "nacks_sent": self._nack.requested,
            "packets_recovered": self._nack.recovered,
            "keyframe_requests": self._requester.asked,
        }

    def gauges(self) -> dict[str, Any]:
        """What is so at this moment."""
        return {
            "waiting_for_keyframe": self._buffer.waiting_for_keyframe,
            "rtt_ms": self._nack.rtt_ns / 1e6,
            "width": self._size[0],
            "height": self._size[1],
        }

    def close(self) -> None:
        """No timer is left."""
        self._alarm.cancel()
        self._requester.close()

    def _look(self) -> None:
        now_ns = self._clock.now_ns()
        self._after(self._buffer.expire(now_ns, self._nack.patience_ns), now_ns)

    def _after(self, frames: list[EncodedFrame], now_ns: int) -> None:
        buffer, nack = self._buffer, self._nack
        waiting = buffer.waiting_for_keyframe
        if waiting != self._waiting:
            self._waiting = waiting
            nack.clear() if waiting else self._requester.satisfied()
        if waiting:
            self._requester.want()
        for frame in frames:
            if frame.keyframe and not waiting:
                self._requester.satisfied()
            if frame.keyframe:
                self._size = payload.frame_size(self.codec, frame.data) or self._size
            self._deliver(frame)
        lost = nack.due(now_ns)
        if lost:
            self._feedback.send_nack(self._ssrc, lost)
        give_up_ns = buffer.gives_up_ns(nack.patience_ns)
        if give_up_ns is not None or nack.busy:
            self._alarm.set(self._next_look_ns(give_up_ns))

    def _next_look_ns(self, give_up_ns: int | None) -> int | None:
        ask_ns = self._nack.next_due_ns()
        if give_up_ns is None:
            return ask_ns
        return give_up_ns if ask_ns is None else min(ask_ns, give_up_ns)

    def _restart(self) -> None:
        self._restarts = self._guard.restarts
        self.reception.restart()
        self._nack.restart()
        self._buffer.restart()

    def _ask_for_keyframe(self) -> None:
        if self._clock.now_ns() - self._last_ns > _IDLE_NS:  # nothing comes at all: the next packet asks again
            self._requester.satisfied()
            return
        self._feedback.send_pli(self._ssrc)


class AudioStream:
    """One source of sound."""

    def __init__(self, codec: str, ssrc: int, *, clock: Clock, feedback: Feedback, deliver: Deliver) -> None:
        self.codec = codec
        self.reception = Reception(AUDIO_CLOCK_RATE)
        self._clock = clock
        self._deliver = deliver
        self._guard = SequenceGuard()
        self._timestamps = TimestampUnwrapper()
        self._restarts = 0
        self._buffer = AudioBuffer(codec)
        self._alarm = Alarm(clock, self._look)

    def receive(self, packet: RtpPacket, arrival_ns: int, *, repaired: bool, earlier: Sequence[Block] = ()) -> None:
        """The packet leaves when its time has come. ``earlier``: frames that it brings along, oldest first."""
        guard = self._guard
        sequence = guard.nearest(packet.sequence) if repaired else guard.unwrap(packet.sequence)
        if sequence is None:
            return
        if guard.restarts != self._restarts:
            self._restarts = guard.restarts
            self.reception.restart()
            self._buffer.restart()
        timestamp = self._timestamps.unwrap(packet.timestamp)
        if not repaired:
            self.reception.add(sequence, timestamp, arrival_ns)
        self._buffer.insert(sequence, timestamp, packet.payload, arrival_ns)
        for step, block in enumerate(reversed(earlier), start=1):
            duration = opus.duration_ns(block.data) * AUDIO_CLOCK_RATE // 1_000_000_000
            if block.offset != step * duration:  # a pause lies between, and which packet it was cannot be told
                break
            self._buffer.fill(sequence - step, timestamp - block.offset, block.data, arrival_ns)
        self._look()

    def hold(self, wanted_ns: int) -> int:
        """Sound waits so much longer; answers how much it does by now."""
        return self._buffer.hold(wanted_ns)

    def request_keyframe(self) -> None:
        """Every packet of sound stands alone."""

    def counts(self) -> dict[str, int]:
        """What grows for ever."""
        return {
            "frames_lost": self._buffer.lost,
            "packets_late": self._buffer.late,
            "frames_recovered": self._buffer.filled,
        }

    def gauges(self) -> dict[str, Any]:
        """What is so at this moment."""
        return {"delay_ms": self._buffer.delay_ms}

    def close(self) -> None:
        """No timer is left."""
        self._alarm.cancel()

    def _look(self) -> None:
        for frame in self._buffer.take(self._clock.now_ns()):
            self._deliver(frame)
        self._alarm.set(self._buffer.due_ns())
