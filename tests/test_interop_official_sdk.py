"""Jackfield participants and the official SDK's, in one room of `jackfield serve`."""

from __future__ import annotations

import pytest

from tests.lab.netns import Network
from tests.lab.served import Served
from tests.peers.people import LOOKS, company, met

pytestmark = pytest.mark.own_network


@pytest.mark.parametrize("codec", ["VP8", "H264"])
async def test_ours_and_theirs_see_and_hear_each_other(jackfield_server: Served, network: Network, codec: str) -> None:
    """Pictures of the right person in their order, tones of the right pitch, both ways."""
    async with company(jackfield_server, f"two-{codec}", network) as people:
        ours, theirs = people.ours(LOOKS[0]), people.official(LOOKS[1])
        await people.enter(ours, theirs, codec=codec)
        await met(ours, theirs)
        (video,) = [track for track in ours.session.stats()["tracks"] if track["kind"] == "video"]
        assert video["codec"] == codec
        sent = next(each for each in ours.session.stats()["publications"] if each["kind"] == "video")
        assert sent["codec"] == codec
