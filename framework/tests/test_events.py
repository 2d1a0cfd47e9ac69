"""Events, and who hears them."""

from __future__ import annotations

import asyncio
import inspect
import logging
import re
from typing import Any

import pytest

from jackfield.session.call_listener import CallListener
from jackfield.session.listeners import STREAM_LIMIT, Listeners
from jackfield.values import events
from jackfield.values.events import EVENTS


def test_every_event_is_named_after_its_class() -> None:
    """Its name in snake_case, once, with a docstring."""
    for name, kind in EVENTS.items():
        assert name == re.sub(r"(?<=[a-z])([A-Z])", r"_\1", kind.__name__).lower() == kind.name
        assert kind.__doc__
    assert {"session_joined", "participant_audio_muted", "dominant_speaker_changed", "data", "error"} <= set(EVENTS)


def test_the_listener_class_has_a_method_for_every_event() -> None:
    """No event is missing, none is left over, each is annotated with its class."""
    methods = {name: function for name, function in vars(CallListener).items() if not name.startswith("_")}
    assert list(methods) == list(EVENTS)
    for name, function in methods.items():
        annotation = inspect.signature(function).parameters["event"].annotation
        assert annotation == f"e.{EVENTS[name].__name__}"


def test_an_unknown_name_is_refused_with_the_nearest_spelling() -> None:
    """`on` says what was meant; a listener object without any event's method is a mistake too."""
    with pytest.raises(ValueError, match="did you mean 'participant_joined'"):
        Listeners().on("participant_join")
    with pytest.raises(ValueError, match="there are:"):
        Listeners().on("xyz", print)
    with pytest.raises(ValueError, match="CallListener"):
        Listeners().add_listener(object())


def test_callbacks_decorators_and_objects_hear_until_they_let_go() -> None:
    """In order of registration, the parent's first."""
    heard: list[str] = []
    parent = Listeners()
    listeners = Listeners(parent)
    stop = listeners.on("connection_lost", lambda event: heard.append("callback"))

    @listeners.on("connection_lost")
    def decorated(event: events.ConnectionLost) -> None:
        heard.append(f"decorated {event.message}")

    class Listening(CallListener):
        def connection_lost(self, event: events.ConnectionLost) -> None:
            heard.append("object")

    unlisten = listeners.add_listener(Listening())
    parent.on("connection_lost", lambda event: heard.append("parent"))
    listeners.emit(events.ConnectionLost("gone"))
    assert heard == ["parent", "callback", "decorated gone", "object"]
    heard.clear()
    stop()
    stop()
    unlisten()
    listeners.emit(events.ConnectionLost())
    listeners.emit(events.ConnectionRestored())
    assert heard == ["parent", "decorated "]


async def test_a_listener_that_raises_is_logged_and_stops_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """Its name is in the log, whether it is a function or a coroutine; the next one hears all the same."""
    listeners, heard = Listeners(), []

    def breaks(event: Any) -> None:
        raise RuntimeError("broken")

    async def breaks_later(event: Any) -> None:
        await asyncio.sleep(0)
        raise RuntimeError("broken later")

    async def hears(event: Any) -> None:
        heard.append(event.name)

    for callback in (breaks, breaks_later, hears):
        listeners.on("data", callback)
    with caplog.at_level(logging.ERROR):
        listeners.emit(events.Data(b"", None, "", True))
        await asyncio.sleep(0.01)
    assert heard == ["data"]
    assert "breaks failed on data" in caplog.text
    assert "breaks_later failed on data" in caplog.text


async def test_streams_are_bounded_and_end() -> None:
    """Events from when it was made; a reader that lags misses the oldest and is told how many."""
    listeners = Listeners()
    listeners.emit(events.ConnectionLost("before"))
    stream = listeners.events()
    for number in range(STREAM_LIMIT + 10):
        listeners.emit(events.ConnectionLost(str(number)))
    listeners.end()
    seen = [event.message async for event in stream]  # type: ignore[attr-defined]
    assert seen == [str(number) for number in range(10, STREAM_LIMIT + 10)]
    assert stream.missed == 10


async def test_a_stream_that_waits_is_woken() -> None:
    """By an event, and by the end."""
    listeners = Listeners()
    stream = listeners.events()
    first = asyncio.create_task(anext(stream))
    await asyncio.sleep(0)
    listeners.emit(events.ConnectionRestored())
    assert (await asyncio.wait_for(first, 1)).name == "connection_restored"
    rest = asyncio.create_task(_all(stream))
    await asyncio.sleep(0)
    listeners.end()
    assert await asyncio.wait_for(rest, 1) == []


async def _all(stream: Any) -> list[Any]:
    return [event async for event in stream]
