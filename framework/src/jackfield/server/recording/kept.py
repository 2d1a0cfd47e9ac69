"""Recordings on disk: a folder each, with the files of those who were recorded and ``recording.json`` about it."""

from __future__ import annotations

import re
import secrets
import time
from pathlib import Path
from typing import Any, Final

import attrs
from attrs import frozen

from jackfield import state

FACTS: Final = "recording.json"
_ID: Final = re.compile(r"RC_[0-9a-f]{16}")
_MEDIA: Final = (".mkv", ".mka")


@frozen
class Recording:
    """One recording. Times are seconds since the epoch; ``ended_at`` None: it goes on, or its server was killed."""

    id: str
    session_id: str
    started_by: str
    started_at: float
    ended_at: float | None = None
    #: Why it ended: stopped, over (nobody was left), or failed with what was found.
    reason: str = ""


def new_recording(session_id: str, uid: str, now: float) -> Recording:
    """One that begins now."""
    return Recording(f"RC_{secrets.token_hex(8)}", session_id, uid, now)


class Kept:
    """The recordings in one folder. Everything here blocks on the disk: call it in a thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def open(self, recording: Recording) -> Path:
        """The folder of this recording, made now. `OSError` where it cannot be."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.folder / _folder_name(recording)
        path.mkdir(mode=0o700)
        self.write(recording)
        return path

    def write(self, recording: Recording) -> None:
        """What is known of it."""
        state.write_json(self.folder / _folder_name(recording) / FACTS, attrs.asdict(recording))

    def listed(self, session_id: str | None = None) -> list[tuple[Recording, Path]]:
        """Recordings with their folders, newest first; of one session where it is named."""
        found = [entry for path in self.folder.glob(f"*/{FACTS}") if (entry := _read(path)) is not None]
        wanted = [entry for entry in found if session_id is None or entry[0].session_id == session_id]
        return sorted(wanted, key=lambda entry: entry[0].started_at, reverse=True)

    def find(self, recording_id: str) -> tuple[Recording, Path] | None:
        """The recording of this id."""
        if not _ID.fullmatch(recording_id):
            return None
        return next((entry for entry in self.listed() if entry[0].id == recording_id), None)


def files(folder: Path) -> list[Path]:
    """The files of one recording that can be played."""
    return sorted(path for path in folder.iterdir() if path.suffix in _MEDIA and path.is_file())


def _folder_name(recording: Recording) -> str:
    day = time.strftime("%Y%m%d-%H%M%S", time.localtime(recording.started_at))
    safe = re.sub(r"[^\w-]+", "_", recording.session_id).encode()[:80].decode(errors="ignore")
    return f"{day}-{safe}-{recording.id}"


def _read(path: Path) -> tuple[Recording, Path] | None:
    facts: dict[str, Any] = state.read_json(path) or {}
    try:
        return Recording(**facts), path.parent
    except TypeError:
        return None
