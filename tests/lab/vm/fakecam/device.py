"""The device between plugging in and pulling out: it answers control requests and sends pictures and sound."""

from __future__ import annotations

import struct
import threading
import time

from tests.lab.vm.fakecam import descriptors
from tests.lab.vm.fakecam.controls import SET_CUR, Units
from tests.lab.vm.fakecam.descriptors import EP_PICTURES, EP_SOUND
from tests.lab.vm.fakecam.negotiation import COMMIT, PAYLOAD_BYTES, PROBE, Negotiation, Wish
from tests.lab.vm.fakecam.state import Behaviour, Identity
from tests.lab.vm.fakecam.store import Pictures
from tests.lab.vm.fakecam.usbip import STALLED, Link, Reply, Transfer

_CLEAR_FEATURE, _GET_DESCRIPTOR, _SET_CONFIGURATION, _GET_CONFIGURATION = 1, 6, 9, 8
_GET_INTERFACE, _SET_INTERFACE = 10, 11
_TO_ENDPOINT = 2
_HEADER_BYTES, _LAST, _HAS_NO_MORE_HEADERS = 2, 0x02, 0x80
_BEHIND_S = 0.5
_TURN_MS = 10
_BYTES_A_MS = descriptors.SOUND_RATE // 1000 * 2


class Device:
    """One plugged-in device, with two threads that send; ``close`` pulls the plug and waits for them."""

    def __init__(self, identity: Identity, behaviour: Behaviour, pictures: Pictures, tone: bytes) -> None:
        self.units = Units(self._start_over)
        self._identity, self._behaviour = identity, behaviour
        self._pictures, self._tone = pictures, tone
        self._negotiation = Negotiation(identity.formats)
        self._streaming: Wish | None = None
        self._alternate: dict[int, int] = {}
        self._from_the_start = threading.Event()
        self._link = Link(identity.port, self._control)
        senders = [self._send_pictures] * identity.pictures + [self._send_sound] * identity.sound
        self._threads = [threading.Thread(target=send, daemon=True) for send in senders]

    @property
    def streaming(self) -> Wish | None:
        """What it is sending, if somebody watches."""
        return self._streaming

    @property
    def gone(self) -> bool:
        return self._link.over

    def plug(self) -> None:
        self._link.attach()
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        self._link.close()
        for thread in self._threads:
            thread.join(10)

    # --- control requests ---------------------------------------------------------------------------------------------
    def _control(self, transfer: Transfer) -> Reply | None:
        kind, request, value, index, length = struct.unpack("<BBHHH", transfer.setup)
        if kind & 0x60:
            answer = self._class_request(kind, request, value, index, transfer.data)
        else:
            answer = self._standard_request(kind, request, value, index)
        if self._behaviour.pulls_now:
            threading.Thread(target=self._link.close, daemon=True).start()
            self._behaviour.pulls_now = False
            return None  # the plug is out before the answer
        if answer is None:
            return STALLED
        return Reply(answer[: min(length, transfer.length)]) if transfer.is_in else Reply(length=len(transfer.data))

    def _standard_request(self, kind: int, request: int, value: int, index: int) -> bytes | None:
        if request == _GET_DESCRIPTOR:
            return self._descriptor(value >> 8, value & 0xFF)
        if request == _SET_INTERFACE:
            self._alternate[index] = value
        elif request == _CLEAR_FEATURE and kind == _TO_ENDPOINT and index == EP_PICTURES:
            self._streaming = None  # how uvcvideo stops a bulk stream
        answers = {_GET_CONFIGURATION: b"\x01", _GET_INTERFACE: bytes([self._alternate.get(index, 0)]), 0: b"\0\0"}
        return answers.get(request, b"")

    def _descriptor(self, kind: int, number: int) -> bytes | None:
        own = self._identity
        if kind == 1:
            return descriptors.device(pictures=own.pictures)
        if kind == 2:
            return descriptors.configuration(pictures=own.pictures, sound=own.sound, formats=own.formats)
        if kind == 3:
            words = {1: "Fake Optics", 2: own.product, 3: own.serial}
            return b"\4\3\x09\4" if number == 0 else descriptors.text(words[number]) if number in words else None
        return descriptors.qualifier() if kind == 6 else None

    def _class_request(self, kind: int, request: int, value: int, index: int, data: bytes) -> bytes | None:
        selector, unit, interface = value >> 8, index >> 8, index & 0xFF
        if kind & 0x1F == _TO_ENDPOINT:  # the sound's sampling rate
            return descriptors.SOUND_RATE.to_bytes(3, "little") if kind & 0x80 else b""
        if not self._identity.pictures or interface > 1:
            return None
        if interface == 1:
            return self._streaming_request(selector, request, data)
        if request == SET_CUR:
            return b"" if self.units.set(unit, selector, data) else None
        return self.units.answer(unit, selector, request)

    def _streaming_request(self, selector: int, request: int, data: bytes) -> bytes | None:
        if request != SET_CUR:
            return self._negotiation.answer(request)
        self._negotiation.proposed = Wish.read(data, self._identity.formats)
        self._behaviour.asked({PROBE: "probe", COMMIT: "commit"}.get(selector, ""))
        if selector == COMMIT:
            self._streaming = Wish.read(data, self._identity.formats)
            self._behaviour.streams_opened += 1
            with self._link.ready:
                self._link.ready.notify_all()
        return b""

    # --- what is sent -------------------------------------------------------------------------------------------------
    def _start_over(self) -> None:
        self._from_the_start.set()

    def _send_pictures(self) -> None:
        while not self.gone:
            wish = self._streaming
            if wish is None:
                with self._link.ready:
                    self._link.ready.wait(0.5)
                continue
            self._stream(wish)

    def _stream(self, wish: Wish) -> None:
        """One frame after the other until the host stops or asks for something else."""
        due, at, toggle = time.monotonic(), 0, 0
        frames: list[bytes] = []
        while self._streaming is wish and not self.gone:
            due = self._pace(due, self._behaviour.fps or wish.fps)
            if self._behaviour.frozen:
                continue
            size = self._behaviour.size_to_send(wish.size)
            turn = self._pictures.of(wish.format, size, self.units.encoder.bitrate_bps)
            if turn is not frames or self._from_the_start.is_set():
                self._from_the_start.clear()
                frames, at = turn, 0
            frame = self._behaviour.damaged(frames[at % len(frames)])
            at += 1
            if self._send(frame, toggle, wish):
                self._behaviour.frames_sent += 1
                self._behaviour.bytes_sent += len(frame)
            toggle ^= 1

    def _send(self, frame: bytes, toggle: int, wish: Wish) -> bool:
        """One frame in as many transfers as it takes, each with a payload header (Video Class 1.1, 2.4.3.3)."""
        sent = 0

        def make(transfer: Transfer) -> Reply:
            nonlocal sent
            room = min(PAYLOAD_BYTES, transfer.length) - _HEADER_BYTES
            part = frame[sent : sent + room]
            sent += len(part)
            flags = _HAS_NO_MORE_HEADERS | toggle | (_LAST if sent >= len(frame) else 0)
            return Reply(bytes([_HEADER_BYTES, flags]) + part)

        while sent < len(frame):
            if not self._link.fill(EP_PICTURES & 0xF, lambda: self._streaming is wish, make):
                return False
        return True

    def _send_sound(self) -> None:
        """The tone, a millisecond a packet, as the host asks for it: whatever waits, in turns of some ten packets."""
        due, at, count = time.monotonic(), 0, 0

        def make(transfer: Transfer) -> Reply:
            nonlocal at, count
            parts = [self._cut(at + number * _BYTES_A_MS) for number in range(len(transfer.packets))]
            at, count = at + len(parts) * _BYTES_A_MS, count + len(parts)
            rows = tuple((offset, length, _BYTES_A_MS) for offset, length in transfer.packets)
            return Reply(b"".join(parts), packets=rows)

        while self._link.wait(EP_SOUND & 0xF, lambda: True):
            due = self._pace(due, 1000 / (count or _TURN_MS))
            count = 0
            if not self._behaviour.silent:
                self._link.fill_all(EP_SOUND & 0xF, make)

    def _cut(self, start: int) -> bytes:
        start %= len(self._tone)
        return self._tone[start : start + _BYTES_A_MS]

    def _pace(self, due: float, rate: float) -> float:
        """Waits for the next beat, and answers when that was; what is far behind is not caught up with."""
        due += 1 / rate
        wait = due - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        return due if wait > -_BEHIND_S else time.monotonic()
