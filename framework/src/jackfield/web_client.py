"""Where the built web client is: the pages and modules that servers and renderers hand to browsers."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from jackfield.values.errors import PluginError

STATIC: Final = Path(__file__).parent / "server" / "service" / "static"


def folder() -> Path:
    """The folder with ``index.html``, ``screen.html``, ``jackfield.js`` and ``assets``.

    `PluginError` where it was never built.
    """
    if not (STATIC / "screen.html").is_file():
        raise PluginError("the web client has not been built; in the checkout run `make setup`")
    return STATIC
