"""The log-in that outlasts the process: one owner-only file, by server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs

from jackfield import state
from jackfield.values.people import LogIn


class RememberedLogIn:
    """The log-in of one server. With ``keep=False`` it is only of this process."""

    def __init__(self, server: str, *, keep: bool = True) -> None:
        self._server, self._keep = server, keep

    def _path(self) -> Path:
        return state.directory() / "login.json"

    def read(self) -> LogIn | None:
        """Who logged in last and has neither logged out nor expired."""
        if not self._keep:
            return None
        found = (state.read_json(self._path()) or {}).get(self._server)
        try:
            log_in = LogIn(**found) if isinstance(found, dict) else None
            return log_in if log_in is not None and not log_in.expired() else None
        except TypeError:
            return None

    def write(self, log_in: LogIn | None) -> None:
        """This log-in from now on; None: nobody."""
        if not self._keep:
            return
        with state.lock("login.lock"):
            everyone: dict[str, Any] = state.read_json(self._path()) or {}
            if log_in is None:
                if everyone.pop(self._server, None) is None:
                    return
            else:
                everyone[self._server] = attrs.asdict(log_in)
            state.write_json(self._path(), everyone)
