"""`jackfield join`, `record` and `demo` as people and scripts run them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jackfield.cli import main
from jackfield.cli.record import _folder

SMALL = ("--video", "320x180@15", "--speaker", "none")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state directory and a working directory of the test's own; its local server ends soon after."""
    for name in [name for name in os.environ if name.startswith("JACKFIELD_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("JACKFIELD_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("JACKFIELD_LOCAL_IDLE_S", "0.5")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def served(folder: Path) -> Iterator[dict[str, Any]]:
    """`jackfield serve`, and what it says of itself."""
    command = [
        sys.executable,
        "-m",
        "jackfield",
        "serve",
        "--port",
        "0",
        "--udp-port",
        "0",
        "--json",
        "--drain-seconds",
        "0",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout
        yield json.loads(process.stdout.readline())
        process.terminate()


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_join_starts_this_machines_server_and_says_so(capfd: pytest.CaptureFixture[str]) -> None:
    """No server named, none running: joined all the same, statistics each second, left by itself, exit code 0."""
    assert main(["join", "stand-up", *SMALL, "--seconds", "1.5", "--json", "--explain"]) == 0
    out, err = capfd.readouterr()
    joined, *rest = lines(out)
    assert (joined["event"], joined["session_id"]) == ("session_joined", "stand-up")
    assert any("camera" in choice for choice in joined["explain"])
    stats = [line["stats"] for line in rest if "stats" in line]
    assert {track["kind"] for track in stats[-1]["publications"]} == {"audio", "video"}
    assert rest[-1] == {"event": "session_left", "reason": "left"}
    assert "this machine's own server at http://127.0.0.1" in err
    assert "jackfield serve --lan" in err


def test_a_link_is_enough_to_join_and_to_record(
    served: dict[str, Any], folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """With the invite in it; what another process sends is in the recording, or is said to be unreadable."""
    link, key = served["links"][0], ["--set", "e2ee_key=hush"]
    sender = subprocess.Popen(
        [sys.executable, "-m", "jackfield", "join", link, *SMALL, *key, "--json"], stdout=subprocess.PIPE
    )
    assert sender.stdout
    sender.stdout.readline()
    assert main(["record", link, *key, "--to", "kept", "--seconds", "2"]) == 0
    assert "recorded 2 tracks in 1 file to kept" in capfd.readouterr().out
    assert main(["record", link, "--to", "sealed", "--seconds", "2"]) == 1
    said = capfd.readouterr()
    assert "recorded nothing to sealed" in said.out
    assert said.err.count("encrypted end to end") == 2
    sender.terminate()
    last = lines(sender.communicate(timeout=20)[0].decode())[-1]
    assert (sender.returncode, last["event"]) == (0, "session_left")
    (file,) = (folder / "kept").iterdir()
    assert file.stat().st_size > 1000


def test_the_demo_ends_by_itself_and_shows_what_arrived(capfd: pytest.CaptureFixture[str]) -> None:
    """A second process read the counters and heard the tone."""
    assert main(["demo", "--seconds", "2", "--port", "0", *SMALL, "--json"]) == 0
    server, *rest = lines(capfd.readouterr().out)
    assert server["server"]["links"]
    result = next(line for line in rest if "received" in line)
    assert result["ok"] is True
    assert result["received"]["video"]["recognised"] > 10
    assert (result["received"]["video"]["width"], result["received"]["video"]["height"]) == (320, 180)
    assert result["received"]["audio"]["ok"] is True


def test_mistakes_have_their_exit_codes(served: dict[str, Any], capfd: pytest.CaptureFixture[str]) -> None:
    """Usage, settings, network and device, each in a line on stderr."""
    url = served["url"]
    assert main(["join", "x", "--video", "big"]) == 2
    assert main(["join", served["links"][0], "--set", "layuot=TILE"]) == 3
    assert "layout" in capfd.readouterr().err
    assert main(["join", "x", "--server", "http://127.0.0.1:9", "--token", "garbage"]) == 4
    assert main(["join", "x", "--server", url, "--token", "garbage"]) == 4
    assert main(["join", " ", "--server", url, "--token", "x"]) in (3, 4)
    assert main(["join", served["links"][0], "--camera", "nobody's"]) == 5
    assert "nobody's" in capfd.readouterr().err


@pytest.mark.parametrize("session", ["..", ".", "a/../../b", "会" * 256, "x" * 256])
def test_a_recording_stays_here_whatever_the_session_is_called(session: str) -> None:
    """The folder is one name, below where the command runs, that file systems take."""
    folder = Path(_folder(session))
    assert folder.name == str(folder)
    assert folder.name not in ("", ".", "..")
    assert len(folder.name.encode()) <= 120
