"""Signal messages as both ends read and write them."""

from __future__ import annotations

import pytest
from livekit.protocol import models
from livekit.protocol.rtc import MuteTrackRequest, SignalRequest, SignalResponse

from jackfield.rtc import signalling


@pytest.mark.parametrize("text", [False, True])
def test_a_message_survives_both_sorts_of_frame(text: bool) -> None:
    """Protobuf in binary frames, protojson in text frames."""
    request = SignalRequest(mute=MuteTrackRequest(sid="TR_1", muted=True))
    frame = signalling.encode(request, text=text)
    assert isinstance(frame, str if text else bytes)
    assert signalling.decode(SignalRequest, frame) == request


@pytest.mark.parametrize("frame", [b"\xff\xff\xff", "{", '{"mute": 7}', "[" * 100_000])
def test_what_is_no_message_is_a_value_error(frame: bytes | str) -> None:
    """Whatever a peer sends, one kind of exception comes."""
    with pytest.raises(ValueError):
        signalling.decode(SignalResponse, frame)


def test_unknown_fields_are_left_out() -> None:
    """A newer peer's JSON is read as far as we know it."""
    assert signalling.decode(SignalRequest, '{"ping": 5, "telepathy": {}}').ping == 5


def test_every_source_and_kind_has_one_name() -> None:
    """There and back; unknown numbers are unknown."""
    for name, number in signalling.SOURCES.items():
        assert signalling.source_name(number) == name
    assert signalling.source_name(99) == "unknown"
    assert signalling.kind_name(models.TrackType.VIDEO) == "video"
    assert signalling.kind_name(models.TrackType.DATA) is None


def test_reasons_for_leaving_are_the_tables() -> None:
    """LiveKit's numbers become the words of `session_left`."""
    assert signalling.leave_reason(models.DisconnectReason.DUPLICATE_IDENTITY) == "replaced"
    assert signalling.leave_reason(models.DisconnectReason.PARTICIPANT_REMOVED) == "removed"
    assert signalling.leave_reason(models.DisconnectReason.ROOM_DELETED) == "ended"
    assert signalling.leave_reason(models.DisconnectReason.SERVER_SHUTDOWN) == "server"
    assert signalling.leave_reason(12345) == "server"


@pytest.mark.parametrize(
    ("server", "websocket", "expected"),
    [
        ("http://host:7880", True, "ws://host:7880/rtc?"),
        ("https://host/", True, "wss://host/rtc?"),
        ("wss://host/prefix/", True, "wss://host/prefix/rtc?"),
        ("wss://host", False, "https://host/rtc/validate?"),
        ("ws://host:1", False, "http://host:1/rtc/validate?"),
    ],
)
def test_where_to_join(server: str, websocket: bool, expected: str) -> None:
    """Any of the four schemes, with a path in front; the token is not in the address."""
    url = signalling.join_url(server, {"version": "1"}, websocket=websocket)
    assert url.startswith(expected)
    assert "auto_subscribe=1" in url
    assert "version=1" in url
    assert "token" not in url
