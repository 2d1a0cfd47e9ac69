"""The file: SQLite, by aiosqlite, whose one thread does all that blocks.

Several servers of one machine may share it. Each says every few seconds that its calls go on; one of which nobody says
so was interrupted, when its server was killed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import aiosqlite
from attrs import frozen

from jackfield.server.happenings import Came, Happening, Kept, Over, Rang, Went

#: How often a server says that its calls go on, and how long nobody may have said so.
BEAT_S: Final = 15.0
SILENT_S: Final = 60.0
DAY_S: Final = 24 * 3600.0
#: Given by one request at most.
PAGE: Final = 500
VERSION: Final = 1
SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS calls (
  id TEXT PRIMARY KEY, session_id TEXT NOT NULL, started_at REAL NOT NULL, heard_at REAL NOT NULL, ended_at REAL,
  status TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '');
CREATE TABLE IF NOT EXISTS presence (
  call TEXT NOT NULL REFERENCES calls(id) ON DELETE CASCADE, pid TEXT NOT NULL, uid TEXT NOT NULL, name TEXT NOT NULL,
  role TEXT NOT NULL, joined_at REAL NOT NULL, left_at REAL, reason TEXT NOT NULL DEFAULT '', PRIMARY KEY (call, pid));
CREATE TABLE IF NOT EXISTS recordings (
  call TEXT NOT NULL REFERENCES calls(id) ON DELETE CASCADE, id TEXT PRIMARY KEY, started_by TEXT NOT NULL,
  started_at REAL NOT NULL, ended_at REAL, reason TEXT NOT NULL DEFAULT '');
CREATE INDEX IF NOT EXISTS calls_by_time ON calls (started_at DESC, id DESC);
CREATE INDEX IF NOT EXISTS calls_by_session ON calls (session_id, started_at DESC);
CREATE INDEX IF NOT EXISTS presence_by_uid ON presence (uid, call);
"""


@frozen
class Wanted:
    """Which calls: of a session, with somebody in it, of a status, begun in a time. ``before`` is the id of the last
    call of the page before this one."""

    session_id: str | None = None
    uid: str | None = None
    status: str | None = None
    since: float | None = None
    until: float | None = None
    before: str | None = None
    limit: int = 50


class Store:
    """An open file. Its methods run one after another, and never on the event loop's thread."""

    def __init__(self, connection: aiosqlite.Connection, clock: Callable[[], float]) -> None:
        self._db, self._clock = connection, clock

    @classmethod
    async def open(cls, path: Path, clock: Callable[[], float] = time.time) -> Store:
        """The file at ``path``, made where there is none. `OSError` or ``aiosqlite.Error`` where it cannot be."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        connection = await aiosqlite.connect(path, timeout=5.0)
        try:
            connection.row_factory = aiosqlite.Row
            for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON"):
                await connection.execute(f"PRAGMA {pragma}")
            await connection.executescript(SCHEMA)
            await connection.execute(f"PRAGMA user_version = {VERSION}")
            await connection.commit()
        except BaseException:
            await connection.close()
            raise
        return cls(connection, clock)

    async def close(self) -> None:
        """Everything is in the file."""
        await self._db.close()

    # --- writing
    async def take(self, happenings: Sequence[Happening]) -> None:
        """These are in the file."""
        for happening in happenings:
            match happening:
                case Came():
                    await self._came(happening)
                case Went():
                    await self._db.execute(
                        "UPDATE presence SET left_at = ?, reason = ? WHERE call = ? AND pid = ?",
                        (happening.at, happening.reason, happening.call_id, happening.pid),
                    )
                case Over():
                    await self._over(happening)
                case Kept():
                    await self._kept(happening)
                case Rang():
                    await self._rang(happening)
        await self._db.commit()

    async def _came(self, who: Came) -> None:
        if who.dependent:
            return
        await self._db.execute(
            "INSERT INTO calls (id, session_id, started_at, heard_at, status) VALUES (?, ?, ?, ?, 'ongoing') "
            "ON CONFLICT (id) DO UPDATE SET status = 'ongoing', ended_at = NULL, reason = '', "
            "heard_at = excluded.heard_at",
            (who.call_id, who.session_id, who.at, self._clock()),
        )
        await self._db.execute(
            "INSERT OR REPLACE INTO presence (call, pid, uid, name, role, joined_at) VALUES (?, ?, ?, ?, ?, ?)",
            (who.call_id, who.pid, who.uid, who.name, who.role, who.at),
        )

    async def _over(self, over: Over) -> None:
        """A call is as long as somebody was in it; that its room was kept open for a while longer does not count."""
        await self._db.execute(
            "UPDATE presence SET left_at = ?, reason = ? WHERE call = ? AND left_at IS NULL",
            (over.at, over.reason, over.call_id),
        )
        await self._db.execute(
            "UPDATE calls SET status = 'ended', reason = ?, ended_at = "
            "COALESCE((SELECT MAX(left_at) FROM presence WHERE call = calls.id), ?) WHERE id = ?",
            (over.reason, over.at, over.call_id),
        )

    async def _kept(self, kept: Kept) -> None:
        await self._db.execute(
            "INSERT INTO recordings (call, id, started_by, started_at, ended_at, reason) "
            "SELECT id, ?, ?, ?, ?, ? FROM calls "
            "WHERE session_id = ? AND status IN ('ongoing', 'ended', 'interrupted') "  # else it was a ring
            "ORDER BY started_at DESC LIMIT 1 "
            "ON CONFLICT (id) DO UPDATE SET ended_at = excluded.ended_at, reason = excluded.reason",
            (kept.recording_id, kept.started_by, kept.started_at, kept.ended_at, kept.reason, kept.session_id),
        )

    async def _rang(self, rang: Rang) -> None:
        """A call that never was; the caller and those who were rung stand in it as if they had been."""
        await self._db.execute(
            "INSERT INTO calls (id, session_id, started_at, heard_at, ended_at, status, reason) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (rang.ring_id, rang.session_id, rang.at, rang.at, rang.ended_at, rang.status, rang.status),
        )
        everybody = [(rang.uid, rang.name, "caller"), *((uid, "", answer) for uid, answer in rang.answers.items())]
        await self._db.executemany(
            "INSERT INTO presence (call, pid, uid, name, role, joined_at, left_at, reason) "
            "VALUES (?, ?, ?, ?, '', ?, ?, ?)",
            [(rang.ring_id, uid, uid, name, rang.at, rang.ended_at, answer) for uid, name, answer in everybody],
        )

    async def beat(self, call_ids: Sequence[str]) -> None:
        """These calls go on; those of which nobody has said so for a minute were interrupted."""
        now = self._clock()
        marks = ", ".join("?" * len(call_ids))
        await self._db.execute(f"UPDATE calls SET heard_at = ? WHERE id IN ({marks})", (now, *call_ids))
        silent = "SELECT id FROM calls WHERE ended_at IS NULL AND heard_at < ?"
        await self._db.execute(
            "UPDATE presence SET reason = 'interrupted', left_at = (SELECT heard_at FROM calls WHERE id = call) "
            f"WHERE left_at IS NULL AND call IN ({silent})",
            (now - SILENT_S,),
        )
        await self._db.execute(
            f"UPDATE calls SET status = 'interrupted', ended_at = heard_at WHERE id IN ({silent})", (now - SILENT_S,)
        )
        await self._db.commit()

    async def forget(self, days: float) -> None:
        """Calls that ended longer ago are gone."""
        await self._db.execute("DELETE FROM calls WHERE ended_at < ?", (self._clock() - days * DAY_S,))
        await self._db.commit()

    # --- reading
    async def calls(self, wanted: Wanted) -> list[dict[str, Any]]:
        """The calls that are wanted, newest first, each with who was in it and its recordings."""
        conditions, values = _conditions(wanted)
        query = f"SELECT * FROM calls {conditions} ORDER BY started_at DESC, id DESC LIMIT ?"
        rows = await self._rows(query, [*values, min(wanted.limit, PAGE)])
        ids = [row["id"] for row in rows]
        presence = await self._of("presence", "joined_at", ids)
        recordings = await self._of("recordings", "started_at", ids)
        return [
            {**_call(row), "people": presence.get(row["id"], []), "recordings": recordings.get(row["id"], [])}
            for row in rows
        ]

    async def _rows(self, query: str, values: Sequence[Any]) -> list[Mapping[str, Any]]:
        async with self._db.execute(query, values) as found:
            return [dict(row) for row in await found.fetchall()]

    async def _of(self, table: str, order: str, ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
        marks = ", ".join("?" * len(ids))
        grouped: dict[str, list[dict[str, Any]]] = {}
        for row in await self._rows(f"SELECT * FROM {table} WHERE call IN ({marks}) ORDER BY {order}", ids):
            fields = {key: value for key, value in row.items() if key not in ("call", "pid")}
            grouped.setdefault(row["call"], []).append(fields)
        return grouped


def _call(row: Mapping[str, Any]) -> dict[str, Any]:
    ended = row["ended_at"]
    return {
        "id": row["id"],
        "session_id": row["session_id"],
        "status": row["status"],
        "reason": row["reason"],
        "started_at": row["started_at"],
        "ended_at": ended,
        "duration_s": None if ended is None else round(ended - row["started_at"], 3),
    }


def _conditions(wanted: Wanted) -> tuple[str, list[Any]]:
    parts: list[tuple[str, Any]] = [
        ("session_id = ?", wanted.session_id),
        ("status = ?", wanted.status),
        ("started_at >= ?", wanted.since),
        ("started_at < ?", wanted.until),
        ("id IN (SELECT call FROM presence WHERE uid = ?)", wanted.uid),
        ("(started_at, id) < (SELECT started_at, id FROM calls WHERE id = ?)", wanted.before),
    ]
    given = [(text, value) for text, value in parts if value is not None]
    where = f"WHERE {' AND '.join(text for text, _ in given)}" if given else ""
    return where, [value for _, value in given]
