"""The table of `jackfield join`: a line for each track on any terminal, and events above it."""

from __future__ import annotations

import io
import logging
import os
import pty
import sys
import time
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from jackfield.cli.frame import output
from jackfield.cli.live import watching
from jackfield.cli.live.figures import figures
from jackfield.values.devices import Device
from jackfield.values.errors import DeviceGone
from jackfield.values.events import DeviceLost, Error, ParticipantJoined, ParticipantLeft

SENT: dict[str, Any] = {
    "kind": "video", "name": "", "source": "camera", "codec": "H264", "frameWidth": 1280, "frameHeight": 720,
    "framesPerSecond": 29.7, "bitrate": 1_812_000, "packetsSent": 900, "packetsLost": 100, "jitter": 0.0123,
    "roundTripTime": 0.0546, "encoderImplementation": "h264-x264", "muted": False,
}  # fmt: skip
RECEIVED: dict[str, Any] = {
    "uid": "somebody-with-a-long-name", "kind": "audio", "name": "", "source": "microphone", "codec": "opus",
    "bitrate": 24_000, "packetsReceived": 900, "packetsLost": 0, "jitter": 0.002, "roundTripTime": 0.06, "muted": True,
}  # fmt: skip
CALL: Any = SimpleNamespace(
    session_id="stand-up",
    stats=lambda: {
        "connection": {"state": "connected"},
        "participants": 2,
        "publications": [SENT],
        "tracks": [RECEIVED],
    },
)


def drawn(width: int) -> list[str]:
    file = io.StringIO()
    Console(file=file, width=width).print(watching.table(CALL, width=width))
    return file.getvalue().splitlines()


@pytest.mark.parametrize("width", [80, 200])
def test_a_track_has_one_line(width: int) -> None:
    """Every figure is whole at 80 columns; what is left out there is the encoder's name."""
    lines = drawn(width)
    sent = next(line for line in lines if line.startswith(" you"))
    assert sent.split()[:8] == ["you", "camera", "H264", "1280x720", "30", "1812", "10.0", "%"]
    assert "12.3 ms" in sent
    assert "54.6 ms" in sent
    assert ("h264-x264" in sent) == (width == 200)
    theirs = next(line for line in lines if line.startswith(" somebody"))
    assert "off" in theirs.split()
    assert "60.0 ms" not in theirs, "their round trip is not ours to know"
    assert len([line for line in lines if line.strip()]) == 5


def test_the_last_lines_have_units() -> None:
    """What remains on the screen can be read without the table's head."""
    sent, received = watching.summary(CALL.stats())
    assert sent == (
        "sent camera H264 1280x720, 30 fps, 1812 kbit/s, 10.0 % lost, jitter 12.3 ms, rtt 54.6 ms, h264-x264"
    )
    assert received == "from somebody-with-a-long-name: microphone opus, off"


def test_what_a_camera_encodes_is_called_passthrough() -> None:
    """It has a size like any other, and somebody to thank for it; sound that nobody encodes says nothing."""
    sent = {**SENT, "encoderImplementation": ""}
    sound = {**RECEIVED, "encoderImplementation": "", "packetsSent": 1}
    said = watching.summary({"publications": [sent, sound], "tracks": []})
    assert said[0].startswith("sent camera H264 1280x720, 30 fps")
    assert said[0].endswith(", passthrough")
    assert "passthrough" not in said[1]


def test_people_are_shown_by_name() -> None:
    """A name that two have comes with the uid; who has none is shown by uid."""
    people = [("u1", "Ada"), ("u2", "Bob"), ("u3", "Bob"), ("u4", "u4")]
    tracks = [{**RECEIVED, "uid": uid, "participant": name} for uid, name in people]
    said = watching.summary({"publications": [], "tracks": tracks})
    whose = [line.partition(":")[0].removeprefix("from ") for line in said]
    assert whose == ["Ada", "Bob (u2)", "Bob (u3)", "u4"]


def test_events_come_after_what_the_command_says_first(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever is there already is named below the line that says that we are in."""
    lines = watching.EventLines(False)
    handlers: dict[str, Any] = {}
    calls: Any = SimpleNamespace(on=handlers.__setitem__)
    lines.hear(calls)
    person: Any = SimpleNamespace(uid="bob")
    handlers["participant_joined"](ParticipantJoined(person))
    print("in 'stand-up'")
    lines.begin()
    handlers["participant_left"](ParticipantLeft(person))
    assert capsys.readouterr().out.splitlines() == ["in 'stand-up'", "participant joined: bob", "participant left: bob"]


def everything(terminal: int) -> str:
    """What was written to a terminal; it hands on a part at a time."""
    os.set_blocking(terminal, False)
    pieces: list[bytes] = []
    quiet = 0
    while quiet < 5:
        try:
            pieces.append(os.read(terminal, 65536))
            quiet = 0
        except BlockingIOError:
            quiet += 1
            time.sleep(0.02)
    return b"".join(pieces).decode()


@pytest.mark.parametrize("as_json", [False, True])
def test_a_lost_device_is_one_line_for_people(as_json: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """Its error is told with it; programs get both events, and another error is told in any case."""
    lines = watching.EventLines(as_json)
    lines.begin()
    lost = DeviceGone("Front was unplugged")
    for event in (DeviceLost(Device("cam:front", "camera", "Front"), lost), Error(lost, "camera")):
        lines._take(event)
    lines._take(Error(DeviceGone("Front was unplugged"), "camera"))
    said = capsys.readouterr().out.splitlines()
    assert len([line for line in said if "device" in line and "lost" in line]) == 1
    assert len([line for line in said if "unplugged" in line]) == (3 if as_json else 2)


def test_what_is_said_goes_above_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """Events and log lines never tear the table: they are written from the start of a line, and it is drawn again."""
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr(output.sys, "stdout", terminal)
        monkeypatch.setattr(output.sys, "stderr", terminal)
        monkeypatch.setenv("TERM", "xterm")
        with watching._screen(False, False) as show:
            show(CALL)
            watching.say("participant joined: [bob]")
            watching._Stderr().emit(logging.LogRecord("x", logging.WARNING, "", 0, "a camera [froze]", (), None))
            show(CALL)
        terminal.flush()
        written = everything(ours)
        assert sys.stdout is terminal
    os.close(ours)
    for said in ("participant joined: [bob]", "a camera [froze]"):
        before, found, after = written.partition(said)
        assert found
        assert before.endswith("\x1b[2K"), "the line was cleared first"
        assert "stand-up" in after, "the table was drawn again below it"
    assert watching._drawn_on == []


def test_all_that_is_counted_is_shown() -> None:
    """The path, what limits us, repairs, freezes and delays, each on one line; of what is not known yet, nothing."""
    pair = {
        "local": {"address": "10.0.0.1", "port": 4000, "candidateType": "host", "protocol": "udp"},
        "remote": {"address": "10.0.0.2", "port": 5000, "candidateType": "host", "protocol": "udp"},
        "currentRoundTripTime": 0.0123,
        "availableOutgoingBitrate": 1_234_000,
    }
    sent = SENT | {"framesEncoded": 10, "totalEncodeTime": 0.05, "qualityLimitationReason": "bandwidth"}
    sent |= {"targetBitrate": 900_000, "fractionLost": 0.05, "nackCount": 7, "pliCount": 2}
    seen = RECEIVED | {
        "kind": "video",
        "participant": "Ada",
        "freezeCount": 3,
        "totalFreezesDuration": 1.25,
        "nackCount": 9,
    }
    seen |= {"jitterBufferDelay": 0.5, "jitterBufferEmittedCount": 10, "packetsLost": 100, "muted": False}
    connection = {"state": "connected"}
    connection |= {"publisher": {"state": "connected", "selectedCandidatePair": pair}, "subscriber": {"state": "new"}}
    found = {"participants": 2, "connection": connection, "publications": [sent], "tracks": [seen, RECEIVED]}
    ada = SimpleNamespace(network_quality="poor")
    call: Any = SimpleNamespace(
        session_id="stand-up",
        stats=lambda: found,
        local=SimpleNamespace(network_quality="good"),
        participants={"ada": ada},
    )
    file = io.StringIO()
    Console(file=file, width=120).print(figures(call, width=120))
    lines = [line.strip() for line in file.getvalue().splitlines() if line.strip()]
    assert lines[0] == "stand-up · 2 in it · our network: good"
    assert lines[1] == (
        "out: connected · 10.0.0.1:4000 (host) – 10.0.0.2:5000 (host) · rtt 12.3 ms · room for 1234 kbit/s"
    )
    assert lines[2] == "in: new"
    connection["state"] = "reconnecting"
    Console(file=file, width=120).print(figures(call, width=120))
    assert "stand-up · 2 in it · reconnecting · our network: good" in file.getvalue()
    ours = next(line for line in lines if line.startswith("camera"))
    assert ours.split()[-7:] == ["54.6", "ms", "7", "2", "5.0", "ms", "bandwidth"]
    assert "5.0 %" in ours
    theirs = next(line for line in lines if line.startswith("Ada"))
    assert theirs.endswith("3 (1.2 s)")
    assert "10.0 %" in theirs
    assert "50.0 ms" in theirs
    assert lines[-1] == "their network · ada: poor"
