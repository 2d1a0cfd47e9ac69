"""Text streams, files and remote calls with livekit-client in Chromium, both ways, through our server."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from jackfield import RpcError
from tests.lab.browser import Launch
from tests.lab.client_page import client_page, digest, enter
from tests.lab.meeting import LIMIT_S, until
from tests.lab.netns import Network
from tests.lab.served import Served
from tests.peers.people import LOOKS, company
from tests.test_streams_in_a_call import TEXT, answer

pytestmark = [pytest.mark.own_network, pytest.mark.needs("chromium"), pytest.mark.timeout(120)]


async def test_streams_and_calls_with_a_browser(
    jackfield_server: Served, network: Network, launch_chromium: Launch, tmp_path: Path
) -> None:
    """What ours sends arrives there, and the other way round, with names, attributes and errors."""
    server = jackfield_server
    async with company(server, "streams") as people, client_page(network, launch_chromium, server.url) as [page]:
        ours = people.ours(LOOKS[0])
        await ours.join(server, "streams")
        await enter(page, server, "streams")
        await page.evaluate("handle('t')")
        session, uid, got = ours.session, ours.look.uid, list[Any]()

        async def text(reader: Any, person: Any) -> None:
            got.append((person.uid, reader.info.attributes, await reader.read_all()))

        async def data(reader: Any, person: Any) -> None:
            got.append((person.uid, reader.info.name, reader.info.mime_type, await reader.read_all()))

        session.on_text_stream("t", text)
        session.on_byte_stream("t", data)
        session.rpc_method("t", answer)
        assert await session.rpc("page", "t", "abc") == f"{uid}: cba"
        path = tmp_path / "plan.pdf"
        path.write_bytes(bytes(range(253)) * 3000)
        await session.send_text(TEXT, topic="t", attributes={"a": "b"})
        await session.send_file(path, topic="t")
        await page.evaluate("([text, to]) => sendText(text, 't', to)", [TEXT, [uid]])
        await page.evaluate("sendFile(759000, 'cat.png', 't')")
        await until(lambda: len(got) == 2, "what the page sent")
        assert ("page", {"c": "d"}, TEXT) in got
        assert ("page", "cat.png", "image/png", path.read_bytes()) in got
        async with asyncio.timeout(LIMIT_S):
            while len(seen := await page.evaluate("seen.streams")) < 2:
                await asyncio.sleep(0.05)
        wanted = {"from": uid, "name": "plan.pdf", "size": 759_000, "total": 759_000}
        assert {"from": uid, "text": TEXT, "attributes": {"a": "b"}} in seen
        assert {**wanted, "sum": digest(path.read_bytes())} in seen
        with pytest.raises(RpcError) as caught:
            await session.rpc("page", "t", "fail")
        assert (caught.value.rpc_code, caught.value.message, caught.value.data) == (77, "as asked", "with data")
        called = "([to, method, payload]) => call(to, method, payload)"
        assert await page.evaluate(called, [uid, "t", "xyz"]) == {"answer": "page: XYZ"}
        failed = await page.evaluate(called, [uid, "t", "fail"])
        assert failed == {"code": 78, "message": "asked for", "data": "more"}
        assert (await page.evaluate(called, [uid, "none", ""]))["code"] == 1400
