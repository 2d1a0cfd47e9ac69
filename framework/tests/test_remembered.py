"""Log-ins that outlast the process, and tokens that are kept for a while."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from jackfield import state
from jackfield.calls import token_cache
from jackfield.calls.remembered import RememberedLogIn
from jackfield.calls.token_cache import TokenCache
from jackfield.values.people import CallToken, LogIn


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("JACKFIELD_STATE_DIR", str(tmp_path))
    return tmp_path


def test_log_ins_at_the_same_moment_are_all_remembered() -> None:
    """Each server has its own, whoever writes meanwhile."""
    servers = [f"https://{number}.example" for number in range(24)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda server: RememberedLogIn(server).write(LogIn("ada", "Ada", "token", 9e9)), servers))
    assert [server for server in servers if RememberedLogIn(server).read() is None] == []


@pytest.mark.parametrize("content", ["soon", [1]])
def test_a_damaged_log_in_is_none(folder: Path, content: object) -> None:
    """A file that somebody edited keeps nobody from logging in anew."""
    state.write_json(folder / "login.json", {"s": {"uid": "ada", "name": "", "auth_token": "t", "expires_at": content}})
    assert RememberedLogIn("s").read() is None


def test_tokens_are_bounded_and_the_oldest_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that joins thousands of sessions does not grow."""
    monkeypatch.setattr(token_cache, "TOKENS_MAX", 3)
    cache = TokenCache(clock=lambda: 0.0)
    for session in "abcad":
        cache.put(CallToken("t", session, "ada", 1000.0), "ada", session, "")
    assert [session for session in "abcd" if cache.get("ada", session, "")] == ["a", "c", "d"]
