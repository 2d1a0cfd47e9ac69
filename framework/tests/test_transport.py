"""Two transports meet over loopback: media, feedback and data channels flow, and both ends close cleanly."""

import asyncio
import errno
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from importlib.metadata import version

import pytest
from aioice import stun
from aiortc.rtcsctptransport import DataChunk

from jackfield.rtc import ice_lite, rtcp, rtp, segments
from jackfield.rtc.aioice_shim import IceAgent, _Late
from jackfield.rtc.aiortc_shim import AIORTC_WINDOW, SCTP_WINDOW
from jackfield.rtc.link import IceServer
from jackfield.rtc.transport import Certificate, DataChannel, Transport

PACKET = rtp.serialise(rtp.RtpPacket(96, 1, 2, 3, b"media"))


async def connected_agents() -> tuple[IceAgent, IceAgent]:
    """Two ICE agents with a path between them."""
    first, second = IceAgent(controlling=True, loopback=True), IceAgent(controlling=False, loopback=True)
    candidates = await first.gather(), await second.gather()
    assert any(" 127.0.0.1 " in line for line in candidates[0])
    first.set_remote(second.local_ufrag, second.local_pwd, lite=False)
    second.set_remote(first.local_ufrag, first.local_pwd, lite=False)
    for agent, lines in ((first, candidates[1]), (second, candidates[0])):
        for line in [*lines, None]:
            await agent.add_remote_candidate(line)
    await asyncio.gather(first.connect(), second.connect())
    return first, second


@pytest.fixture
async def pair() -> AsyncIterator[tuple[Transport, Transport]]:
    """Two connected transports."""
    links = await connected_agents()
    certificates = Certificate.generate(), Certificate.generate()
    first, second = (Transport(link, certificate) for link, certificate in zip(links, certificates, strict=True))
    first.channels.start()
    second.channels.start()
    await asyncio.gather(
        first.start(certificates[1].fingerprints, "client"), second.start(certificates[0].fingerprints, "server")
    )
    yield first, second
    await first.close()
    await second.close()


async def until(condition: object, timeout_s: float = 5.0) -> None:
    """Waits until ``condition()`` holds."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("refusal", [None, errno.EIO, errno.EMSGSIZE, errno.EAGAIN])
async def test_what_is_sent_together_arrives_in_order(monkeypatch: pytest.MonkeyPatch, refusal: int | None) -> None:
    """In few calls, or one by one where that is refused: for good, or until the socket has room again."""
    really, calls = segments.send, []

    def send(sock: socket.socket, run: Sequence[bytes], address: tuple[str, int]) -> None:
        calls.append(len(run))
        if refusal is not None:
            raise OSError(refusal, "refused")
        really(sock, run, address)

    monkeypatch.setattr(segments, "send", send)
    first, second = await connected_agents()
    arrived: list[bytes] = []
    second.on_datagram = arrived.append
    sent = [bytes([0x80, index]) + bytes(size) for index, size in enumerate([900, 900, 900, 300, 1000, 1000, 20])]
    for _ in range(2):
        first.send_all(sent)
        await until(lambda: len(arrived) >= len(sent))
        assert arrived == sent
        arrived.clear()
    assert calls == ([4, 3] * 2 if refusal in (None, errno.EAGAIN) else [4])
    await first.close()
    await second.close()


async def test_what_is_sent_together_before_there_is_a_path_is_dropped() -> None:
    """As it is when sent alone."""
    first, second = await connected_agents()
    await first.close()
    await second.close()
    first.send_all([b"\x80", b"\x80"])


async def test_media_and_feedback_arrive_decrypted(pair: tuple[Transport, Transport]) -> None:
    """RTP and RTCP come out as they went in, each at its own callback."""
    first, second = pair
    media: list[bytes] = []
    feedback: list[bytes] = []
    second.on_rtp = lambda data, arrival_ns: media.append(data)
    second.on_rtcp = feedback.append
    assert first.send_rtp(PACKET)
    assert first.send_rtcp(rtcp.serialise(rtcp.Pli(1, 2)))
    await until(lambda: media and feedback)
    assert media == [PACKET]
    assert rtcp.parse(feedback[0]) == [rtcp.Pli(1, 2)]


async def test_packets_sent_at_one_go_arrive_in_order(pair: tuple[Transport, Transport]) -> None:
    """All of them, counted; what cannot be sealed ends it, and no more goes."""
    first, second = pair
    media: list[bytes] = []
    second.on_rtp = lambda data, arrival_ns: media.append(data)
    packets = [rtp.serialise(rtp.RtpPacket(96, number, 0, 7, b"picture")) for number in range(5)]
    before = first.packets_sent
    assert first.send_all_rtp(packets[:3]) == 3
    assert first.send_all_rtp([packets[3], b"\x80", packets[4]]) == 1
    await until(lambda: len(media) >= 4)
    assert media == packets[:4]
    assert first.packets_sent - before == 4
    await first.close()
    assert first.send_all_rtp(packets) == 0


async def test_channels_open_in_band_and_carry_messages(pair: tuple[Transport, Transport]) -> None:
    """A channel opened at one end appears at the other with its label and reliability."""
    first, second = pair
    seen: list[object] = []

    def opened(channel: object) -> None:
        seen.append((channel.label, channel.ordered, channel.max_retransmits))  # type: ignore[attr-defined]
        channel.on_message = seen.append  # type: ignore[attr-defined]

    second.channels.on_channel = opened
    channel = first.channels.open("_lossy", ordered=False, max_retransmits=0)
    with pytest.raises(ConnectionError, match="_lossy is connecting"):
        channel.send(b"too early")
    await until(lambda: channel.state == "open")
    channel.send(b"hello")
    await until(lambda: len(seen) == 2)
    assert seen == [("_lossy", False, 0), b"hello"]


def fragment(first: int, index: int, flags: int, data: bytes, *, ordered: bool = True) -> DataChunk:
    """One DATA chunk on stream 0, with WebRTC's protocol number for bytes."""
    chunk = DataChunk(flags=flags | (0 if ordered else 4))
    chunk.tsn, chunk.stream_id, chunk.stream_seq = (first + index) % (1 << 32), 1000, 0
    chunk.protocol, chunk.user_data = 53, data
    return chunk


@pytest.mark.parametrize("size", [1, 1000])
@pytest.mark.parametrize("ordered", [True, False])
async def test_a_message_without_end_ends_the_association(
    pair: tuple[Transport, Transport], caplog: pytest.LogCaptureFixture, size: int, ordered: bool
) -> None:
    """No more than the announced window waits, at a cost that does not grow, and media goes on."""
    first, second = pair
    channel = first.channels.open("_reliable")
    await until(lambda: channel.state == "open")
    sctp = second.channels._association._sctp
    start = (sctp._last_received_tsn or 0) + 1
    began = time.process_time()
    for index in range(6000):
        await sctp._receive_data_chunk(fragment(start, index, 2 if index == 0 else 0, bytes(size), ordered=ordered))
        assert sctp._held()[0] <= SCTP_WINDOW
    assert time.process_time() - began < 1
    assert sctp.state == "closed"
    assert "a message that does not end" in caplog.text
    media: list[bytes] = []
    second.on_rtp = lambda data, arrival_ns: media.append(data)
    assert first.send_rtp(PACKET)
    await until(lambda: media)


async def test_what_is_out_of_order_is_bounded_and_not_the_end(pair: tuple[Transport, Transport]) -> None:
    """Beyond a gap so much is kept; the rest is not acknowledged, and the association goes on."""
    first, second = pair
    channel = first.channels.open("_reliable")
    await until(lambda: channel.state == "open")
    sctp = second.channels._association._sctp
    start = (sctp._last_received_tsn or 0) + 2
    for index in range(0, 20000, 2):
        await sctp._receive_data_chunk(fragment(start, index, 2, b"x"))
    assert len(sctp._sack_misordered) <= 1024
    assert sctp._held()[1] <= 1024
    assert sctp.state == "connected"


async def test_long_messages_pass_with_fragments_lost_and_reordered(
    pair: tuple[Transport, Transport], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three messages of 200 KiB arrive whole and in order where every tenth datagram is lost and others overtake."""
    first, second = pair
    got: list[bytes] = []
    second.channels.on_channel = lambda channel: setattr(channel, "on_message", got.append)
    channel = first.channels.open("_reliable")
    await until(lambda: channel.state == "open")
    sctp = second.channels._association._sctp
    receive, count, late = sctp._receive_data_chunk, 0, []

    async def disturbed(chunk: DataChunk) -> None:
        nonlocal count
        count += 1
        if count % 10 == 0:
            return
        if count % 7 == 0:
            late.append(chunk)
            return
        await receive(chunk)
        if late:
            await receive(late.pop())

    monkeypatch.setattr(sctp, "_receive_data_chunk", disturbed)
    messages = [bytes([number]) * (200 << 10) for number in (1, 2, 3)]
    first.channels._association._sctp._remote_max_message_size = 1 << 20
    for message in messages:
        channel.send(message)
    await until(lambda: len(got) == 3, 20)
    assert got == messages
    assert sctp._held() == (0, 0)


async def test_forged_media_is_counted_and_dropped(pair: tuple[Transport, Transport]) -> None:
    """A packet that SRTP refuses reaches nobody and ends nothing."""
    first, second = pair
    media: list[bytes] = []
    second.on_rtp = lambda data, arrival_ns: media.append(data)
    for datagram in (PACKET, b"\x80", b"\x80\xc8" + bytes(30), b"\x16" + bytes(40), b"", b"\xff" * 10, b"\x80" * 1600):
        second.receive(datagram)
    assert first.send_rtp(PACKET)
    await until(lambda: media)
    assert media == [PACKET]
    assert second.packets_refused == 4
    assert second.state == "connected"


async def test_a_closed_end_is_noticed_by_the_other(pair: tuple[Transport, Transport]) -> None:
    """DTLS says goodbye; closing twice is harmless, and sending afterwards answers False."""
    first, second = pair
    await first.close()
    await until(lambda: second.state == "closed")
    assert not first.send_rtp(PACKET)
    await first.close()


async def test_media_goes_on_over_another_path(pair: tuple[Transport, Transport]) -> None:
    """What an ICE restart needs: a new link under the same DTLS and SRTP, and the old one's end means nothing."""
    first, second = pair
    old = first.link, second.link
    for transport, link in zip(pair, await connected_agents(), strict=True):
        transport.replace_link(link)
    for link in old:
        await link.close()
    media: list[bytes] = []
    second.on_rtp = lambda data, arrival_ns: media.append(data)
    assert first.send_rtp(PACKET)
    await until(lambda: media)
    assert (media, first.state, second.state) == ([PACKET], "connected", "connected")


async def test_a_wrong_fingerprint_is_refused() -> None:
    """A peer with another certificate than promised does not get in."""
    links = await connected_agents()
    certificates = Certificate.generate(), Certificate.generate()
    first, second = (Transport(link, certificate) for link, certificate in zip(links, certificates, strict=True))
    wrong = Certificate.generate().fingerprints
    results = await asyncio.gather(
        first.start(wrong, "client"), second.start(certificates[0].fingerprints, "server"), return_exceptions=True
    )
    assert isinstance(results[0], ConnectionError)
    await first.close()
    await second.close()


async def test_an_agent_without_a_peer_fails_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """No candidate that works: one clear error, bounded."""
    monkeypatch.setattr("jackfield.rtc.aioice_shim.CONNECT_TIMEOUT_S", 0.2)
    dead = IceServer(("turn:[::1]:9?transport=tcp",), "u", "p")
    agent = IceAgent(controlling=True, ice_servers=[dead], loopback=True)
    await agent.gather()
    agent.set_remote("abcd", "0123456789012345678901", lite=True)
    for line in ["candidate:1 1 udp 1 127.0.0.1 9 typ host", "candidate:1 1 tcp 1 127.0.0.1 9 typ host", "garbage"]:
        await agent.add_remote_candidate(line)
    with pytest.raises(ConnectionError, match=r"0\.2 s"):
        await agent.connect()
    await agent.close()
    await agent.close()


class StunServer(asyncio.DatagramProtocol):
    """Answers whoever asks where they are seen, or nobody."""

    def __init__(self, *, silent: bool) -> None:
        self.silent = silent

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        asked = stun.parse_message(data)
        told = stun.Message(asked.message_method, stun.Class.RESPONSE, transaction_id=asked.transaction_id)
        told.attributes["XOR-MAPPED-ADDRESS"] = ("192.0.2.1", addr[1])
        if not self.silent:
            self.transport.sendto(bytes(told), addr)  # type: ignore[attr-defined]


@pytest.mark.parametrize("silent", [False, True])
async def test_a_call_does_not_wait_for_stun_servers(monkeypatch: pytest.MonkeyPatch, silent: bool) -> None:
    """Checks begin with our own addresses; what a server says is told when it comes, if it ever does."""
    monkeypatch.setattr("jackfield.rtc.aioice_shim.GATHER_TIMEOUT_S", 0.5)
    monkeypatch.setattr("jackfield.rtc.aioice_shim.get_host_addresses", lambda **_: [])
    loop = asyncio.get_running_loop()
    server, _ = await loop.create_datagram_endpoint(lambda: StunServer(silent=silent), local_addr=("127.0.0.1", 0))
    url = f"stun:127.0.0.1:{server.get_extra_info('sockname')[1]}"
    asking = IceAgent(controlling=True, ice_servers=[IceServer((url,))], loopback=True)
    other = IceAgent(controlling=False, loopback=True)
    found: list[str] = []
    lines = await asking.gather(), await other.gather()
    telling = loop.create_task(asking.ask_servers(found.append))
    for agent, peer, theirs in ((asking, other, lines[1]), (other, asking, lines[0])):
        agent.set_remote(peer.local_ufrag, peer.local_pwd, lite=False)
        for line in [*theirs, None]:
            await agent.add_remote_candidate(line)
    await asyncio.gather(asking.connect(), other.connect())
    assert not (silent and telling.done())
    await telling
    assert [" 192.0.2.1 " in line and "typ srflx" in line for line in found] == ([] if silent else [True])
    await asyncio.gather(asking.close(), other.close())
    server.close()


async def test_a_lite_server_answers_an_agents_checks() -> None:
    """aioice, a full agent, nominates a pair with the answers of `ice_lite`."""
    ufrag, pwd = ice_lite.local_credentials()
    loop = asyncio.get_running_loop()

    class Answering(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            assert ice_lite.is_stun(data)
            assert ice_lite.parse_username(data) == ufrag
            assert ice_lite.answer(data, addr, ufrag=ufrag, pwd="x" * 32) is None
            response = ice_lite.answer(data, addr, ufrag=ufrag, pwd=pwd)
            assert response is not None
            self.transport.sendto(response, addr)  # type: ignore[attr-defined]

    endpoint, _ = await loop.create_datagram_endpoint(Answering, local_addr=("127.0.0.1", 0))
    port = endpoint.get_extra_info("sockname")[1]
    agent = IceAgent(controlling=True, loopback=True)
    await agent.gather()
    agent.set_remote(ufrag, pwd, lite=True)
    for line in [*ice_lite.candidate_lines(["127.0.0.1"], port), None]:
        await agent.add_remote_candidate(line)
    await agent.connect()
    assert agent.selected_pair is not None
    assert str(port) in agent.selected_pair[1]
    await agent.close()
    endpoint.close()


async def test_an_answer_that_comes_late_is_consent(monkeypatch: pytest.MonkeyPatch) -> None:
    """A path whose buffers are full is a path: aioice has given the question up when its answer comes."""
    monkeypatch.setattr(stun, "RETRY_RTO", 0.01)
    first, second = await connected_agents()
    held: list[tuple[object, ...]] = []
    answer = second._connection.request_received
    monkeypatch.setattr(second._connection, "request_received", lambda *request: held.append(request))
    answered = first.answered
    first.ask()
    protocols = first._connection._protocols
    await until(lambda: any(isinstance(each, _Late) for one in protocols for each in one.transactions.values()))
    assert first.answered == answered
    for request in held:
        answer(*request)  # type: ignore[arg-type]
    await until(lambda: first.answered == answered + 1)
    assert not any(one.transactions for one in protocols)
    await asyncio.gather(first.close(), second.close())


async def test_a_turn_of_the_loop_takes_what_has_come() -> None:
    """A hundred datagrams take a few turns, in order: with one a turn, a machine out of breath never catches up."""
    first, second = await connected_agents()
    came: list[bytes] = []
    second.on_datagram = came.append
    sent = [bytes([200, number]) for number in range(100)]
    for datagram in sent:
        first.send(datagram)
    turns = 0
    while len(came) < len(sent) and turns < 1000:
        await asyncio.sleep(0)
        turns += 1
    assert came == sent
    assert turns < 50
    await asyncio.gather(first.close(), second.close())


def test_garbage_is_no_check() -> None:
    """What is no STUN, or not addressed to us, is not answered."""
    for data in (b"", b"\0" * 19, b"\0\1\0\0\x21\x12\xa4\x42" + bytes(12), b"\0\1\0\x08\x21\x12\xa4\x42" + bytes(20)):
        assert ice_lite.answer(data, ("127.0.0.1", 1), ufrag="a", pwd="b") is None


def test_aiortc_is_a_version_the_shim_was_read_against() -> None:
    """When this fails, read rtc/aiortc_shim.py against the new aiortc and move its window."""
    numbers = [tuple(map(int, text.split(".")[:2])) for text in (AIORTC_WINDOW[0], version("aiortc"), AIORTC_WINDOW[1])]
    assert numbers[0] <= numbers[1] < numbers[2]


def test_a_server_has_no_codec_in_its_process() -> None:
    """Everything that a server needs is imported without PyAV, which aiortc's own `__init__` would bring."""
    script = "import sys, jackfield.server.launch, jackfield.server.sfu; print({'av', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.strip() == "set()"


async def test_a_channel_that_is_held_closes_its_window_and_loses_nothing(pair: tuple[Transport, Transport]) -> None:
    """The sender keeps what the receiver has no room for; all arrives once it is taken, and other channels go on."""
    first, second = pair
    got: list[bytes] = []
    other: list[bytes] = []
    theirs = {}

    def opened(channel: DataChannel) -> None:
        theirs[channel.label] = channel
        channel.on_message = got.append if channel.label == "_reliable" else other.append

    second.channels.on_channel = opened
    held, free = first.channels.open("_reliable"), first.channels.open("_free")
    await until(lambda: len(theirs) == 2 and held.state == free.state == "open")
    theirs["_reliable"].pause()
    messages = [bytes([number]) * 10_000 for number in range(100)]
    for message in messages:
        held.send(message)
    sctp, sender = second.channels._association._sctp, first.channels._association._sctp
    await until(lambda: sctp._held()[0] > SCTP_WINDOW - 12_000)
    await until(lambda: sender._peer_window is not None and sender._peer_window < 12_000)
    assert got == []
    assert sctp._held()[0] <= SCTP_WINDOW
    waits = asyncio.create_task(held.drained(1))
    await asyncio.sleep(0.05)
    assert held.buffered_amount > 500_000
    assert not waits.done()
    theirs["_reliable"].resume()
    await until(lambda: len(got) == 100, 15)
    assert got == messages
    await asyncio.wait_for(waits, 5)
    free.send(b"and this")
    await until(lambda: other == [b"and this"])


async def test_who_waits_for_a_channel_to_drain_hears_of_its_end(pair: tuple[Transport, Transport]) -> None:
    """An error and no hanging when the association goes."""
    first, second = pair
    theirs: list[DataChannel] = []
    second.channels.on_channel = theirs.append
    channel = first.channels.open("_reliable")
    await until(lambda: theirs and channel.state == "open")
    theirs[0].pause()
    for _ in range(100):
        channel.send(bytes(10_000))
    waits = asyncio.create_task(channel.drained(1))
    await asyncio.sleep(0)
    await first.close()
    with pytest.raises(ConnectionError, match="closed"):
        await asyncio.wait_for(waits, 5)
