"""The same calls for threads and scripts: no ``async``, no event loop of your own.

    import jackfield.sync as jackfield

    with jackfield.init() as calls:
        calls.login("robot", api_key="…")
        with calls.join_session(session_id="lab") as session:
            for frame in session.participants["ada"].video.frames(format="rgb24"):
                ...

Media, devices and the connection run on a thread of their own; what is called here blocks until it is done. Callbacks
run on another thread, one after the other. A renderer that draws with a toolkit of this process (Qt) needs ``await``
and the toolkit's own thread: use `jackfield` itself there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jackfield.plugins import Config, Plugins
from jackfield.sync.calls import Calls as Calls
from jackfield.sync.calls import CallSession as CallSession
from jackfield.values.errors import CallError, NotInitialized
from jackfield.values.people import CallToken, LogIn, Place
from jackfield.values.settings import SessionSettings

_default: Calls | None = None


def init(
    server: str | Place | None = None,
    *,
    api_key: str | None = None,
    api_secret: str | None = None,
    config: Config | Path | str | None = None,
    plugins: Plugins | None = None,
    remember: bool = True,
) -> Calls:
    """Makes the default `Calls` of threads, after closing the one before; the arguments are those of `Calls`."""
    global _default
    before, _default = _default, None
    if before is not None:
        before.close()
    options: dict[str, Any] = {"api_key": api_key, "api_secret": api_secret, "config": config}
    _default = Calls(server, **options, plugins=plugins, remember=remember)
    return _default


def _calls() -> Calls:
    if _default is None:
        raise NotInitialized("jackfield.sync is not initialised; call `jackfield.sync.init()` first")
    return _default


def login(
    uid: str | None = None, api_key: str | None = None, *, auth_token: str | None = None, name: str = ""
) -> LogIn:
    """As `Calls.login`."""
    return _calls().login(uid, api_key, auth_token=auth_token, name=name)


def logout() -> None:
    """As `Calls.logout`."""
    _calls().logout()


def generate_token(session_id: str) -> CallToken:
    """As `Calls.generate_token`."""
    return _calls().generate_token(session_id)


def join_session(
    *,
    session_id: str | None = None,
    call_token: CallToken | str | None = None,
    settings: SessionSettings | Mapping[str, Any] | None = None,
    container: Any = None,
    on_success: Callable[[CallSession], Any] | None = None,
    on_error: Callable[[CallError], Any] | None = None,
) -> CallSession:
    """As `Calls.join_session`."""
    asked: dict[str, Any] = {"session_id": session_id, "call_token": call_token, "container": container}
    return _calls().join_session(**asked, settings=settings, on_success=on_success, on_error=on_error)
