"""Outboxes: whatever a drain put in leaves whole, in order and to the right peer, one by one or all in one call."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Iterator, Sequence

import pylibsrtp
import pytest
from pylibsrtp import Policy, Session

from jackfield.rtc import rtp, srtp_shim
from jackfield.server.sfu import sendmmsg_shim
from jackfield.server.sfu.outbox import BatchOutbox, Destination, Outbox, PlainOutbox

GCM = Policy.SRTP_PROFILE_AEAD_AES_128_GCM
#: Sizes of payloads: trains of equal ones, a smaller last one, larger and smaller ones behind it, one byte apart.
SIZES = (1150, 1150, 1150, 700, 1150, 120, 120, 1151, 1150, 1150, 1, 1150)


class Receiver:
    """A socket with the key of what is sent to it."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.bind((host, 0))
        self.socket.settimeout(2)
        key = os.urandom(28)
        self.seal = srtp_shim.sealer(Session(Policy(key, Policy.SSRC_ANY_OUTBOUND, 0, GCM)))
        self._open = srtp_shim.opener(Session(Policy(key, Policy.SSRC_ANY_INBOUND, 0, GCM)))
        self.to = Destination(self.socket.getsockname())
        self._sequence = 0

    def packet(self, size: int) -> tuple[bytes, bytes]:
        """The next packet's header and payload."""
        self._sequence += 1
        header = rtp.serialise(rtp.RtpPacket(96, self._sequence, 0, 7))
        return header, bytes([self._sequence & 0xFF]) * size

    def received(self, count: int) -> list[bytes]:
        """The next packets, opened."""
        return [self._open(self.socket.recv(2048)) for _ in range(count)]

    def nothing_came(self) -> bool:
        self.socket.settimeout(0.05)
        try:
            self.socket.recv(2048)
        except TimeoutError:
            return True
        return False


Make = Callable[..., Outbox]
WAYS: dict[str, Make] = {
    "plain": PlainOutbox,
    "batch": lambda sock, wake: BatchOutbox(sock, wake, segmenting=False),
    "segments": lambda sock, wake: BatchOutbox(sock, wake, segmenting=True),
}


@pytest.fixture
def sender() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        yield sock


@pytest.fixture
def receivers() -> Iterator[list[Receiver]]:
    found = [Receiver() for _ in range(3)]
    yield found
    for one in found:
        one.socket.close()


@pytest.fixture(params=list(WAYS) if sendmmsg_shim.SUPPORTED else ["plain"])
def make(request: pytest.FixtureRequest) -> Make:
    return WAYS[request.param]


def put(outbox: Outbox, one: Receiver, sizes: Sequence[int]) -> list[bytes]:
    packets = [one.packet(size) for size in sizes]
    for header, body in packets:
        assert outbox.put(one.to, one.seal, header, body) == len(header) + len(body) + 16
    return [header + body for header, body in packets]


def test_packets_leave_whole_and_in_order(make: Make, sender: socket.socket, receivers: list[Receiver]) -> None:
    """Sizes and peers in any mixture; nothing leaves before the flush, and somebody is woken for it once."""
    woken: list[int] = []
    outbox = make(sender, lambda: woken.append(1))
    expected: list[list[bytes]] = [[], [], []]
    for turn in range(4):
        for index, one in enumerate(receivers):
            expected[index] += put(outbox, one, SIZES[turn * 3 : turn * 3 + 3])
    assert woken == [1]
    assert receivers[0].nothing_came()
    receivers[0].socket.settimeout(2)
    outbox.flush()
    for index, one in enumerate(receivers):
        assert one.received(len(SIZES)) == expected[index]
        assert one.to.unsent == 0
    outbox.flush()
    assert all(one.nothing_came() for one in receivers)


def test_more_than_there_is_room_for_leaves_before_the_flush(
    make: Make, sender: socket.socket, receivers: list[Receiver]
) -> None:
    """Each size is a train of its own; the three hundredth finds none free."""
    outbox = make(sender, lambda: None)
    sizes = range(1, 301)
    expected = put(outbox, receivers[0], sizes)
    outbox.flush()
    assert receivers[0].received(300) == expected


def test_a_long_train_is_cut_into_several(make: Make, sender: socket.socket, receivers: list[Receiver]) -> None:
    """A keyframe's hundred packets are more than one message takes."""
    outbox = make(sender, lambda: None)
    expected = put(outbox, receivers[0], [1150] * 100)
    outbox.flush()
    assert receivers[0].received(100) == expected


def test_a_packet_that_cannot_be_sealed_leaves_nothing(
    make: Make, sender: socket.socket, receivers: list[Receiver]
) -> None:
    """It is the caller's error; what was there before and comes after goes its way."""
    first, second, _ = receivers

    def fail(*_: object) -> int:
        raise pylibsrtp.Error("no")

    outbox = make(sender, lambda: None)
    expected = put(outbox, first, [1150])
    for one in (first, second):
        with pytest.raises(pylibsrtp.Error):
            outbox.put(one.to, fail, *one.packet(1150))
    expected += put(outbox, first, [1150])
    outbox.flush()
    assert first.received(2) == expected
    assert second.nothing_came()
    with pytest.raises(ValueError, match="40012 bytes"):
        outbox.put(first.to, first.seal, *first.packet(40_000))


def test_a_peer_that_cannot_be_reached_harms_nobody(
    make: Make, sender: socket.socket, receivers: list[Receiver]
) -> None:
    """Nothing can be sent to port 0; what stands before and behind it arrives."""
    first, second, lost = receivers
    lost.to = Destination(("127.0.0.1", 0))
    outbox = make(sender, lambda: None)
    expected = put(outbox, first, [100, 100])
    put(outbox, lost, [100, 100])
    also = put(outbox, second, [100])
    outbox.flush()
    assert first.received(2) == expected
    assert second.received(1) == also
    assert lost.to.unsent > 0


def test_ipv6(make: Make) -> None:
    """Its addresses are longer."""
    one = Receiver("::1")
    with one.socket, socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        sock.bind(("::1", 0))
        sock.setblocking(False)
        outbox = make(sock, lambda: None)
        expected = put(outbox, one, [1150, 1150, 20])
        outbox.flush()
        assert one.received(3) == expected


@pytest.mark.skipif(not sendmmsg_shim.SUPPORTED, reason="only Linux has the call")
@pytest.mark.parametrize("number", [errno.EIO, errno.EINVAL])
def test_what_the_kernel_does_not_cut_is_sent_one_by_one(
    number: int, sender: socket.socket, receivers: list[Receiver]
) -> None:
    """A network card without checksums says EIO, a path with a smaller MTU EINVAL; from then on nothing is cut."""
    outbox = BatchOutbox(sender, lambda: None, segmenting=True)
    real, calls = outbox._messages.send, []

    def refuse_once(first: int, count: int) -> int:
        calls.append(count)
        if len(calls) == 1:
            raise OSError(number, "refused")
        return real(first, count)

    outbox._messages.send = refuse_once  # type: ignore[method-assign]
    one, other, _ = receivers
    for _ in range(2):
        expected, also = put(outbox, one, [1150] * 5), put(outbox, other, [1150] * 2)
        outbox.flush()
        assert one.received(5) == expected
        assert other.received(2) == also
    assert calls[:2] == [2, 1]
    assert calls[2] == (7 if number == errno.EIO else 6)


@pytest.mark.skipif(not sendmmsg_shim.SUPPORTED, reason="only Linux has the call")
def test_a_full_socket_drops_and_does_not_wait(sender: socket.socket, receivers: list[Receiver]) -> None:
    """What the kernel's buffer has no room for is lost, and counted; the next drain starts afresh."""
    outbox = BatchOutbox(sender, lambda: None)
    real = outbox._messages.send

    def full(first: int, count: int) -> int:
        raise BlockingIOError(errno.EAGAIN, "full")

    outbox._messages.send = full  # type: ignore[method-assign]
    put(outbox, receivers[0], [100, 100])
    outbox.flush()
    assert receivers[0].to.unsent == 1
    outbox._messages.send = real  # type: ignore[method-assign]
    expected = put(outbox, receivers[0], [100])
    outbox.flush()
    assert receivers[0].received(1) == expected
