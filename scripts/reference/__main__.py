"""Writes docs/reference/ from the code. Run by `make docs`.

`pages()` gives each page's text; a test holds the files against it.
"""

from __future__ import annotations

import sys

from jackfield.plugins import Config, load
from scripts.reference import api, commands, configuration, errors, events, hooks, parity, settings, statistics
from scripts.reference.markdown import ROOT

FOLDER = ROOT / "docs" / "reference"


def pages() -> dict[str, str]:
    """File name → text."""
    plugins = load(Config(), only=[path.parent.name for path in ROOT.glob("*/*/pyproject.toml")])
    return {
        "api.md": api.made(),
        "settings.md": settings.made(plugins),
        "errors.md": errors.made(),
        "events.md": events.made(),
        "hooks.md": hooks.made(),
        "statistics.md": statistics.made(),
        "cli.md": commands.made(),
        "configuration.md": configuration.made(plugins),
    }


def main() -> int:
    """Write what changed."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    files = {FOLDER / name: text for name, text in pages().items()}
    for path, text in {**files, parity.PAGE: parity.made()}.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(f"docs: wrote {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
