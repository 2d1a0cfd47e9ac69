"""How people are called where they are shown."""

from __future__ import annotations

import pytest

from jackfield.values.names import isolated, shown_name


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Ada", "Ada"),
        ("", "uid-7"),
        ("\u200b\u200c\u2060\ufeff", "uid-7"),
        (" \u3164\u2800 \u00a0", "uid-7"),
        ("\u202eadA\u202c", "adA"),
        ("\u2067\u2069", "uid-7"),
        ("Ada\nLovelace", "Ada Lovelace"),
        ("דנה", "דנה"),
        ("👩\u200d💻", "👩\u200d💻"),
    ],
)
def test_a_name_has_something_to_see_and_turns_nothing(name: str, shown: str) -> None:
    """Who has only what nobody sees is called by their uid; overrides of the direction are left out."""
    assert shown_name(name, "uid-7") == shown


@pytest.mark.parametrize(("name", "shown"), [("Ada", "Ada"), ("דנה 7", "\u2068דנה 7\u2069")])
def test_a_name_from_the_right_is_kept_apart(name: str, shown: str) -> None:
    """Within a sentence it is isolated; others are as they were."""
    assert isolated(name) == shown
