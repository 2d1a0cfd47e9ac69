"""docs/reference/statistics.md: what `CallSession.stats` answers with."""

from __future__ import annotations

import inspect
import re
import textwrap

from jackfield.values import statistics
from scripts.reference.markdown import code, comment_above, page, prose, table

ABOUT = """
`call.stats()` answers with a `CallStats`, `publication.stats()` and `track.stats()` with one publication's and one
track's: dictionaries with the names of [webrtc-stats](https://www.w3.org/TR/webrtc-stats/) and its units (seconds,
bytes, bits per second). Sums are from the beginning, rates over the last second. A key is absent where nothing is known
of it yet. `jackfield join --stats` draws them, `jackfield join --json` prints them each second.

The event `network_quality_changed` and `participant.network_quality` (our own: `call.local.network_quality`) are made
of the same figures, judged over four seconds, and of what the server says of each connection; the worse holds.
"""


def made() -> str:
    """Each dictionary and its keys."""
    kinds = [
        kind for kind in vars(statistics).values() if inspect.isclass(kind) and kind.__module__ == statistics.__name__
    ]
    kinds.sort(key=lambda kind: _line(kind), reverse=True)
    parts = [f"## {kind.__name__}\n\n{prose(_docstring(kind))}\n\n" + _keys(kind) for kind in kinds]
    return page("Statistics", ABOUT, *parts)


def _keys(kind: type) -> str:
    rows, lines = [], textwrap.dedent(inspect.getsource(kind)).splitlines()
    for number, line in enumerate(lines, 1):
        if found := re.match(r"    (\w+): (.+)$", line):
            note = comment_above(lines, number)
            assert note, f"{kind.__name__}.{found[1]} has no #: comment that says what it is"
            rows.append((code(found[1]), code(found[2]), note))
    return table(("Key", "Type", "What it is"), rows)


def _docstring(kind: type) -> str:
    return inspect.cleandoc(kind.__doc__ or "")


def _line(kind: type) -> int:
    return inspect.getsourcelines(kind)[1]
