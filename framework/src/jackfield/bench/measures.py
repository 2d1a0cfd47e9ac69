"""The measurements, each a list of figures beside a peer in the same run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from jackfield.bench import runs
from jackfield.bench.loss.measure import loss
from jackfield.bench.memory.measure import memory
from jackfield.bench.report import Figure, machine, quantile
from jackfield.bench.sfu import sfu

CODECS = ("H264", "VP8")
WIDTH, HEIGHT, FPS = 1280, 720, 30
WARM_S = 2
AIORTC = "stock aiortc, no server"
LOOP = "bare codec loop"
ENCODED = "the same pictures, encoded here"
Say = Callable[[str], None]


def latency(seconds: int, say: Say) -> Iterator[Figure]:
    """Source → decoded picture: ours through the embedded server, stock aiortc with none, and the codec alone."""
    for codec in CODECS:
        ours, peer, loop = _three(codec, seconds, say)
        conditions = f"{codec} {HEIGHT}p{FPS}, loopback, {seconds} s, through the embedded server; {machine()}"
        for share in (50, 95, 99):
            name = f"latency_{HEIGHT}p{FPS}_{codec.lower()}_p{share}"
            mine = quantile(ours["latencies_ms"], share / 100)
            yield Figure(name, "ms", mine, quantile(peer["latencies_ms"], share / 100), conditions, AIORTC)
            floor = quantile(loop["latencies_ms"], share / 100)
            yield Figure(f"{name}_over_codec", "ms", mine, floor, conditions, LOOP)


def cpu(seconds: int, say: Say) -> Iterator[Figure]:
    """CPU of the clients (one sends, one receives; the server apart), in per cent of a core."""
    for codec in CODECS:
        ours, peer, loop = _three(codec, seconds, say)
        conditions = f"{codec} {HEIGHT}p{FPS}, one sent and received, {seconds} s; {machine()}"
        mine, theirs, floor = (100 * run["cpu_s"] / run["wall_s"] for run in (ours, peer, loop))
        name = f"cpu_{HEIGHT}p{FPS}_{codec.lower()}"
        yield Figure(name, "% of a core", mine, theirs, conditions, AIORTC)
        yield Figure(f"{name}_over_codec", "% of a core", mine, floor, conditions, LOOP)


def join(seconds: int, say: Say) -> Iterator[Figure]:
    """Token and join → first remote picture, warm: ours and the official SDK on the same server."""
    count = max(3, seconds)
    say(f"joining {count} times with each SDK")
    figures = runs.official_join(count)
    conditions = f"VP8 360p30 from an official participant, one namespace, warm, {count} joins; {machine()}"
    if isinstance(figures, dict):
        for share in (50, 95):
            ours = quantile(figures["ours_ms"], share / 100)
            peer = quantile(figures["official_ms"], share / 100)
            yield Figure(f"join_first_frame_p{share}", "ms", ours, peer, conditions, "livekit (official Python SDK)")
        return
    say("joining on this machine's own server")
    mine = runs.call("our_call", *_options("VP8", 1), limit_s=60)["first_frame_ms"]
    conditions = f"VP8 {HEIGHT}p{FPS}, loopback, one join; {machine()}"
    yield Figure("join_first_frame", "ms", mine, None, conditions, "livekit (official Python SDK)", note=figures)


def passthrough(seconds: int, say: Say) -> Iterator[Figure]:
    """What is encoded already, sent as it is, beside encoding the same pictures here: the sender's CPU alone, how long
    a picture takes to its first packet, and a keyframe after it was asked for."""
    figures = []
    for how, line in (("as-is", "sent as it is"), ("encoded", "encoded here")):
        say(f"1080p30 H264: {line}")
        figures.append(runs.call("passthrough", how, "--seconds", str(seconds), limit_s=seconds + 90))
    ours, peer = figures
    sent = " and ".join(f"{run['pictures_per_s']:.0f}/s with {run['bitrate_bps'] / 1e6:.1f} Mbit/s" for run in figures)
    load = f"load {ours['load']:.1f} and {peer['load']:.1f}"
    conditions = f"H264 1080p30, one sender, {sent}, {seconds} s, {load}; {machine()}"
    mine, theirs = (100 * run["cpu_s"] / run["wall_s"] for run in figures)
    yield Figure("passthrough_1080p30_cpu", "% of a core", mine, theirs, conditions, ENCODED)
    mine, theirs = (1000 * run["cpu_s"] / max(1.0, run["pictures_per_s"] * run["wall_s"]) for run in figures)
    yield Figure("passthrough_1080p_cpu_per_picture", "ms", mine, theirs, conditions, ENCODED)
    for name, key in (("source_to_packet", "delays_ms"), ("pli_to_idr", "answers_ms")):
        for share in (50, 95):
            mine, theirs = (quantile(run[key], share / 100) if run[key] else None for run in figures)
            note = "" if theirs is not None else "no keyframe was asked of it"
            yield Figure(f"passthrough_1080p30_{name}_p{share}", "ms", mine, theirs, conditions, ENCODED, note=note)


MEASURES: dict[str, Callable[..., Iterator[Figure]]] = {
    "latency": latency,
    "cpu": cpu,
    "join": join,
    "passthrough": passthrough,
    "loss": loss,
    "sfu": sfu,
    "memory": memory,
}
#: Seconds of a run, unless somebody says otherwise: few where there are many, more where something has to grow.
LENGTH_S = 10
LENGTHS = {"sfu": 5, "memory": 30}


def _three(codec: str, seconds: int, say: Say) -> list[dict[str, Any]]:
    say(f"{codec}: our call")
    ours = runs.call("our_call", *_options(codec, seconds), limit_s=seconds + 60)
    say(f"{codec}: stock aiortc")
    peer = runs.peer(*_options(codec, seconds), limit_s=seconds + 60)
    say(f"{codec}: the codec alone")
    return [ours, peer, runs.call("codec_loop", *_options(codec, seconds), limit_s=seconds + 60)]


def _options(codec: str, seconds: int) -> list[str]:
    size = ["--width", str(WIDTH), "--height", str(HEIGHT), "--fps", str(FPS)]
    return ["--codec", codec, *size, "--seconds", str(seconds), "--warm", str(WARM_S)]
