"""What a join that was ended meanwhile says."""

from __future__ import annotations

from typing import get_args

import pytest

from jackfield.session.trouble import sent_away
from jackfield.values.events import LeaveReason


def test_a_program_that_left_while_it_joined_is_told_just_that() -> None:
    """It did so itself, in a callback: it is not told to join again."""
    said = sent_away("left", "").message
    assert "this program left the session itself" in said
    assert "join again" not in said


@pytest.mark.parametrize("reason", get_args(LeaveReason))
def test_each_way_in_which_a_join_can_end_has_words_of_its_own(reason: LeaveReason) -> None:
    """A sentence for people, and not the reason's name."""
    said = sent_away(reason, "").message
    others = [sent_away(other, "").message for other in get_args(LeaveReason) if other != reason]
    assert said not in others
    assert f": {reason}" not in said
    assert "join" in said or reason == "left"


def test_a_connection_that_was_lost_says_how_where_that_is_known() -> None:
    """And what to do."""
    assert sent_away("network", "").message == (
        "the connection was lost while you were joining; look at the network, then join again"
    )
    known = sent_away("network", "the server told of more than 1000 changes before the call began").message
    assert "joining: the server told of more than 1000 changes before the call began; look" in known


def test_a_server_that_gives_another_reason_is_not_said_to_be_shut_down() -> None:
    """A reason that is not known is the server's doing, whatever that was."""
    assert "shut down" not in sent_away("server", "").message
