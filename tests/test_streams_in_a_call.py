"""Text streams, files and remote calls in whole calls: ours among themselves, and with the official SDK both ways."""

from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from jackfield import CallSession, NotAllowed, RpcCode, RpcError, RpcInvocationData
from tests.lab.livekit import LiveKit
from tests.lab.machine import ROOT
from tests.lab.meeting import LIMIT_S, People, until
from tests.lab.netns import Network
from tests.lab.served import Served
from tests.peers.people import LOOKS, Official, Ours, Server, company
from tests.test_docs import blocks

TEXT = "Grüße € 𝄞 " * 3000


async def settled(*sessions: CallSession) -> None:
    """Everybody answers everybody: on LiveKit, data goes only to whom it has a data channel to."""
    for session in sessions:
        session.rpc_method("there", lambda call: "yes")
    async with asyncio.timeout(LIMIT_S):
        for one in sessions:
            for other in (each for each in sessions if each is not one):
                while True:
                    try:
                        await one.rpc(other.uid, "there", timeout_s=0.5)
                        break
                    except RpcError:
                        continue


async def test_streams_and_calls_between_ours(people: People, tmp_path: Path) -> None:
    """A text to one and not to the other, a file to both with a call answered meanwhile, errors as they were raised."""
    ada, bob, eve = [await people.join(uid) for uid in ("ada", "bob", "eve")]
    await settled(ada, bob, eve)
    texts: list[Any] = []
    files: list[Any] = []
    for session in (bob, eve):

        async def keep(reader: Any, person: Any, uid: str = session.uid) -> None:
            texts.append((uid, person.uid, reader.info.attributes, await reader.read_all()))

        async def save(reader: Any, person: Any, uid: str = session.uid) -> None:
            await reader.save(tmp_path / uid)
            files.append((uid, reader.info.name, reader.info.size))

        session.on_text_stream("notes", keep)
        session.on_byte_stream("files", save)

    @bob.rpc_method("half")
    async def half(call: RpcInvocationData) -> str:
        if call.payload == "odd":
            raise RpcError(3, "odd", "1")
        return str(int(call.payload) // 2)

    await ada.send_text(TEXT, topic="notes", to=["bob"], attributes={"lang": "de"})
    await until(lambda: texts, "the text")
    assert texts == [("bob", "ada", {"lang": "de"}, TEXT)]
    path, shares = tmp_path / "big.bin", list[float]()
    path.write_bytes(bytes(range(251)) * 12_000)
    sending = asyncio.create_task(ada.send_file(path, topic="files", on_progress=shares.append))
    await until(lambda: shares, "the beginning of the file")
    assert await ada.rpc("bob", "half", "42") == "21"
    assert not files, "the call was answered before the file had come"
    await asyncio.wait_for(sending, LIMIT_S)
    await until(lambda: len(files) == 2, "the file")
    assert sorted(files) == [(uid, "big.bin", 3_012_000) for uid in ("bob", "eve")]
    assert (tmp_path / "bob").read_bytes() == (tmp_path / "eve").read_bytes() == path.read_bytes()
    with pytest.raises(RpcError) as caught:
        await ada.rpc("bob", "half", "odd")
    assert (caught.value.rpc_code, caught.value.message, caught.value.data) == (3, "odd", "1")


async def test_who_leaves_breaks_off_what_they_send_and_answer(people: People) -> None:
    """The reader hears of it, and so does who waits for an answer."""
    ada, bob = await people.join("ada"), await people.join("bob")
    await settled(ada, bob)
    broken: list[Any] = []

    async def read(reader: Any, person: Any) -> None:
        try:
            await reader.read_all()
        except Exception as error:
            broken.append(error)

    bob.on_text_stream("endless", read)
    ada.rpc_method("hangs", lambda call: asyncio.Event().wait())
    writer = await ada.stream_text(topic="endless")
    await writer.write("begun")
    asking = asyncio.create_task(bob.rpc("ada", "hangs"))
    await asyncio.sleep(0.2)
    await ada.leave()
    with pytest.raises(RpcError) as caught:
        await asyncio.wait_for(asking, LIMIT_S)
    assert caught.value.rpc_code == RpcCode.RECIPIENT_DISCONNECTED
    await until(lambda: broken, "the end of the stream")
    assert broken[0].code == "ERROR_STREAM"


async def test_what_is_for_nobody_is_not_sent(people: People) -> None:
    """In words, naming who is here; and who has just come is waited for."""
    ada, bob = await people.join("ada"), await people.join("bob")
    await settled(ada, bob)
    said = "nobody in this call has the uid 'eve'; here: bob"
    sends = [
        ada.send_data(b"x", to=["eve"]),
        ada.send_text("x", to=["bob", "eve"]),
        ada.stream_text(to=["eve"]),
        ada.send_bytes(b"x", to=["eve"]),
        ada.send_file(__file__, to=["eve"]),
        ada.send_chat("x", to="eve"),
    ]
    for error in await asyncio.gather(*sends, return_exceptions=True):
        assert isinstance(error, ValueError), error
        assert str(error) == said
    with pytest.raises(RpcError, match="Recipient not found") as caught:
        await ada.rpc("eve", "there")
    assert (caught.value.rpc_code, caught.value.data) == (RpcCode.RECIPIENT_NOT_FOUND, said)
    with pytest.raises(ValueError, match="uids, which are text; 7 is none"):
        await ada.send_text("x", to=[7])  # type: ignore[list-item]
    coming = asyncio.create_task(people.join("eve"))
    while not coming.done():
        await asyncio.sleep(0.01)
    await ada.send_text("welcome", to=["eve"])


async def test_who_may_send_no_data_is_told(people: People) -> None:
    """Streams, files and calls are refused before anything is sent; so is a name that is taken."""
    ada = await people.join("ada")
    ada.on_text_stream("t", print)
    with pytest.raises(ValueError, match="have a handler"):
        ada.on_text_stream("t", print)
    ada._room.permission.can_publish_data = False
    ada._connection.signal.joined.participant.permission.can_publish_data = False
    for attempt in (ada.send_text("x"), ada.send_bytes(b"x"), ada.stream_text(), ada.rpc("bob", "m")):
        with pytest.raises(NotAllowed, match="does not let us send data"):
            await attempt


async def both_ways(ours: Ours, theirs: Official, folder: Path) -> None:
    """Texts, files and calls, from ours to theirs and back."""
    got: list[dict[str, Any]] = []
    session, uid = ours.session, theirs.look.uid
    await theirs.act("handle", topic="t")

    async def text(reader: Any, person: Any) -> None:
        got.append({"from": person.uid, "text": await reader.read_all(), "attributes": reader.info.attributes})

    async def data(reader: Any, person: Any) -> None:
        content = await reader.read_all()
        got.append({"from": person.uid, "name": reader.info.name, "sha256": hashlib.sha256(content).hexdigest()})

    session.on_text_stream("t", text)
    session.on_byte_stream("t", data)
    session.rpc_method("t", answer)
    path = folder / "plan.pdf"
    path.write_bytes(bytes(range(253)) * 3000)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    await session.send_text(TEXT, topic="t", attributes={"a": "b"})
    await session.send_file(path, topic="t")
    await theirs.act("send_text", text=TEXT, topic="t", to=[ours.look.uid], attributes={"c": "d"})
    await theirs.act("send_file", path=str(path), topic="t")
    await until(lambda: len(got) == 2, "what theirs sent")
    assert got[0] == {"from": uid, "text": TEXT, "attributes": {"c": "d"}}
    assert got[1] == {"from": uid, "name": "plan.pdf", "sha256": digest}
    heard = (await theirs.act("heard_streams"))["streams"]
    async with asyncio.timeout(LIMIT_S):
        while len(heard) < 2:
            await asyncio.sleep(0.05)
            heard = (await theirs.act("heard_streams"))["streams"]
    text_heard = next(each for each in heard if "text" in each)
    file_heard = next(each for each in heard if "name" in each)
    assert (text_heard["text"], text_heard["from"], text_heard["attributes"]) == (TEXT, ours.look.uid, {"a": "b"})
    assert (file_heard["name"], file_heard["sha256"], file_heard["size"]) == ("plan.pdf", digest, 759_000)
    assert await session.rpc(uid, "t", "abc") == f"{ours.look.uid}: cba"
    with pytest.raises(RpcError) as caught:
        await session.rpc(uid, "t", "fail")
    assert (caught.value.rpc_code, caught.value.message, caught.value.data) == (77, "as asked", "with data")
    with pytest.raises(RpcError) as caught:
        await session.rpc(uid, "nothing")
    assert caught.value.rpc_code == RpcCode.UNSUPPORTED_METHOD
    to = ours.look.uid
    assert (await theirs.act("call", to=to, method="t", payload="xyz"))["answer"] == f"{uid}: XYZ"
    failed = await theirs.act("call", to=to, method="t", payload="fail")
    assert (failed["code"], failed["message"], failed["data"]) == (78, "asked for", "more")
    assert (await theirs.act("call", to=to, method="nothing", payload=""))["code"] == RpcCode.UNSUPPORTED_METHOD


async def hands_and_words(ours: Ours, theirs: Official) -> None:
    """Chat, a raised hand and captions, from ours to theirs and back."""
    session, uid = ours.session, theirs.look.uid
    person = await until(lambda: session.participants.get(uid), "theirs")
    await theirs.act("handle", topic="lk.chat")
    await session.send_chat("<b>hello</b>")
    await session.raise_hand()
    await theirs.act("send_text", text="and back", topic="lk.chat")
    for old in ({"id": "1", "message": "the old way", "timestamp": 1}, {"message": "twice", "ignoreLegacy": True}):
        await theirs.act("publish_data", text=json.dumps(old), topic="lk-chat-topic")
    await theirs.act("describe", attributes={"jackfield.hand": "1700000000"})
    said = {"lk.segment_id": "S1", "lk.transcription_final": "false"}
    await theirs.act("send_text", text="good mor", topic="lk.transcription", attributes=said)
    said["lk.transcription_final"] = "true"
    await theirs.act("send_text", text="Good morning.", topic="lk.transcription", attributes=said)
    await until(lambda: len(session.chat) == 3 and session.captions, "their words")
    # A stream is read to its end first: a message of the old way may overtake it.
    assert sorted(each.text for each in session.chat) == ["<b>hello</b>", "and back", "the old way"]
    assert all(each.participant is person for each in session.chat[1:])
    await until(lambda: session.captions[-1].final, "the last word")
    assert [(each.text, each.participant) for each in session.captions] == [("Good morning.", person)]
    await until(lambda: person.raised_hand_at == 1_700_000_000, "their hand")
    async with asyncio.timeout(LIMIT_S):
        while not (report := await theirs.report())["remote"][ours.look.uid].get("jackfield.hand"):
            await asyncio.sleep(0.05)
        heard = (await theirs.act("heard_streams"))["streams"]
        while not any(each["topic"] == "lk.chat" for each in heard):
            heard = (await theirs.act("heard_streams"))["streams"]
    assert float(report["remote"][ours.look.uid]["jackfield.hand"]) == session.local.raised_hand_at
    (written,) = [each for each in heard if each["topic"] == "lk.chat"]
    assert (written["text"], written["from"]) == ("<b>hello</b>", ours.look.uid)


async def answer(call: RpcInvocationData) -> str:
    if call.payload == "fail":
        raise RpcError(78, "asked for", "more")
    return f"{call.caller_identity}: {call.payload.upper()}"


async def _with_the_official_sdk(server: Server, network: Network, folder: Path) -> None:
    async with company(server, "streams", network) as people:
        ours, theirs = people.ours(LOOKS[0]), people.official(LOOKS[1])
        for person in people.people:
            await person.join(server, "streams")
        await both_ways(ours, theirs, folder)
        await hands_and_words(ours, theirs)


@pytest.mark.own_network
async def test_with_the_official_sdk(jackfield_server: Served, network: Network, tmp_path: Path) -> None:
    """Through our own server."""
    await _with_the_official_sdk(jackfield_server, network, tmp_path)


@pytest.mark.own_network
@pytest.mark.needs("livekit-server")
async def test_with_the_official_sdk_on_livekit(livekit_server: LiveKit, network: Network, tmp_path: Path) -> None:
    """Through a real LiveKit server."""
    await _with_the_official_sdk(livekit_server, network, tmp_path)


@pytest.mark.soak
async def test_fifty_megabytes_fill_no_memory(jackfield_server: Served, tmp_path: Path) -> None:
    """Through our server, which grows by a few MiB at most, while calls are answered all along."""
    async with company(jackfield_server, "big") as people:
        ada, bob = people.ours(LOOKS[0]), people.ours(LOOKS[1])
        for person in people.people:
            await person.join(jackfield_server, "big")
        await settled(ada.session, bob.session)
        path, saved = tmp_path / "big", list[int]()
        path.write_bytes(bytes(50 << 20))

        async def save(reader: Any, person: Any) -> None:
            saved.append(await reader.save(tmp_path / "copy"))

        bob.session.on_byte_stream("files", save)
        before, answered = jackfield_server.resident_kib, 0
        sending = asyncio.create_task(ada.session.send_file(path, topic="files"))
        async with asyncio.timeout(55):
            while not saved:
                await ada.session.rpc(bob.look.uid, "there")
                answered += 1
            await sending
        print(f"server: {before} KiB before, {jackfield_server.resident_kib} after; {answered} calls meanwhile")
        assert saved == [50 << 20]
        assert answered > 10
        assert jackfield_server.resident_kib < before + 20_000


async def test_what_the_guide_shows(people: People, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its two programs, between two participants."""
    parts: dict[str, Any] = {}
    for block in blocks(ROOT / "docs" / "messages.md", "python"):
        exec(compile(block.text, block.title, "exec"), parts)
    ada, bob = await people.join("ada"), await people.join("bob")
    await settled(ada, bob)
    parts["listen"](bob, tmp_path)
    scan = tmp_path / "scan.png"
    scan.write_bytes(bytes(100_000))
    await parts["send"](ada, "bob", scan)
    said = ""
    async with asyncio.timeout(LIMIT_S):
        while "100000 bytes" not in said or "as it comes" not in said:
            await asyncio.sleep(0.02)
            said += capsys.readouterr().out
    for line in ("Ada: a long text, in one go", "Ada: as it comes", "100%", "moved left for ada", "1 cannot move side"):
        assert line in said
    assert len(list(tmp_path.glob("*-*.png"))) == 1
