"""What a server's refusal of a moderator's wish says to a person."""

from __future__ import annotations

import pytest

from jackfield.session.moderation import _refusal
from jackfield.values.errors import NetworkError, NotAllowed, ResponseError


@pytest.mark.parametrize(
    ("status", "text", "kind", "words"),
    [
        (404, '{"code": "not_found", "msg": "the participant does not exist"}', ResponseError, "participant does not"),
        (404, "404 page not found", ResponseError, "does not do RemoveParticipant (HTTP 404): 404 page not found"),
        (403, '{"code": "permission_denied", "msg": "not yours"}', NotAllowed, "refuses RemoveParticipant: not yours"),
        (503, '{"code": 7}', NetworkError, 'could not do RemoveParticipant: {"code": 7}'),
    ],
)
def test_words_and_no_json(status: int, text: str, kind: type[Exception], words: str) -> None:
    """Twirp's own words where there are some; else what came."""
    error = _refusal(status, text, "RemoveParticipant")
    assert type(error) is kind
    assert words in str(error)
    assert ("{" in str(error)) == ('"msg"' not in text and "{" in text)
