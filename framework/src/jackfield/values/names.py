"""How people are called where they are shown: something to see, on one line, and in a direction of its own."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

#: What turns the direction of all that follows it, beyond the name's own end.
_TURNS: Final = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
#: Letters and marks by their category, and nothing to see: joiners that hide, fillers, a blank of Braille, selectors.
_BLANKS: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | frozenset(
    map(chr, range(0xFE00, 0xFE10))
)
_FROM_THE_RIGHT: Final = frozenset({"R", "AL", "AN"})


def shown_name(name: str, uid: str) -> str:
    """The name as it is shown; the uid of whoever chose one in which there is nothing to see."""
    plain = " ".join(_TURNS.sub("", name).split())
    return plain if any(map(_is_seen, plain)) else _TURNS.sub("", uid)


def isolated(text: str) -> str:
    """The text within a sentence of left-to-right: what is written from the right does not move what stands beside it
    (Unicode's isolates). Nothing is added where nothing is."""
    turns = any(unicodedata.bidirectional(each) in _FROM_THE_RIGHT for each in text)
    return f"\u2068{text}\u2069" if turns else text


def _is_seen(letter: str) -> bool:
    kind = unicodedata.category(letter)  # "Cn", unassigned, may be seen: there are newer letters than this Python knows
    return kind[0] != "Z" and kind not in ("Cc", "Cf", "Cs") and letter not in _BLANKS
