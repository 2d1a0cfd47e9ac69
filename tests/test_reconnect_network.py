"""A participant whose network goes: seen how soon, back how soon, and what both sides saw. The server and the other
participant, of the official SDK, are on another host."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from jackfield import CallSession
from tests.lab.livekit import livekit
from tests.lab.netns import Namespace, Network
from tests.lab.served import serve
from tests.peers.people import LOOKS, Report, company, met

pytestmark = pytest.mark.own_network
LIVEKIT_PORT = 7880
LOST = ("connection_lost", "connection_restored", "connection_closed", "session_left")
#: What the issue promises.
SEEN_S, BACK_S = 3.0, 5.0
#: Of a test's machine, which may be three times slower and is shared.
LATE_S = 6.0


@contextmanager
def no_udp(network: Network) -> Iterator[None]:
    """No datagram passes between the two hosts; TCP does."""
    ends = (network.here, network.elsewhere), (network.elsewhere, network.here)
    for host, other in ends:
        host.run("ip", "rule", "add", "ipproto", "udp", "to", other.address, "blackhole")
    try:
        yield
    finally:
        for host, other in ends:
            host.run("ip", "rule", "del", "ipproto", "udp", "to", other.address, "blackhole")


@contextmanager
def no_cable(network: Network) -> Iterator[None]:
    """Nothing passes."""
    network.elsewhere.run("ip", "link", "set", "cable", "down")
    try:
        yield
    finally:
        network.elsewhere.run("ip", "link", "set", "cable", "up")
        network.elsewhere.run("ip", "route", "replace", "default", "via", network.here.address)


def move(host: Namespace, gateway: Namespace, before: str, after: str) -> None:
    """The host has another address."""
    host.run("ip", "address", "del", f"{before}/24", "dev", "cable")
    host.run("ip", "address", "add", f"{after}/24", "dev", "cable")
    host.run("ip", "route", "replace", "default", "via", gateway.address)


class Log:
    """The connection's events, each with its instant."""

    def __init__(self, session: CallSession) -> None:
        self.events: list[tuple[float, Any]] = []
        for name in LOST:
            session.on(name, lambda event: self.events.append((time.monotonic(), event)))

    def find(self, name: str) -> tuple[float, Any] | None:
        return next((each for each in self.events if each[1].name == name), None)

    async def until(self, name: str, limit_s: float) -> tuple[float, Any]:
        async with asyncio.timeout(limit_s):
            while (found := self.find(name)) is None:
                await asyncio.sleep(0.02)
            return found


def told(report: Report, name: str) -> int:
    return sum(event[0] == name for event in report["events"])


LIVEKIT = pytest.param("livekit", marks=pytest.mark.needs("livekit-server"))


@contextmanager
def serving(kind: str, network: Network) -> Iterator[Any]:
    """A server on the other host."""
    there = network.elsewhere
    with (
        livekit(there.address, host=there, port=LIVEKIT_PORT)
        if kind == "livekit"
        else serve(there.address, there) as it
    ):
        yield it


async def outage(
    server: Any, network: Network, room: str, what: Callable[[Network], AbstractContextManager[None]], seconds: float
) -> None:
    """Two meet; one's network fails for so long; what was seen of it is printed, and both see and hear each other."""
    async with company(server, room, network) as people:
        ada, theirs = people.ours(LOOKS[0]), people.official(LOOKS[1])
        await people.enter(ada, theirs)
        await met(ada, theirs)
        log, began = Log(ada.session), time.monotonic()
        with what(network):
            lost_at, lost = await log.until("connection_lost", SEEN_S + LATE_S)
            await asyncio.sleep(max(0, began + seconds - time.monotonic()))
        ended = time.monotonic()
        restored_at, restored = await log.until("connection_restored", BACK_S + LATE_S)
        await asyncio.gather(ada.forget(), theirs.forget())
        await met(ada, theirs)
        together_s = time.monotonic() - ended
        left = told(await theirs.report(), "participant_disconnected")
        print(
            f"\n{type(server).__name__}, {what.__name__} for {seconds:g} s: seen after {lost_at - began:.1f} s"
            f" ({lost.cause}), restored {restored_at - ended:.1f} s after its end in {restored.attempts} attempts"
            f" ({'joined anew' if restored.rejoined else 'resumed'}), both whole again after {together_s:.1f} s;"
            f" the other was told {left} times that we left"
        )
        assert (restored.rejoined, left) == (False, 0)
        assert told(await ada.report(), "participant_left") == 0


async def test_udp_that_is_blocked(network: Network) -> None:
    """The path is lost and found again, as the same participant; signalling stays."""
    with serving("jackfield", network) as server:
        await outage(server, network, "udp", no_udp, 5.0)


@pytest.mark.soak
@pytest.mark.timeout(90)
@pytest.mark.parametrize("what", [no_udp, no_cable])
@pytest.mark.parametrize("kind", ["jackfield", LIVEKIT])
async def test_ten_seconds_without(kind: str, what: Any, network: Network) -> None:
    """Datagrams are blocked and TCP is not; or the cable is out, and everything is lost."""
    with serving(kind, network) as server:
        await outage(server, network, "ten", what, 10.0)


@pytest.mark.parametrize("kind", [pytest.param("jackfield", marks=pytest.mark.soak), LIVEKIT])
async def test_an_address_that_changes(kind: str, network: Network) -> None:
    """As from one wireless network to another: the sockets of before are worth nothing, and the call goes on."""
    with serving(kind, network) as server:
        await moved(server, network)


async def moved(server: Any, network: Network) -> None:
    """Two meet, one gets another address; what was seen of it is printed."""
    here, there, other = network.here, network.elsewhere, "10.77.0.9"
    async with company(server, "moved", network) as people:
        ada, theirs = people.ours(LOOKS[0]), people.official(LOOKS[1])
        await people.enter(ada, theirs)
        await met(ada, theirs)
        log, began = Log(ada.session), time.monotonic()
        move(here, there, here.address, other)
        try:
            lost_at, lost = await log.until("connection_lost", SEEN_S + LATE_S)
            restored_at, restored = await log.until("connection_restored", BACK_S + LATE_S)
            await asyncio.gather(ada.forget(), theirs.forget())
            await met(ada, theirs)
            whole_s = time.monotonic() - began
        finally:
            move(here, there, other, here.address)
        left = told(await theirs.report(), "participant_disconnected")
        print(
            f"\n{type(server).__name__}, address changed: seen after {lost_at - began:.1f} s ({lost.cause}),"
            f" restored {restored_at - began:.1f} s after it in {restored.attempts} attempts"
            f" ({'joined anew' if restored.rejoined else 'resumed'}), both whole again after {whole_s:.1f} s;"
            f" the other was told {left} times that we left"
        )
        assert (restored.rejoined, left) == (False, 0)
