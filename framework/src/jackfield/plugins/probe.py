"""The child process of a probe: ``python -m jackfield.plugins.probe PLUGIN encoder|decoder NAME CODEC [SECONDS]``."""

from __future__ import annotations

import faulthandler
import json
import sys
from collections.abc import Sequence

from jackfield.plugins.config import load_config
from jackfield.plugins.loader import load
from jackfield.values.errors import CallError


def reason(plugin: str, makes: str, name: str, codec: str) -> str | None:
    """Why that encoder or decoder cannot be used, found in this process; None when it works."""
    loading = load(load_config(), only={plugin})
    for loaded in loading.loaded:
        for factory in loaded.offers.get("register_codecs", ()):
            if (factory.makes, factory.name, factory.codec) == (makes, name, codec):
                try:
                    answer: str | None = factory.probe()
                    return answer
                except CallError as exc:
                    return exc.message
                except Exception as exc:
                    return f"probing it failed: {type(exc).__name__}: {exc}"
    failed = next((row.reason for row in loading.rows if row.reason), "it is not offered any more")
    return f"{plugin}: {failed}"


def main(arguments: Sequence[str]) -> None:
    """Prints the answer as the last line, whatever the plugin printed before; ends after so many seconds whoever waits.

    A driver that hangs holds the interpreter, and whoever started us may be gone: only a watch of its own can end it.
    """
    plugin, makes, name, codec, *limit_s = arguments
    if limit_s:
        faulthandler.dump_traceback_later(float(limit_s[0]), exit=True)
    answer = reason(plugin, makes, name, codec)
    print("\n" + json.dumps({"reason": answer}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
