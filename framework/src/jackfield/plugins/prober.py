"""Probes: whether a codec works here, found by using it once, remembered until a version changes.

What touches hardware is probed in a child process within a time limit, so that a crash or a hang takes no call down;
several at a time, and none where the machine plainly lacks the hardware. The child reads the same configuration file,
so that it probes with the same options.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TooLate
from functools import cache, cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from jackfield import own_python
from jackfield.plugins.patience import of_its_own, started
from jackfield.plugins.selection import Offer
from jackfield.roles import LooksFirst, NamesItsDriver
from jackfield.values.errors import CallError

#: A failure may be mended by a driver or a permission, so it is not believed for ever.
FAILURE_HOLDS_S = 600.0
_WATCHED = ("jackfield", "av", "numpy")


def cache_path() -> Path:
    """Where results are kept between processes."""
    import platformdirs

    named = os.environ.get("JACKFIELD_STATE_DIR")
    return Path(named or platformdirs.user_cache_dir("jackfield", appauthor=False)) / "probes.json"


class Prober:
    """Answers why an encoder or decoder cannot be used here. Any thread; a first answer may take seconds."""

    def __init__(
        self,
        path: Path | None = None,
        *,
        config: Path | None = None,
        limit_s: float = 10.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._config = config
        self._named_path = path
        self._limit_s = limit_s
        self._clock = clock
        self._known: dict[str, Future[str | None]] = {}
        self._lock = threading.Lock()
        self._children = threading.BoundedSemaphore(max(4, os.cpu_count() or 1))

    @cached_property
    def _path(self) -> Path:
        return self._named_path or cache_path()

    def probe(self, offer: Offer, *, fresh: bool = False, patience_s: float | None = None) -> str | None:
        """Why it cannot be used, None when it works; ``fresh`` asks again whatever was remembered.

        An answer that takes longer than ``patience_s`` is not waited for; it is there the next time.
        """
        asked = self.begin(offer, fresh=fresh)
        try:
            return asked.result(None if offer.is_software else patience_s)
        except TooLate:
            return "it is still being tried out, and nobody waits for that: the next call will know"

    def begin(self, offer: Offer, *, fresh: bool = False) -> Future[str | None]:
        """The answer to come. What touches hardware is tried out aside, as many at a time as there are processors."""
        lacks = _lacks(offer)
        if lacks is not None:
            return _done(lacks)
        key = _key(offer)
        with self._lock:
            known = self._known.get(key)
            if known is not None and not fresh:
                return known
            asked = self._known[key] = Future()
        kept = None if fresh else self._kept(key)
        if kept is not None:
            asked.set_result(kept["reason"])
        elif offer.is_software:
            self._answer(offer, key, asked)
        else:
            started(lambda: self._answer(offer, key, asked), f"probe {offer.thing.name}")
        return asked

    def _answer(self, offer: Offer, key: str, asked: Future[str | None]) -> None:
        reason: str | None = "probing it failed"
        try:
            reason = self._ask(offer)
            self._keep(key, reason)
        finally:  # whoever waits is answered, whatever went wrong
            asked.set_result(reason)

    def _ask(self, offer: Offer) -> str | None:
        if not offer.is_software:
            with self._children:
                return _ask_child(offer, self._limit_s, self._config)
        try:
            answer: object = offer.thing.probe()
        except CallError as exc:
            return exc.message
        except BaseException as exc:
            failed = of_its_own(exc)
            return f"probing it failed: {f'{type(exc).__name__}: {exc}' if failed is exc else failed}"
        return answer if answer is None or isinstance(answer, str) else f"its probe answered {answer!r:.100}"

    def _kept(self, key: str) -> dict[str, Any] | None:
        entry = _read(self._path).get(key)
        if not isinstance(entry, dict) or "reason" not in entry:
            return None
        reason, at = entry["reason"], entry.get("at", 0)
        if not isinstance(reason, str | None) or not isinstance(at, int | float):
            return None  # whoever wrote that was not us
        return entry if reason is None or 0 <= self._clock() - at < FAILURE_HOLDS_S else None

    def _keep(self, key: str, reason: str | None) -> None:
        with self._lock:
            kept = _read(self._path)
            kept[key] = {"reason": reason, "at": self._clock()}
            self._write(kept)

    def _write(self, kept: dict[str, Any]) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=self._path.parent, prefix="probes")
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(kept, file, indent=1)
            os.replace(temporary, self._path)
        except OSError:
            pass  # a cache that cannot be written costs a probe, not a call


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _done(reason: str | None) -> Future[str | None]:
    asked: Future[str | None] = Future()
    asked.set_result(reason)
    return asked


def _lacks(offer: Offer) -> str | None:
    """What the machine plainly lacks: not remembered, since looking costs nothing and hardware comes and goes."""
    if not isinstance(offer.thing, LooksFirst):
        return None
    try:
        return offer.thing.lacks()
    except Exception as exc:
        return f"looking for its hardware failed: {type(exc).__name__}: {exc}"


def _key(offer: Offer) -> str:
    thing = offer.thing
    versions = [f"{name} {_version(name)}" for name in _WATCHED]
    parts = [offer.plugin, offer.version, thing.name, thing.makes, thing.codec, thing.backend, *versions]
    parts += [f"options {offer.options}"] if offer.options else []
    return " | ".join([*parts, platform.python_version(), platform.release(), *_driver(thing)])


def _driver(thing: Any) -> list[str]:
    try:
        return [thing.driver()] if isinstance(thing, NamesItsDriver) else []
    except Exception as exc:
        return [f"{type(exc).__name__}: {exc}"]


@cache
def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "none"


def _ask_child(offer: Offer, limit_s: float, config: Path | None) -> str | None:
    thing = offer.thing
    asked = (offer.plugin, thing.makes, thing.name, thing.codec, str(limit_s + 1))
    command, environment = own_python.command("jackfield.plugins.probe", *asked), own_python.environment(config=config)
    try:
        done = subprocess.run(command, capture_output=True, timeout=limit_s, env=environment, check=False)
    except subprocess.TimeoutExpired:
        return f"probing it took longer than {limit_s:g} s, so it was ended"
    except OSError as exc:
        return f"probing it could not be started: {exc.strerror}"
    return _answer(done.returncode, done.stdout)


def _answer(code: int, output: bytes) -> str | None:
    if code < 0:
        names = {each.value: each.name for each in signal.Signals}
        return f"probing it crashed ({names.get(-code, f'signal {-code}')})"
    try:
        answer = json.loads(output.splitlines()[-1])
        reason: str | None = answer["reason"]
        return reason
    except (ValueError, IndexError, KeyError, TypeError):
        return f"probing it ended with exit code {code} and no answer"
