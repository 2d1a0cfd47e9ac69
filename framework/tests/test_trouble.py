"""What a join that was ended meanwhile says."""

from __future__ import annotations

from jackfield.session.trouble import sent_away


def test_a_program_that_left_while_it_joined_is_told_just_that() -> None:
    """It did so itself, in a callback: it is not told to join again."""
    said = sent_away("left", "").message
    assert "this program left the session itself" in said
    assert "join again" not in said
