"""What is kept on this machine is private, whole, and the same for everybody who asks."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from jackfield import runtime, state
from jackfield.values.errors import PluginError


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("JACKFIELD_STATE_DIR", str(tmp_path / "state"))
    return tmp_path / "state"


def test_keys_are_made_once_and_private(folder: Path) -> None:
    """The first use makes keys that nobody else can read; the next finds them."""
    made = state.development_keys()
    assert state.development_keys() == made
    assert len({made.api_key, made.api_secret, made.login_key}) == 3
    assert len(made.api_secret) >= 32
    assert stat.S_IMODE((folder / "keys.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert made.api_secret not in repr(made)
    assert made.login_key not in repr(made)


def test_keys_asked_for_at_the_same_moment_are_the_same() -> None:
    """Processes that start together hold the same keys."""
    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(lambda _: state.development_keys(), range(64)))) == 1


def test_keys_that_others_could_read_are_closed_to_them(folder: Path) -> None:
    """A file that was opened to others is closed again."""
    state.development_keys()
    (folder / "keys.json").chmod(0o644)
    state.development_keys()
    assert stat.S_IMODE((folder / "keys.json").stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"api_key": "x"}', b"\xff"])
def test_damaged_keys_are_made_anew(folder: Path, content: bytes) -> None:
    """A file that was cut short does not lock its owner out."""
    state.development_keys()
    (folder / "keys.json").write_bytes(content)
    assert state.development_keys() == state.development_keys()


def test_state_directory_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the folder and the variable that names another."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("JACKFIELD_STATE_DIR", str(tmp_path / "file" / "state"))
    with pytest.raises(PluginError, match="JACKFIELD_STATE_DIR"):
        state.directory()


def test_lock_is_held_by_one() -> None:
    """Who comes second does not get it; after the first it is free."""
    with state.try_lock("a.lock") as first, state.try_lock("a.lock") as second:
        assert (first, second) == (True, False)
    with state.try_lock("a.lock") as third:
        assert third


def test_runtime_record_is_read_back() -> None:
    """What a server writes of itself is what others read, and only it removes it."""
    record = runtime.RuntimeRecord("http://127.0.0.1:1", os.getpid(), "i1", 2, 3.0, None, 60.0, "http://h")
    runtime.write(record)
    assert runtime.read() == record
    runtime.remove("another")
    assert runtime.read() == record
    runtime.remove("i1")
    assert runtime.read() is None


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"url": 1, "else": 2}', "nonsense"])
def test_runtime_file_that_makes_no_sense(content: str) -> None:
    """A damaged file is as good as none."""
    runtime.path().write_text(content)
    assert runtime.read() is None


def test_a_directory_that_others_could_read_is_closed_or_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The platform's own is closed to others. One that was named may be anybody's: it stays as it is."""
    named = tmp_path / "shared"
    named.mkdir()
    named.chmod(0o777)
    monkeypatch.setenv("JACKFIELD_STATE_DIR", str(named))
    state.directory()
    state.directory()
    assert stat.S_IMODE(named.stat().st_mode) == 0o777
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    monkeypatch.delenv("JACKFIELD_STATE_DIR")
    monkeypatch.setattr("jackfield.state.platformdirs.user_state_dir", lambda *_, **__: str(named))
    assert stat.S_IMODE(state.directory().stat().st_mode) == 0o700


def test_who_waits_for_a_lock_gets_it_or_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not for ever."""
    monkeypatch.setattr("jackfield.state._ATTEMPTS", 2)
    with state.lock("this.lock"), pytest.raises(PluginError, match=r"this\.lock"), state.lock("this.lock"):
        pass
    with state.lock("this.lock"):
        pass
