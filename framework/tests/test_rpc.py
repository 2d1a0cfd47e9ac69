"""Calls of each other's methods, over a wire that a test holds in its hands."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest
from livekit.protocol.models import DataPacket, RpcAck, RpcRequest, RpcResponse

from jackfield.session.data import rpc
from jackfield.session.data.path import DataPath
from jackfield.values.errors import NetworkError, RpcError
from jackfield.values.streams import RpcCode, RpcInvocationData

LIMIT_S = 5.0


class Wire:
    """``ada`` and ``bob``; what goes from one arrives at the other, unless ``deaf``."""

    def __init__(self) -> None:
        self.sent: list[DataPacket] = []
        self.deaf = False
        self.ada, self.bob = self._end("ada", "bob"), self._end("bob", "ada")

    def _end(self, uid: str, other: str) -> DataPath:
        async def send(packet: DataPacket, reliable: bool) -> None:
            packet.participant_identity = uid
            self.sent.append(packet)
            if not self.deaf:
                getattr(self, other).receive(packet)

        return DataPath(send, lambda below: asyncio.sleep(0), lambda uid, sid: None)

    async def call(self, method: str, payload: str = "", **options: Any) -> str:
        return await asyncio.wait_for(self.ada.callers.call("bob", method, payload, **options), LIMIT_S)


@pytest.fixture
def wire() -> Wire:
    return Wire()


async def code_of(wire: Wire, method: str, payload: str = "", **options: Any) -> int:
    with pytest.raises(RpcError) as caught:
        await wire.call(method, payload, **options)
    assert wire.ada.callers._pending == {}
    return caught.value.rpc_code


async def test_a_method_answers(wire: Wire) -> None:
    """It learns who asks, what, and how long they wait; plain functions and coroutines alike; nothing is empty text."""
    asked: list[RpcInvocationData] = []

    async def greet(call: RpcInvocationData) -> str:
        asked.append(call)
        return f"hello {call.payload}"

    wire.bob.methods.register("greet", greet)
    wire.bob.methods.register("plain", lambda call: call.payload.upper())
    wire.bob.methods.register("nothing", lambda call: None)
    assert await wire.call("greet", "ada", timeout_s=3) == "hello ada"
    assert (asked[0].caller_identity, asked[0].method, asked[0].response_timeout_s) == ("ada", "greet", 3.0)
    assert not asked[0].encrypted
    assert [packet.WhichOneof("value") for packet in wire.sent] == ["rpc_request", "rpc_ack", "rpc_response"]
    assert wire.sent[0].rpc_request.id == asked[0].request_id == wire.sent[2].rpc_response.request_id
    assert await wire.call("plain", "x") == "X"
    assert await wire.call("nothing") == ""


async def test_an_error_of_the_methods_own_reaches_the_caller(wire: Wire) -> None:
    """With its code, its words, cut to 256 bytes, and its data."""

    def refuses(call: RpcInvocationData) -> str:
        raise RpcError(7, "no " * 200, '{"why": 1}')

    wire.bob.methods.register("refuses", refuses)
    with pytest.raises(RpcError) as caught:
        await wire.call("refuses")
    assert (caught.value.rpc_code, caught.value.data) == (7, '{"why": 1}')
    assert caught.value.message == ("no " * 200)[:256]
    assert caught.value.code == "ERROR_RPC"


async def test_other_errors_say_nothing_of_what_they_were(wire: Wire, caplog: pytest.LogCaptureFixture) -> None:
    """The caller learns that there was one; what it was is in our log."""

    async def breaks(call: RpcInvocationData) -> str:
        raise KeyError("secret")

    wire.bob.methods.register("breaks", breaks)
    wire.bob.methods.register("number", lambda call: 7)
    with pytest.raises(RpcError) as caught:
        await wire.call("breaks")
    assert caught.value.rpc_code == RpcCode.APPLICATION_ERROR
    assert "secret" not in f"{caught.value} {caught.value.data}"
    assert "secret" in caplog.text
    assert await code_of(wire, "number") == RpcCode.APPLICATION_ERROR


async def test_what_cannot_be_called_says_why(wire: Wire) -> None:
    """No such method, another version, payloads that are too long in either direction."""
    wire.bob.methods.register("long", lambda call: "x" * (rpc.PAYLOAD_MAX + 1))
    assert await code_of(wire, "none") == RpcCode.UNSUPPORTED_METHOD
    assert await code_of(wire, "long") == RpcCode.RESPONSE_PAYLOAD_TOO_LARGE
    wire.sent.clear()
    assert await code_of(wire, "long", "ä" * (rpc.PAYLOAD_MAX // 2 + 1)) == RpcCode.REQUEST_PAYLOAD_TOO_LARGE
    assert wire.sent == []
    wire.bob.receive(DataPacket(participant_identity="eve", rpc_request=RpcRequest(id="1", method="long", version=9)))
    await asyncio.wait_for(_until(lambda: len(wire.sent) == 2), LIMIT_S)
    assert wire.sent[1].rpc_response.error.code == RpcCode.UNSUPPORTED_VERSION
    assert list(wire.sent[1].destination_identities) == ["eve"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"timeout_s": float("nan")}, "number of seconds above 0"),
        ({"timeout_s": float("inf")}, "number of seconds above 0"),
        ({"timeout_s": -1}, "number of seconds above 0"),
        ({"timeout_s": 0}, "number of seconds above 0"),
        ({"timeout_s": "2"}, "not '2'"),
        ({"payload": b"x"}, "a payload is text; this is bytes"),
        ({"payload": "\ud800"}, "lone surrogate"),
        ({"method": None}, "a method's name is text; this is NoneType"),
        ({"method": ""}, "1 to 64 bytes"),
        ({"method": "m" * 65}, "1 to 64 bytes"),
    ],
)
async def test_what_is_no_call_is_named(wire: Wire, options: dict[str, Any], said: str) -> None:
    """At once, and nothing is sent."""
    with pytest.raises(ValueError, match=said):
        await wire.call(**{"method": "greet", "payload": "", **options})
    assert (wire.sent, wire.ada.callers._pending) == ([], {})


async def test_who_leaves_as_the_time_is_over_leaves_no_error_behind(wire: Wire) -> None:
    """An answer that nobody asks for any more is not logged as lost."""
    wire.deaf = True
    lost: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: lost.append(context))
    calling = asyncio.create_task(wire.call("greet"))
    await asyncio.wait_for(_until(lambda: wire.ada.callers._pending), LIMIT_S)
    wire.ada.left("bob")
    calling.cancel()
    await asyncio.wait({calling})
    del calling
    gc.collect()
    assert lost == []


async def _until(holds: Any) -> None:
    while not holds():
        await asyncio.sleep(0)


async def test_who_does_not_acknowledge_is_not_waited_for(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seven seconds, whatever the timeout; with a shorter one, that is the reason."""
    monkeypatch.setattr(rpc, "ACK_S", 0.02)
    wire.deaf = True
    assert await code_of(wire, "greet", timeout_s=4) == RpcCode.CONNECTION_TIMEOUT
    assert await code_of(wire, "greet", timeout_s=0.01) == RpcCode.RESPONSE_TIMEOUT


async def test_a_method_that_takes_too_long_is_ended_at_both_ends(wire: Wire) -> None:
    """The caller hears of it in time, and the method is cancelled."""
    ended = asyncio.Event()

    async def hangs(call: RpcInvocationData) -> str:
        try:
            return (await asyncio.Event().wait() and "") or ""
        finally:
            ended.set()

    wire.bob.methods.register("hangs", hangs)
    assert await code_of(wire, "hangs", timeout_s=0.05) == RpcCode.RESPONSE_TIMEOUT
    await asyncio.wait_for(ended.wait(), LIMIT_S)


async def test_who_leaves_answers_nothing_more(wire: Wire) -> None:
    """Calls to them fail at once, calls to others go on, and so does the end of the call."""
    wire.deaf = True
    jobs = [asyncio.create_task(wire.ada.callers.call(uid, "m", "", timeout_s=60)) for uid in ("bob", "eve")]
    await asyncio.wait_for(_until(lambda: len(wire.sent) == 2), LIMIT_S)
    wire.ada.left("bob")
    with pytest.raises(RpcError) as caught:
        await asyncio.wait_for(jobs[0], LIMIT_S)
    assert caught.value.rpc_code == RpcCode.RECIPIENT_DISCONNECTED
    assert not jobs[1].done()
    await wire.ada.close()
    with pytest.raises(RpcError):
        await asyncio.wait_for(jobs[1], LIMIT_S)


async def test_an_answer_from_somebody_else_means_nothing(wire: Wire) -> None:
    """Nor does one to a call that nobody made, nor a second one."""
    wire.deaf = True
    job = asyncio.create_task(wire.ada.callers.call("bob", "m", ""))
    await asyncio.wait_for(_until(lambda: wire.sent), LIMIT_S)
    number = wire.sent[0].rpc_request.id
    for uid, answer in (("eve", "forged"), ("bob", "true"), ("bob", "again")):
        wire.ada.receive(DataPacket(participant_identity=uid, rpc_ack=RpcAck(request_id=number)))
        wire.ada.receive(
            DataPacket(participant_identity=uid, rpc_response=RpcResponse(request_id=number, payload=answer))
        )
    wire.ada.receive(DataPacket(participant_identity="bob", rpc_response=RpcResponse(request_id="none")))
    assert await asyncio.wait_for(job, LIMIT_S) == "true"


async def test_a_flood_of_calls_is_bounded(wire: Wire) -> None:
    """So many of one caller run at once, as many more are refused, the rest is dropped; another caller is served."""
    running, release = 0, asyncio.Event()

    async def slow(call: RpcInvocationData) -> str:
        nonlocal running
        running += 1
        await release.wait()
        return "done"

    wire.deaf = True
    wire.bob.methods.register("slow", slow)
    for number in range(1000):
        request = RpcRequest(id=f"{number}", method="slow", version=1)
        wire.bob.receive(DataPacket(participant_identity="eve", rpc_request=request))
    wire.bob.receive(DataPacket(participant_identity="ada", rpc_request=RpcRequest(id="a", method="slow", version=1)))
    await asyncio.wait_for(_until(lambda: running == rpc.RUNNING_MAX + 1), LIMIT_S)
    assert len(wire.bob._handlers._tasks) <= 2 * rpc.RUNNING_MAX + 1
    release.set()
    await asyncio.wait_for(_until(lambda: not wire.bob.methods._running), LIMIT_S)
    answers = [packet.rpc_response for packet in wire.sent if packet.WhichOneof("value") == "rpc_response"]
    assert len([each for each in answers if each.payload == "done"]) == rpc.RUNNING_MAX + 1
    refused = [each for each in answers if each.error.code == RpcCode.APPLICATION_ERROR]
    assert len(refused) == rpc.RUNNING_MAX
    assert refused[0].error.data == "too many calls at once"


async def test_names_are_registered_once_and_given_back(wire: Wire) -> None:
    """A name that is taken, empty or too long is a mistake that says so."""
    stop = wire.bob.methods.register("m", lambda call: "")
    for name in ("m", "", "x" * 65):
        with pytest.raises(ValueError, match=r"registered already|a method's name"):
            wire.bob.methods.register(name, print)
    stop()
    stop()
    assert await code_of(wire, "m") == RpcCode.UNSUPPORTED_METHOD


async def test_what_cannot_be_sent_is_the_callers_to_know() -> None:
    """The network's error, at once; a method whose answer cannot go is logged and no more."""

    async def broken(packet: DataPacket, reliable: bool) -> None:
        raise NetworkError("gone")

    path = DataPath(broken, lambda below: asyncio.sleep(0), lambda uid, sid: None)
    with pytest.raises(NetworkError):
        await path.callers.call("bob", "m", "")
    path.receive(DataPacket(participant_identity="bob", rpc_request=RpcRequest(id="1", method="m", version=1)))
    await asyncio.wait_for(_until(lambda: not path.methods._running), LIMIT_S)
