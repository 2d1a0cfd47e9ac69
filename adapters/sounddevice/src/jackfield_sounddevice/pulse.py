"""What a PulseAudio server, or PipeWire as one, has to record from and to play to: asked of ``pactl``.

`pactl` is the server's own tool; it is asked only where a server listens already, so that looking starts none.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

from jackfield_sounddevice.endpoint import Direction

LIMIT_S = 1.5


@frozen
class Stop:
    """One source or sink. ``card`` and ``pcm`` are ALSA's numbers of the hardware behind it, -1 where there is none."""

    name: str
    direction: Direction
    label: str
    rate: int
    channels: int
    is_monitor: bool = False
    is_default: bool = False
    card: int = -1
    pcm: int = -1


def is_there(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether a server listens, as far as its address tells."""
    if environment.get("PULSE_SERVER"):
        return True
    own, session = environment.get("PULSE_RUNTIME_PATH"), environment.get("XDG_RUNTIME_DIR")
    sockets = [Path(own, "native")] if own else [Path(session, "pulse", "native")] if session else []
    return any(socket.exists() for socket in sockets)


def pactl() -> str:
    """The path of the tool; "" where it is not installed."""
    return shutil.which("pactl") or ""


def stops(environment: Mapping[str, str] = os.environ) -> Sequence[Stop]:
    """Every source and sink; nothing where no server answers."""
    if not pactl() or not is_there(environment):
        return ()
    info, sources, sinks = (_ask(words, environment) for words in (["info"], ["list", "sources"], ["list", "sinks"]))
    if not isinstance(info, dict):
        return ()
    defaults = (info.get("default_source_name"), info.get("default_sink_name"))
    return [
        *(_stop(each, "input", defaults[0]) for each in sources or ()),
        *(_stop(each, "output", defaults[1]) for each in sinks or ()),
    ]


def _ask(words: Sequence[str], environment: Mapping[str, str]) -> Any:
    try:
        done = subprocess.run(
            [pactl(), "--format=json", *words],
            capture_output=True,
            timeout=LIMIT_S,
            env={**environment, "LC_ALL": "C.UTF-8"},
            check=False,
        )
        return json.loads(done.stdout) if done.returncode == 0 else None
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None


def _stop(entry: Mapping[str, Any], direction: Direction, default: str | None) -> Stop:
    words = str(entry.get("sample_specification", "")).split()
    properties = entry.get("properties", {})
    return Stop(
        entry["name"],
        direction,
        entry.get("description") or entry["name"],
        _number(next((word for word in words if word.endswith("Hz")), ""), 48_000),
        _number(next((word for word in words if word.endswith("ch")), ""), 2),
        properties.get("device.class") == "monitor" or entry["name"].endswith(".monitor"),
        entry["name"] == default,
        _number(properties.get("alsa.card", properties.get("api.alsa.pcm.card", "")), -1),
        _number(properties.get("alsa.device", properties.get("api.alsa.pcm.device", "")), -1),
    )


def _number(text: str, otherwise: int) -> int:
    digits = "".join(each for each in str(text) if each.isdigit())
    return int(digits) if digits else otherwise
