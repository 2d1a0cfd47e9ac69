"""PortAudio's list of devices, made in a process of its own: ``python -m jackfield_sounddevice.enumerate [LIBRARY]``.

Each line of its output is a list as JSON. There is one to begin with, and one whenever the list, made anew after each
line of its input, differs. It ends with its input.
"""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any

from jackfield_sounddevice.sounddevice_shim import list_anew


def listed(library: Any) -> list[dict[str, Any]]:
    """Every device in each direction that it has, with its host API, and whether it is that one's default."""
    apis = library.query_hostapis()
    found = []
    for device in library.query_devices():
        api = apis[device["hostapi"]]
        for way in ("input", "output"):
            if device[f"max_{way}_channels"] > 0:
                found.append(
                    {
                        "name": device["name"],
                        "host_api": api["name"],
                        "direction": way,
                        "channels": device[f"max_{way}_channels"],
                        "rate": round(device["default_samplerate"]),
                        "is_default": api[f"default_{way}_device"] == device["index"],
                    }
                )
    return found


def main() -> None:
    """Lists until the input ends."""
    try:
        library = importlib.import_module(sys.argv[1] if len(sys.argv) > 1 else "sounddevice")
    except (ImportError, OSError) as exc:
        print(json.dumps({"missing": str(exc)}), flush=True)
        return
    told = listed(library)
    print(json.dumps(told), flush=True)
    for _ in sys.stdin:
        list_anew(library)
        now = listed(library)
        if now != told:
            told = now
            print(json.dumps(now), flush=True)


if __name__ == "__main__":
    main()
