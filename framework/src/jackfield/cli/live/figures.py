"""All that is counted of a call, for ``jackfield join --stats``: the paths, what we send, and what comes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from jackfield.cli.live.watching import whose

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from jackfield.session.call import CallSession

SENT = ("track", "codec", "size", "fps", "kbit/s", "of", "lost", "jitter", "rtt", "nack", "pli", "encode", "limited by")
CAME = ("who", "codec", "size", "fps", "kbit/s", "lost", "jitter", "nack", "pli", "buffer", "decode", "freezes")


def figures(call: CallSession, *, width: int) -> RenderableType:
    """The paths, a table of what we send and one of what comes; on a terminal of ``width`` columns."""
    from rich.console import Group
    from rich.text import Text

    found: Mapping[str, Any] = call.stats()
    connection = found["connection"]
    away = "reconnecting · " if connection["state"] == "reconnecting" else ""
    lines = [f"{call.session_id} · {found['participants']} in it · {away}our network: {call.local.network_quality}"]
    lines += [_path(name, connection[name]) for name in ("publisher", "subscriber")]
    parts: list[RenderableType] = [Text(line, overflow="ellipsis", no_wrap=True) for line in lines]
    if found["publications"]:
        parts.append(_table("sent", SENT, [sent(each) for each in found["publications"]], width))
    if found["tracks"]:
        qualities = {uid: person.network_quality for uid, person in call.participants.items()}
        rows = [came(whose(each, found["tracks"]), each) for each in found["tracks"]]
        parts.append(_table("came", CAME, rows, width))
        poor = [f"{uid}: {quality}" for uid, quality in qualities.items() if quality not in ("excellent", "unknown")]
        if poor:
            parts.append(Text("their network · " + ", ".join(poor)))
    return Group(*parts)


def _path(name: str, stats: Mapping[str, Any]) -> str:
    pair = stats.get("selectedCandidatePair")
    what = "out" if name == "publisher" else "in"
    if pair is None:
        return f"{what}: {stats['state']}"
    local, remote = (
        f"{end['address']}:{end['port']} ({end['candidateType']})" for end in (pair["local"], pair["remote"])
    )
    trip, room = pair.get("currentRoundTripTime"), pair.get("availableOutgoingBitrate")
    parts = [f"{what}: {stats['state']}", f"{local} – {remote}"]
    parts += [f"rtt {1000 * trip:.1f} ms"] if trip is not None else []
    parts += [f"room for {room / 1000:.0f} kbit/s"] if room else []
    return " · ".join(parts)


def sent(track: Mapping[str, Any]) -> list[str]:
    """One of our tracks."""
    target, is_video = track.get("targetBitrate"), track["kind"] == "video"
    frames = track.get("framesEncoded", 0)
    trip = track.get("roundTripTime")
    return [
        track["name"] or track["source"],
        track["codec"],
        _size(track),
        f"{track.get('framesPerSecond', 0):.0f}" if is_video else "",
        "off" if track.get("muted") else f"{track.get('bitrate', 0) / 1000:.0f}",
        f"{target / 1000:.0f}" if target else "",
        f"{100 * track.get('fractionLost', 0):.1f} %",
        f"{1000 * track.get('jitter', 0):.1f} ms",
        "" if trip is None else f"{1000 * trip:.1f} ms",
        str(track.get("nackCount", 0)),
        str(track.get("pliCount", 0)) if is_video else "",
        f"{1000 * track.get('totalEncodeTime', 0) / frames:.1f} ms" if frames else "",
        track.get("qualityLimitationReason", ""),
    ]


def came(who: str, track: Mapping[str, Any]) -> list[str]:
    """One track of somebody else's."""
    is_video = track["kind"] == "video"
    received, lost = track.get("packetsReceived", 0), max(0, track.get("packetsLost", 0))
    emitted, decoded = track.get("jitterBufferEmittedCount", 0), track.get("framesDecoded", 0)
    frozen = f"{track.get('freezeCount', 0)} ({track.get('totalFreezesDuration', 0):.1f} s)"
    return [
        f"{who} {track['name'] or track['source']}",
        track["codec"],
        _size(track),
        f"{track.get('framesPerSecond', 0):.0f}" if is_video else "",
        "off" if track.get("muted") else f"{track.get('bitrate', 0) / 1000:.0f}",
        f"{100 * lost / (lost + received):.1f} %" if received else "",
        f"{1000 * track.get('jitter', 0):.1f} ms",
        str(track.get("nackCount", 0)) if is_video else "",
        str(track.get("pliCount", 0)) if is_video else "",
        f"{1000 * track['jitterBufferDelay'] / emitted:.1f} ms" if emitted else "",
        f"{1000 * track['totalDecodeTime'] / decoded:.1f} ms" if decoded else "",
        frozen if is_video else f"{track.get('concealedSamples', 0) / 48:.0f} ms made up",
    ]


def _size(track: Mapping[str, Any]) -> str:
    width, height = track.get("frameWidth", 0), track.get("frameHeight", 0)
    return f"{width}x{height}" if width and track["kind"] == "video" else ""


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    shown = Table(
        title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), width=None
    )
    for number, column in enumerate(columns):
        is_text = column in ("who", "track", "codec", "limited by")
        shown.add_column(column, justify="left" if is_text else "right", no_wrap=number > 0, overflow="ellipsis")
    for row in rows:
        shown.add_row(*(Text(cell) for cell in row))
    return shown
