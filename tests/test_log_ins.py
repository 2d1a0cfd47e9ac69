"""Who is logged in, for how long, and the tokens they get: over the embedded server's own log-ins."""

from __future__ import annotations

import asyncio
from pathlib import Path

import jackfield
from jackfield import Calls, Place, SessionSettings
from jackfield.server.app import Server
from tests.lab.embedded import KEY, LOGIN_KEY, SECRET

QUIET = {"camera": "none", "microphone": "none", "speaker": "none"}


def test_before_init_nobody_is_logged_in(own_state: Path) -> None:
    """The attributes of the package say so, and raise nothing."""
    assert jackfield.logged_in_user is None
    assert jackfield.auth_token is None


async def test_a_log_in_is_remembered_until_logout(embedded: Server, own_state: Path) -> None:
    """Another `Calls`, as another process has, finds it with no network; logout ends it; another user ends it."""
    async with Calls(Place(embedded.url, login_key=LOGIN_KEY)) as calls:
        first = await calls.login("ada", LOGIN_KEY)
        kept = own_state / "state" / "login.json"
        assert kept.stat().st_mode & 0o777 == 0o600
    async with Calls(embedded.url) as calls:
        assert calls.logged_in_user == first
        assert await calls.login("ada") == first  # asked of nobody: there is no key
        second = await calls.login("bob", LOGIN_KEY)
        assert calls.auth_token == second.auth_token != first.auth_token
    async with Calls(embedded.url) as calls:
        assert calls.logged_in_user
        assert calls.logged_in_user.uid == "bob"
        await calls.logout()
        assert calls.logged_in_user is None
    async with Calls(embedded.url) as calls:
        assert calls.logged_in_user is None
        assert (await calls.login(auth_token=first.auth_token)).uid == "ada"


async def test_the_first_of_two_log_ins_at_once_counts(embedded: Server) -> None:
    """The other is refused while it is under way, and a call is joined as the first."""
    async with Calls(embedded.url, remember=False) as calls:
        both = await asyncio.gather(
            calls.login("ada", LOGIN_KEY), calls.login("bob", LOGIN_KEY), return_exceptions=True
        )
        assert [getattr(each, "code", "in") for each in both] == ["in", "ERROR_LOGIN_IN_PROGRESS"]
        assert (await calls.join_session(session_id="room", settings=QUIET)).uid == "ada"


async def test_tokens_are_kept_until_they_expire(embedded: Server) -> None:
    """The same session: the same token; another session or user: another."""
    async with Calls(Place(embedded.url, KEY, SECRET), remember=False) as calls:
        await calls.login("ada")
        one, again, other = [await calls.generate_token(session) for session in ("room", "room", "other")]
        assert one is again
        assert one.token != other.token
        assert (one.session_id, one.uid) == ("room", "ada")
        await calls.login("bob")
        assert (await calls.generate_token("room")).uid == "bob"


async def test_settings_can_be_a_value_or_a_mapping(embedded: Server) -> None:
    """SessionSettings, snake_case, and the vendor's camelCase keys."""
    async with Calls(embedded.url, remember=False) as calls:
        await calls.login("ada", LOGIN_KEY)
        for given in (
            SessionSettings(start_audio_muted=True, **QUIET),
            {"start_audio_muted": True, **QUIET},
            {"startAudioMuted": True, **QUIET},
        ):
            session = await calls.join_session(session_id="room", settings=given)
            assert session.settings.start_audio_muted
            await session.leave()
