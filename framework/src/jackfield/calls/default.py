"""The default `Calls`, which the functions of the package work on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from pathlib import Path
from typing import Any

from jackfield.calls.answers import OnError, OnSuccess, answered
from jackfield.calls.calls import Calls
from jackfield.plugins import Config, Plugins
from jackfield.session.call import CallSession
from jackfield.values.errors import NotInitialized
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
    on_success: OnSuccess = None,
    on_error: OnError = None,
) -> Awaitable[Calls]:
    """Makes the default `Calls`, after closing the one before; the arguments are those of `Calls`."""
    options: dict[str, Any] = {
        "api_key": api_key,
        "api_secret": api_secret,
        "config": config,
        "plugins": plugins,
        "remember": remember,
    }
    return answered(_init(server, options), on_success, on_error)


async def _init(server: str | Place | None, options: Mapping[str, Any]) -> Calls:
    global _default
    before, _default = _default, None
    if before is not None:
        await before.close()
    _default = await asyncio.to_thread(Calls, server, **options)
    return _default


def current() -> Calls | None:
    """The default `Calls`; None before `init`."""
    return _default


def _calls() -> Calls:
    if _default is None:
        raise NotInitialized("jackfield is not initialised; call `await jackfield.init()` first")
    return _default


def login(
    uid: str | None = None,
    api_key: str | None = None,
    *,
    auth_token: str | None = None,
    name: str = "",
    on_success: OnSuccess = None,
    on_error: OnError = None,
) -> Awaitable[LogIn]:
    """As `Calls.login`."""

    async def job() -> LogIn:
        return await _calls().login(uid, api_key, auth_token=auth_token, name=name)

    return answered(job(), on_success, on_error)


def logout(*, on_success: OnSuccess = None, on_error: OnError = None) -> Awaitable[None]:
    """As `Calls.logout`."""

    async def job() -> None:
        await _calls().logout()

    return answered(job(), on_success, on_error)


def generate_token(session_id: str, *, on_success: OnSuccess = None, on_error: OnError = None) -> Awaitable[CallToken]:
    """As `Calls.generate_token`."""

    async def job() -> CallToken:
        return await _calls().generate_token(session_id)

    return answered(job(), on_success, on_error)


def join_session(
    *,
    session_id: str | None = None,
    call_token: CallToken | str | None = None,
    settings: SessionSettings | Mapping[str, Any] | None = None,
    container: Any = None,
    on_success: OnSuccess = None,
    on_error: OnError = None,
) -> Awaitable[CallSession]:
    """As `Calls.join_session`."""

    async def job() -> CallSession:
        return await _calls().join_session(
            session_id=session_id, call_token=call_token, settings=settings, container=container
        )

    return answered(job(), on_success, on_error)
