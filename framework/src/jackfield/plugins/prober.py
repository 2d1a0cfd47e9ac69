"""Probes: whether a codec works here, found by using it once, remembered until a version changes.

What touches hardware is probed in a child process within a time limit, so that a crash or a hang takes no call down;
the child reads the same configuration file, so that it probes with the same options.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import platformdirs

from jackfield.plugins.selection import Offer

#: A failure may be mended by a driver or a permission, so it is not believed for ever.
FAILURE_HOLDS_S = 600.0
_WATCHED = ("jackfield", "av", "numpy")


def cache_path() -> Path:
    """Where results are kept between processes."""
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
        self._path = path or cache_path()
        self._limit_s = limit_s
        self._clock = clock
        self._known: dict[str, str | None] = {}
        self._lock = threading.Lock()

    def probe(self, offer: Offer, *, fresh: bool = False) -> str | None:
        """Why it cannot be used, None when it works; ``fresh`` asks again whatever was remembered."""
        with self._lock:
            key = _key(offer)
            if not fresh and key in self._known:
                return self._known[key]
            kept = None if fresh else self._kept(key)
            reason = kept["reason"] if kept else self._ask(offer)
            self._known[key] = reason
            if kept is None:
                self._keep(key, reason)
            return reason

    def _ask(self, offer: Offer) -> str | None:
        if offer.thing.backend != "software":
            return _ask_child(offer, self._limit_s, self._config)
        try:
            answer: str | None = offer.thing.probe()
            return answer
        except Exception as exc:
            return f"probing it failed: {type(exc).__name__}: {exc}"

    def _kept(self, key: str) -> dict[str, Any] | None:
        entry = _read(self._path).get(key)
        if not isinstance(entry, dict) or "reason" not in entry:
            return None
        age_s = self._clock() - float(entry.get("at", 0))
        return entry if entry["reason"] is None or 0 <= age_s < FAILURE_HOLDS_S else None

    def _keep(self, key: str, reason: str | None) -> None:
        kept = _read(self._path)
        kept[key] = {"reason": reason, "at": self._clock()}
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


def _key(offer: Offer) -> str:
    thing = offer.thing
    versions = [f"{name} {_version(name)}" for name in _WATCHED]
    parts = [offer.plugin, offer.version, thing.name, thing.makes, thing.codec, thing.backend, *versions]
    return " | ".join([*parts, platform.python_version(), platform.release()])


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "none"


def _ask_child(offer: Offer, limit_s: float, config: Path | None) -> str | None:
    command = [sys.executable, "-m", "jackfield.plugins.probe", offer.plugin, offer.thing.makes, offer.thing.name]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(part for part in sys.path if part)}
    if config is not None:
        environment["JACKFIELD_CONFIG"] = str(config.absolute())
    try:
        done = subprocess.run(
            [*command, offer.thing.codec], capture_output=True, timeout=limit_s, env=environment, check=False
        )
    except subprocess.TimeoutExpired:
        return f"probing it took longer than {limit_s:g} s, so it was ended"
    except OSError as exc:
        return f"probing it could not be started: {exc.strerror}"
    return _answer(done.returncode, done.stdout)


def _answer(code: int, output: bytes) -> str | None:
    if code < 0:
        return f"probing it crashed ({signal.Signals(-code).name})"
    try:
        answer = json.loads(output.splitlines()[-1])
        reason: str | None = answer["reason"]
        return reason
    except (ValueError, IndexError, KeyError, TypeError):
        return f"probing it ended with exit code {code} and no answer"
