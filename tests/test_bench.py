"""The benchmarks run and say what they should. No figure is held to a limit here: other work shares the machine. Those
that keep a core busy for half a minute run with `make soak`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import jackfield.bench.sfu as sfu_bench
from jackfield.bench.loss.measure import AIORTC, OFFICIAL, one
from jackfield.bench.loss.outcome import made
from jackfield.bench.loss.traces import Span
from jackfield.bench.sfu import Shape, load
from tests.lab.machine import PEERS

pytestmark = pytest.mark.timeout(180)
KEYS = {"name", "unit", "ours", "peer", "ratio", "peer_name", "better", "conditions", "note"}


def bench(state: Path, *what: str, limit_s: float = 170) -> list[dict[str, Any]]:
    """What the command prints as JSON."""
    command = [sys.executable, "-m", "jackfield", "bench", *what, "--seconds", "1", "--json"]
    environment = {**os.environ, "JACKFIELD_STATE_DIR": str(state)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=limit_s)
    assert done.returncode == 0, done.stdout + done.stderr
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    assert all(set(row) == KEYS for row in rows)
    return rows


@pytest.mark.soak
def test_latency_stands_beside_stock_aiortc_and_the_bare_codec(tmp_path: Path) -> None:
    """Three quantiles of each codec, each beside both, all measured."""
    rows = bench(tmp_path, "latency")
    names = [row["name"] for row in rows]
    for codec in ("h264", "vp8"):
        for share in (50, 95, 99):
            assert f"latency_720p30_{codec}_p{share}" in names
            assert f"latency_720p30_{codec}_p{share}_over_codec" in names
    assert all(row["ours"] > 0 and row["peer"] > 0 and row["ratio"] for row in rows)


@pytest.mark.needs("netns")
def test_joining_stands_beside_the_official_sdk(tmp_path: Path) -> None:
    """Both SDKs joined one server, and saw a picture."""
    rows = bench(tmp_path, "join")
    assert [row["name"] for row in rows] == ["join_first_frame_p50", "join_first_frame_p95"]
    assert all(row["note"] == "" and row["ours"] > 0 and row["peer"] > 0 for row in rows)


@pytest.mark.soak
def test_passthrough_stands_beside_encoding(tmp_path: Path) -> None:
    """The sender's CPU, a picture's way to its first packet, and a keyframe's after it was asked for; all measured."""
    rows = {row["name"].split("_", 2)[2]: row for row in bench(tmp_path, "passthrough")}
    names = [
        "cpu",
        "cpu_per_picture",
        "source_to_packet_p50",
        "source_to_packet_p95",
        "pli_to_idr_p50",
        "pli_to_idr_p95",
    ]
    assert list(rows) == names
    assert all(row["ours"] is not None and row["ours"] > 0 for row in rows.values())
    assert all(rows[name]["peer"] > 0 for name in ("cpu", "source_to_packet_p50"))
    assert "load" in rows["cpu"]["conditions"]


@pytest.mark.needs("tun")
def test_a_call_goes_over_a_shaped_path() -> None:
    """Half a second of nothing between viewer and server: what is sent meanwhile comes after it, if at all."""
    cut = Span.around(0.5)
    outcome = made(one("ours", "outage", 0.5, "down"), cut)
    assert outcome.delays[0][0] < cut.begins
    assert outcome.delays[-1][0] > cut.ends
    sent_meanwhile = [at for at, ms in outcome.delays if cut.begins + 0.1 < at - ms / 1000 < cut.ends - 0.1]
    assert all(at >= cut.ends for at in sent_meanwhile)
    assert outcome.lost > 0
    assert all(delay >= 20 for _, delay in outcome.delays), "the path takes 20 ms"
    assert max(rate for _, rate in outcome.bitrate) > 0


@pytest.mark.soak
@pytest.mark.needs("tun")
@pytest.mark.timeout(300)
def test_a_bad_path_is_measured_for_all_three(tmp_path: Path) -> None:
    """Each figure stands beside stock aiortc's and the official SDK's, with a picture and a table."""
    rows = bench(tmp_path, "loss", "--trace", "loss-5", "--plots", str(tmp_path / "plots"))
    assert len(rows) == 14
    assert {row["peer_name"] for row in rows} == {AIORTC, OFFICIAL}
    assert all(row["ours"] > 0 and row["peer"] > 0 for row in rows if row["name"] == "loss_loss-5_delay_p50")
    assert (tmp_path / "plots" / "loss-5.svg").read_text().startswith("<svg")
    assert len((tmp_path / "plots" / "loss-down.md").read_text().splitlines()) == 5


@pytest.mark.needs("livekit-server")
def test_the_server_under_load_stands_beside_livekit(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same small load on both: all that was sent came, and each server's CPU, delay and memory were measured."""
    monkeypatch.setenv("PATH", f"{PEERS}{os.pathsep}{os.environ['PATH']}")
    for server in ("jackfield", "livekit"):
        run = load(server, Shape(1, 3, 1), seconds=1)
        assert run["delivered"] > 0.5
        assert all(run[key] > 0 for key in ("packets_per_cpu_s", "delay_p50_ms", "delay_p99_ms"))
        assert run["delay_p50_ms"] <= run["delay_p99_ms"] < 60_000


@pytest.mark.soak
@pytest.mark.needs("janus")
def test_the_server_under_load_stands_beside_janus() -> None:
    """Janus's rooms are joined, published in and subscribed to, before somebody publishes and after."""
    run = load("janus", Shape(2, 3, 2), seconds=1)
    assert run["delivered"] > 0.5
    assert all(run[key] > 0 for key in ("packets_per_cpu_s", "delay_p50_ms", "memory_empty", "memory_per_participant"))
    assert run["delay_p50_ms"] <= run["delay_p99_ms"] < 60_000


@pytest.mark.soak
@pytest.mark.needs("netns")
@pytest.mark.timeout(600)
def test_memory_stands_beside_every_peer(tmp_path: Path) -> None:
    """A client's and a server's, what it is and how it grows."""
    rows = bench(tmp_path, "memory", limit_s=550)
    client = [(name, peer) for peer in (AIORTC, OFFICIAL) for name in ("client_720p", "client_720p_growth")]
    server = [
        (f"server_{name}", peer)
        for peer in ("livekit-server", "janus")
        for name in ("empty", "per_participant", "growth")
    ]
    assert [(row["name"].removeprefix("memory_"), row["peer_name"]) for row in rows] == client + server
    assert all(row["ours"] > 0 for row in rows if not row["name"].endswith("growth"))
    there = [row for row in rows if not row["note"] and row["name"] in ("memory_client_720p", "memory_server_empty")]
    assert len(there) >= 2
    assert all(row["peer"] > 0 for row in there)


def test_a_server_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without livekit-server and Janus their columns are empty, with the reason."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sfu_bench, "_PAIRS", 1)
    figures = list(sfu_bench.sfu(1, lambda line: None, rooms=(2,)))
    columns = ["forwarded_per_cpu_second", "delay_p50", "delay_p99", "memory_per_participant"]
    assert [figure.name.removeprefix("sfu_fan_out_1_") for figure in figures] == columns * 2
    assert [figure.peer_name for figure in figures] == ["livekit-server"] * 4 + ["janus"] * 4
    assert all(figure.peer is None and "not on the path" in figure.note for figure in figures)
    assert figures[0].ours is not None
    assert figures[0].ours > 0
