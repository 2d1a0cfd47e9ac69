"""Media sockets: peers are found by their checks and then by their address, and garbage finds nobody."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator

import pytest
from aioice import stun

from jackfield.server.sfu.addresses import bound_addresses, local_addresses
from jackfield.server.sfu.limits import Limits
from jackfield.server.sfu.link import IceLiteLink
from jackfield.server.sfu.sockets import MediaSockets


class Peer:
    """A bare UDP socket that can make connectivity checks."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((host, 0))
        self.socket.setblocking(False)

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.socket.getsockname()
        return host, port

    def send(self, data: bytes, port: int) -> None:
        self.socket.sendto(data, ("127.0.0.1", port))

    def check(self, link: IceLiteLink, port: int, *, pwd: str = "", nominate: bool = False) -> stun.Message:
        message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
        message.attributes["USERNAME"] = f"{link.ufrag}:peer"
        message.attributes["PRIORITY"] = 1
        if nominate:
            message.attributes["USE-CANDIDATE"] = None
        message.add_message_integrity((pwd or link.pwd).encode())
        self.send(bytes(message), port)
        return message

    async def receive(self) -> bytes:
        return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self.socket, 2048), 2)

    def close(self) -> None:
        self.socket.close()


@pytest.fixture
async def sockets() -> AsyncIterator[MediaSockets]:
    sockets = MediaSockets("127.0.0.1", limits=Limits(addresses_per_link=3))
    sockets.open()
    yield sockets
    sockets.close()


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    peer = Peer()
    yield peer
    peer.close()


def listening(sockets: MediaSockets) -> tuple[IceLiteLink, list[bytes]]:
    link, heard = sockets.link(), []
    link.on_datagram = heard.append
    return link, heard


async def settled() -> None:
    await asyncio.sleep(0.02)


async def test_a_check_opens_the_path(sockets: MediaSockets, peer: Peer) -> None:
    """It is answered with success; from then on datagrams pass both ways, with or without nomination (gotcha 6)."""
    link, heard = listening(sockets)
    link.send(b"\x16before there is a path")
    request = peer.check(link, sockets.port)
    response = stun.parse_message(await peer.receive())
    assert response.message_class == stun.Class.RESPONSE
    assert response.transaction_id == request.transaction_id
    assert response.attributes["XOR-MAPPED-ADDRESS"] == peer.address
    peer.send(b"\x16hello", sockets.port)
    await settled()
    assert heard == [b"\x16hello"]
    link.send(b"\x80back")
    assert await peer.receive() == b"\x80back"


async def test_only_an_authentic_check_opens_it(sockets: MediaSockets, peer: Peer) -> None:
    """A wrong password, an unknown name, a response, and noise open nothing and are not answered."""
    link, heard = listening(sockets)
    peer.check(link, sockets.port, pwd="wrong")
    stranger = IceLiteLink(sockets, "nobody", "x")
    peer.check(stranger, sockets.port)
    for noise in (b"", b"\x00", b"\x00\x01\x00\x00", b"\x80" * 40, b"\xff" * 1400, b"\x16" * 2000, bytes(20)):
        peer.send(noise, sockets.port)
    peer.send(b"\x00\x01\x00\x08\x21\x12\xa4\x42" + bytes(12) + b"\x00\x06\xff\xff", sockets.port)
    await settled()
    assert heard == []
    assert link.address is None
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(peer.receive(), 0.1)
    assert sockets.datagrams_strange >= 9


async def test_a_peer_whose_handler_fails_harms_nobody(
    sockets: MediaSockets, peer: Peer, caplog: pytest.LogCaptureFixture
) -> None:
    """What one peer's packet breaks is logged; the next datagram is served."""
    link, heard = listening(sockets)
    peer.check(link, sockets.port)
    await peer.receive()

    def fail(data: bytes) -> None:
        raise RuntimeError("unexpected")

    link.on_datagram = fail
    peer.send(b"\x80bad", sockets.port)
    await settled()
    link.on_datagram = heard.append
    peer.send(b"\x80good", sockets.port)
    await settled()
    assert heard == [b"\x80good"]
    assert "could not be handled" in caplog.text


async def test_media_moves_the_path(sockets: MediaSockets, peer: Peer) -> None:
    """We send to where the peer last sent media from; a nominated check does so once the old place is quiet."""
    link, _ = listening(sockets)
    other = Peer()
    try:
        for one in (peer, other):
            one.check(link, sockets.port)
            await one.receive()
        assert link.address == peer.address
        other.send(b"\x80", sockets.port)
        await settled()
        assert link.address == other.address
        peer.check(link, sockets.port, nominate=True)
        await peer.receive()
        assert link.address == other.address, "media was here a moment ago"
        await asyncio.sleep(0.55)
        peer.check(link, sockets.port, nominate=True)
        await peer.receive()
        assert link.address == peer.address
    finally:
        other.close()


async def test_addresses_of_a_peer_are_bounded(sockets: MediaSockets) -> None:
    """Somebody who knows the password cannot fill the table."""
    link, _ = listening(sockets)
    for _ in range(10):
        one = Peer()
        one.check(link, sockets.port)
        await one.receive()
        one.close()
    assert len(link.known) <= 3
    assert sum(len(links) for links in sockets._by_address.values()) <= 3


async def test_two_peers_behind_one_port_are_told_apart(sockets: MediaSockets, peer: Peer) -> None:
    """Both connections of one client come from different ports, or one after the other from the same."""
    first, heard_first = listening(sockets)
    second, heard_second = listening(sockets)
    peer.check(first, sockets.port)
    await peer.receive()
    peer.send(b"\x16one", sockets.port)
    await settled()
    peer.check(second, sockets.port)
    await peer.receive()
    peer.send(b"\x16two", sockets.port)
    await settled()
    assert (heard_first, heard_second) == ([b"\x16one"], [b"\x16two"])


async def test_a_flood_is_cut(peer: Peer) -> None:
    """What one peer sends beyond its share in a second is dropped before anything is done with it."""
    sockets = MediaSockets("127.0.0.1", limits=Limits(datagrams_per_second=50))
    sockets.open()
    try:
        link, heard = listening(sockets)
        peer.check(link, sockets.port)
        await peer.receive()
        for _ in range(200):
            peer.send(b"\x80", sockets.port)
        await settled()
        assert 50 <= len(heard) <= 100
    finally:
        sockets.close()


async def test_a_closed_link_is_forgotten(sockets: MediaSockets, peer: Peer) -> None:
    """Neither its name nor its addresses stay."""
    link, heard = listening(sockets)
    peer.check(link, sockets.port)
    await peer.receive()
    await link.close()
    peer.send(b"\x16late", sockets.port)
    peer.check(link, sockets.port)
    await settled()
    assert heard == []
    assert sockets._by_ufrag == {}
    assert not any(sockets._by_address.values())


async def test_new_credentials_keep_the_path(sockets: MediaSockets, peer: Peer) -> None:
    """After an ICE restart old checks hold no more, and what flows keeps flowing."""
    link, heard = listening(sockets)
    peer.check(link, sockets.port)
    await peer.receive()
    old = IceLiteLink(sockets, link.ufrag, link.pwd)
    sockets.renew(link)
    assert link.ufrag != old.ufrag
    peer.send(b"\x16still here", sockets.port)
    await settled()
    assert heard == [b"\x16still here"]
    peer.check(old, sockets.port)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(peer.receive(), 0.1)
    peer.check(link, sockets.port)
    await peer.receive()


async def test_a_wildcard_host_has_a_socket_for_each_address() -> None:
    """All on one port, the loopback address last; a wildcard socket would answer from the wrong address."""
    sockets = MediaSockets("0.0.0.0", announce=["203.0.113.5"])
    sockets.open()
    try:
        assert len(sockets) == len(sockets.addresses) >= 1
        assert sockets.addresses[-1] == "127.0.0.1"
        lines = sockets.candidates()
        assert "203.0.113.5" in lines[0]
        assert all(f" {sockets.port} typ host" in line for line in lines)
        assert len({line.split()[3] for line in lines}) == len(lines), "each has a priority of its own"
    finally:
        sockets.close()


async def test_a_port_in_use_is_an_error(sockets: MediaSockets) -> None:
    """And nothing stays open."""
    second = MediaSockets("127.0.0.1", sockets.port)
    with pytest.raises(OSError) as caught:
        second.open()
    assert caught.value.errno == errno.EADDRINUSE
    assert len(second) == 0


def test_addresses() -> None:
    """A name is resolved, a wildcard becomes this machine's addresses, IPv6 only where it was asked for."""
    assert bound_addresses("127.0.0.1") == ["127.0.0.1"]
    assert "127.0.0.1" in bound_addresses("localhost")
    assert all(":" not in address for address in bound_addresses("0.0.0.0"))
    assert set(bound_addresses("0.0.0.0")) <= set(local_addresses())
    assert set(bound_addresses("::")) == set(local_addresses())
    with pytest.raises(OSError):
        bound_addresses("no-such-host.invalid")
