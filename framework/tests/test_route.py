"""What becomes of a publication's layers when the encoder of one is gone."""

from __future__ import annotations

from typing import Any

import pytest

from jackfield.plugins import Config, load
from jackfield.rtc.layers import Layer
from jackfield.session.route import Route
from jackfield.values.errors import CallError, EncoderError
from jackfield.values.settings import SessionSettings


class Steered:
    """The encoders of all layers, of which each order is kept."""

    def __init__(self) -> None:
        self.orders: list[tuple[str, int]] = []

    def steer(self, rid: str, bitrate_bps: int) -> None:
        self.orders.append((rid, bitrate_bps))


@pytest.fixture
async def route() -> Route:
    made = Route("camera", "video", SessionSettings(), load(Config()), lambda *_: None, lambda: None, lambda: None)
    made.layers = (Layer("q", 0.25, 150_000), Layer("h", 0.5, 500_000), Layer("f", 1.0, 1_700_000))
    return made


async def test_nothing_wakes_a_layer_whose_encoder_is_gone(route: Route) -> None:
    """Neither a budget nor a join anew; the other layers go on, and the largest takes the track with it."""
    path, failed = Steered(), list[CallError]()
    route._path, route.on_failed = path, failed.append  # type: ignore[assignment]
    for rid in "qhf":
        route.steer(rid, 100_000)
    route._failed(EncoderError("the card has fallen off the bus"), "h")
    assert path.orders[3:] == [("h", 0)]
    orders: Any = path.orders
    orders.clear()
    route.steer("h", 400_000)
    route.steer("q", 0)
    route.wake()
    assert [order for order in orders if order[0] == "h" and order[1]] == []
    assert ("q", 150_000) in orders
    assert failed == []
    route._failed(EncoderError("this one too"), "f")
    assert len(failed) == 1
