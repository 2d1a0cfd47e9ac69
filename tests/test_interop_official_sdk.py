"""Jackfield participants and the official SDK's, in one room of `jackfield serve`."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from pathlib import Path

import pytest

from tests.lab.netns import Network
from tests.lab.served import Served
from tests.peers.pattern import is_whole
from tests.peers.people import LOOKS, Company, Ours, Person, company, met, turned_off_and_on, until

pytestmark = pytest.mark.own_network

#: What a process that encodes or decodes has mapped.
CODECS = ("avcodec", "avformat", "swscale", "vpx", "x264", "openh264", "opus", "aom", "dav1d", "livekit")


@pytest.mark.parametrize("codec", ["VP8", "H264", "VP9", "AV1"])
async def test_ours_and_theirs_see_and_hear_each_other(jackfield_server: Served, network: Network, codec: str) -> None:
    """Pictures of the right person in their order, tones of the right pitch, both ways."""
    async with company(jackfield_server, f"two-{codec}", network) as people:
        ours, theirs = people.ours(LOOKS[0]), people.official(LOOKS[1])
        await people.enter(ours, theirs, codec=codec)
        await met(ours, theirs)
        (video,) = [track for track in ours.session.stats()["tracks"] if track["kind"] == "video"]
        sent = next(each for each in ours.session.stats()["publications"] if each["kind"] == "video")
        assert video["codec"] == sent["codec"] == codec


async def test_messages_go_both_ways(jackfield_server: Served, network: Network) -> None:
    """Reliable and lossy, with their topics, to all or to one, each from whom it is."""
    async with company(jackfield_server, "data", network) as people:
        ours, theirs, other = people.ours(LOOKS[0]), people.official(LOOKS[1]), people.official(LOOKS[2])
        for person in people.people:
            await person.join(jackfield_server, "data")
        await ours.send("from ours", topic="chat")
        await ours.send("from ours, lossy", reliable=False, topic="pose")
        await theirs.send("from theirs", topic="chat")
        await theirs.send("from theirs, lossy", reliable=False, topic="pose")
        await theirs.send("to ours alone", to=[ours.look.uid])
        await ours.send("to theirs alone", to=[theirs.look.uid])
        await heard(ours, ("from theirs", "p1", "chat", 1), ("from theirs, lossy", "p1", "pose", 0),
                    ("to ours alone", "p1", "", 1))  # fmt: skip
        await heard(theirs, ("from ours", "p0", "chat", 1), ("from ours, lossy", "p0", "pose", 0),
                    ("to theirs alone", "p0", "", 1))  # fmt: skip
        await heard(other, ("from ours", "p0", "chat", 1), ("from ours, lossy", "p0", "pose", 0),
                    ("from theirs", "p1", "chat", 1), ("from theirs, lossy", "p1", "pose", 0))  # fmt: skip


async def heard(person: Person, *wanted: tuple[str, str, str, int]) -> None:
    """These messages came, and no others."""
    report = await until(person, lambda report: len(report["data"]) >= len(wanted))
    assert {(each["text"], each["from"], each["topic"], each["kind"]) for each in report["data"]} == set(wanted)


async def test_what_one_turns_off_is_off_for_the_other(jackfield_server: Served, network: Network) -> None:
    """Both are told, nothing comes meanwhile, and afterwards it goes on: whoever it is that mutes."""
    async with company(jackfield_server, "mute", network) as people:
        ours, theirs = people.ours(LOOKS[0]), people.official(LOOKS[1])
        await people.enter(ours, theirs)
        await met(ours, theirs)
        await turned_off_and_on(ours, theirs)


@pytest.mark.parametrize("codec", ["VP8", "H264"])
async def test_three_at_once(jackfield_server: Served, network: Network, codec: str) -> None:
    """Two of ours and one of theirs: every pair."""
    async with company(jackfield_server, f"three-{codec}", network) as people:
        everyone = people.ours(LOOKS[0]), people.ours(LOOKS[1]), people.official(LOOKS[2])
        await people.enter(*everyone, codec=codec)
        await met(*everyone)


async def test_six_at_once_over_one_socket_and_no_codec(jackfield_server: Served, network: Network) -> None:
    """Thirty pairs at ten pictures a second; the server holds one UDP socket for its one address, and no codec."""
    async with company(jackfield_server, "six", network) as people:
        ours = [people.ours(look) for look in LOOKS[:3]]
        theirs = [people.official(look) for look in LOOKS[3:]]
        await people.enter(*ours, *theirs, fps=10)
        await met(*ours, *theirs, limit_s=30)
        print(f"UDP sockets of the server: {jackfield_server.udp_sockets()}, threads: {jackfield_server.threads}")
        address = "".join(f"{part:02X}" for part in reversed([10, 77, 0, 1]))
        assert jackfield_server.udp_sockets() == [f"{address}:{jackfield_server.udp_port:04X}"]
        libraries = jackfield_server.libraries()
        assert any("libcrypto" in name or "_rust" in name for name in libraries), (
            "the process that encrypts was looked at"
        )
        assert [name for name in libraries if any(codec in name for codec in CODECS)] == []


def _open_things() -> tuple[int, int, int]:
    """Tasks, threads and descriptors of this process."""
    gc.collect()
    return len(asyncio.all_tasks()), threading.active_count(), len(os.listdir("/proc/self/fd"))


def _resident_kib() -> int:
    return int(Path("/proc/self/status").read_text().partition("VmRSS:")[2].split()[0])


async def _one_turn(people: Company, stays: Ours, guest: Person) -> None:
    """A guest comes, sends, is seen and heard, sees and hears, and leaves."""
    await people.enter(guest, fps=10)
    seen = stays.look
    await until(guest, lambda report: is_whole(report["seen"].get(seen.uid, NOTHING), seen.luma, seen.hz, **SHORT))
    look = guest.look
    await until(stays, lambda report: is_whole(report["seen"].get(look.uid, NOTHING), look.luma, look.hz, **SHORT))
    await people.leave(guest)
    await until(stays, lambda report: any(each[:2] == ["participant_left", look.uid] for each in report["events"]))
    stays.seen.clear()
    stays.events.clear()


NOTHING = {"lumas": {}, "steps": {}, "loud_blocks": 0, "hz": 0.0}
SHORT = {"frames": 4, "blocks": 30}


@pytest.mark.parametrize(
    ("turns", "settled"),
    [
        pytest.param(8, 3, id="eight"),
        pytest.param(50, 9, id="fifty", marks=[pytest.mark.soak, pytest.mark.timeout(400)]),
    ],
)
async def test_joining_and_leaving_leaves_nothing_behind(
    jackfield_server: Served, network: Network, turns: int, settled: int
) -> None:
    """Ours and theirs come and go in turn: no silent track, and tasks, threads, descriptors and memory stay."""
    async with company(jackfield_server, f"turns-{turns}", network) as people:
        stays = people.ours(LOOKS[0])
        await people.enter(stays, fps=10)
        counted: list[tuple[int, ...]] = []
        for turn in range(turns):
            await _one_turn(people, stays, people.ours(LOOKS[1]) if turn % 2 else people.official(LOOKS[2]))
            server = jackfield_server
            mine = (*_open_things(), _resident_kib())
            counted.append((*mine, server.descriptors, server.threads, server.resident_kib))
        early, late = counted[settled], counted[-1]
        print(f"after {settled + 1} and after {turns}:", dict(zip(WHAT, zip(early, late, strict=True), strict=True)))
        for what, before, after, allowed in zip(WHAT, early, late, ALLOWED, strict=True):
            assert after <= before + allowed, f"{what}: {before} after {settled + 1}, {after} after {turns}: {counted}"


WHAT = ("tasks", "threads", "descriptors", "KiB here", "server's descriptors", "server's threads", "server's KiB")
ALLOWED = (1, 2, 4, 24_000, 2, 1, 6_000)
