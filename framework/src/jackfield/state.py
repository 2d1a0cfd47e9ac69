"""What is kept on this machine between processes: private files, locks, and the development keys.

Everything lies in one directory that only its owner can read: ``JACKFIELD_STATE_DIR``, else the platform's place for
state.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
import stat
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Final

import platformdirs
from attrs import field, frozen

from jackfield.values.errors import PluginError

_ATTEMPTS: Final = 200
_PAUSE_S: Final = 0.01

logger = logging.getLogger("jackfield.state")

_warned: set[Path] = set()


@frozen
class DevelopmentKeys:
    """The key pair and log-in key that this machine made for itself."""

    api_key: str
    api_secret: str = field(repr=False)
    login_key: str = field(repr=False)


def directory() -> Path:
    """The state directory. The platform's is private; one that was named is left as it is, with a warning where others
    may write into it. What lies in it is private in any case."""
    named = os.environ.get("JACKFIELD_STATE_DIR")
    path = Path(named) if named else Path(platformdirs.user_state_dir("jackfield", appauthor=False))
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        _guard(path, named=bool(named))
    except OSError as exc:
        raise PluginError(
            f"the state directory {path} cannot be made ({exc.strerror}); name another in JACKFIELD_STATE_DIR"
        ) from exc
    return path


def _guard(path: Path, *, named: bool) -> None:
    mode = path.stat().st_mode
    if os.name != "posix" or not mode & (stat.S_IRWXG | stat.S_IRWXO):
        return
    if not named:
        path.chmod(0o700)
    elif mode & (stat.S_IWGRP | stat.S_IWOTH) and path not in _warned:
        _warned.add(path)
        logger.warning("others may write into the state directory %s: chmod 700, or name another", path)


def write_private(path: Path, content: bytes) -> None:
    """The file holds ``content``, all of it at once, and only its owner can read it."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # made with mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)


def read_private(path: Path) -> bytes | None:
    """What the file holds, None when there is none; a file that others could read is closed to them first."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
                path.chmod(0o600)
            return file.read()
    except FileNotFoundError:
        return None


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in a private file; None when there is none or it makes no sense."""
    content = read_private(path)
    try:
        found = json.loads(content) if content else None
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """As `write_private`, with one JSON object."""
    write_private(path, json.dumps(content, indent=1).encode() + b"\n")


def development_keys() -> DevelopmentKeys:
    """This machine's own keys, made at first use and kept. Processes that ask at the same moment get the same."""
    path = directory() / "keys.json"
    for _ in range(_ATTEMPTS):
        found = _keys_in(path)
        if found is not None:
            return found
        with try_lock("keys.lock") as held:
            if held and _keys_in(path) is None:
                write_json(path, _made())
        if not held:
            time.sleep(_PAUSE_S)  # another process is writing them: milliseconds
    raise PluginError(f"the keys in {path} cannot be read; remove the file and new ones are made")


def _made() -> dict[str, str]:
    return {
        "api_key": f"DEV{secrets.token_hex(6)}",
        "api_secret": secrets.token_urlsafe(36),
        "login_key": secrets.token_urlsafe(24),
    }


def _keys_in(path: Path) -> DevelopmentKeys | None:
    content = read_json(path) or {}
    parts = [content.get(name) for name in ("api_key", "api_secret", "login_key")]
    if not all(isinstance(part, str) and part for part in parts):
        return None
    return DevelopmentKeys(*parts)  # type: ignore[arg-type]  # each was just seen to be text


@contextlib.contextmanager
def try_lock(name: str) -> Iterator[bool]:
    """Yields whether this process now holds the lock; never waits. A process that dies gives it back."""
    with (directory() / name).open("a+b") as file:
        held = _lock(file)
        try:
            yield held
        finally:
            if held:
                _unlock(file)


@contextlib.contextmanager
def lock(name: str) -> Iterator[None]:
    """This process holds the lock. Waits two seconds at most: others hold it for milliseconds."""
    for _ in range(_ATTEMPTS):
        with try_lock(name) as held:
            if held:
                yield
                return
        time.sleep(_PAUSE_S)
    raise PluginError(f"another process does not let go of {directory() / name}; end it, and try again")


if os.name == "nt":  # pragma: no cover
    import msvcrt

    def _lock(file: IO[bytes]) -> bool:
        file.seek(0)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        except OSError:
            return False
        return True

    def _unlock(file: IO[bytes]) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)  # type: ignore[attr-defined,unused-ignore]
else:
    import fcntl

    def _lock(file: IO[bytes]) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)
