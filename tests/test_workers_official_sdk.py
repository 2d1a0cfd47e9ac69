"""Jackfield participants and the official SDK's, in rooms of a server with two workers."""

from __future__ import annotations

from collections.abc import Iterator

import aiohttp
import pytest

from tests.lab.livekit import own_address
from tests.lab.netns import Network
from tests.lab.served import Served, serve
from tests.peers.people import LOOKS, company, met, turned_off_and_on, until

pytestmark = [pytest.mark.own_network, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def spread() -> Iterator[Served]:
    """`jackfield serve --workers 2`."""
    with serve(own_address(), options=["--workers", "2", "--open-metrics"]) as served:
        yield served


async def test_ours_and_theirs_meet_on_either_worker(spread: Served, network: Network) -> None:
    """Two rooms at once, each on a worker of its own: pictures and tones of the right person, both ways, and mutes."""
    async with company(spread, "one", network) as first, company(spread, "two", network) as second:
        pairs = []
        for people, looks in ((first, LOOKS[:2]), (second, LOOKS[2:4])):
            pair = people.ours(looks[0]), people.official(looks[1])
            await people.enter(*pair)
            pairs.append(pair)
        for pair in pairs:
            await met(*pair)
            await turned_off_and_on(*pair)
        async with aiohttp.ClientSession(spread.http_url) as http, http.get("/metrics") as answer:
            text = await answer.text()
        for worker in (0, 1):
            assert f'jackfield_sfu_worker_participants{{worker="{worker}"}} 2.0' in text


async def test_messages_pass(spread: Served, network: Network) -> None:
    """What one says, the other hears, both ways."""
    async with company(spread, "data", network) as people:
        ours, theirs = people.ours(LOOKS[0]), people.official(LOOKS[1])
        for person in people.people:
            await person.join(spread, "data")
        await ours.send("from ours", topic="chat")
        await theirs.send("from theirs", topic="chat")
        for person, text in ((ours, "from theirs"), (theirs, "from ours")):
            report = await until(person, lambda report: bool(report["data"]))
            assert [each["text"] for each in report["data"]] == [text]
