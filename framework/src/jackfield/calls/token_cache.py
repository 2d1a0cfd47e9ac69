"""Call tokens, kept until they expire and bound to one session and one user."""

from __future__ import annotations

import time
from collections.abc import Callable

import jwt

from jackfield.values.errors import CallTokenError
from jackfield.values.people import CallToken

#: A token that expires sooner is not handed out again.
MARGIN_S = 60.0
#: So many are kept; the one that was put first goes first.
TOKENS_MAX = 256


class TokenCache:
    """Tokens by user, session and shown name."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._tokens: dict[tuple[str, str, str], CallToken] = {}

    def get(self, uid: str, session_id: str, name: str) -> CallToken | None:
        """A token that holds for a minute more at least."""
        token = self._tokens.get((uid, session_id, name))
        if token is None or token.expires_at - MARGIN_S <= self._clock():
            self._tokens.pop((uid, session_id, name), None)
            return None
        return token

    def put(self, token: CallToken, uid: str, session_id: str, name: str) -> None:
        """Keeps it, as the newest."""
        self._tokens.pop((uid, session_id, name), None)
        self._tokens[uid, session_id, name] = token
        if len(self._tokens) > TOKENS_MAX:
            del self._tokens[next(iter(self._tokens))]

    def clear(self) -> None:
        """Nothing is kept."""
        self._tokens.clear()


def read_call_token(given: CallToken | str | None, *, clock: Callable[[], float] = time.time) -> CallToken:
    """The token as a value, whoever made it. `CallTokenError` when it is missing, garbled or has expired."""
    if isinstance(given, CallToken):
        token = given
        if not token.token:
            raise CallTokenError("the call token is empty; get one with generate_token")
    else:
        token = _parsed(given)
    if token.expires_at and token.expires_at <= clock():
        raise CallTokenError("the call token has expired; get a new one", details={"reason": "expired"})
    return token


def _parsed(text: object) -> CallToken:
    if not isinstance(text, str) or not text.strip():
        raise CallTokenError("the call token is missing; get one with generate_token")
    try:
        claims = jwt.decode(text.strip(), options={"verify_signature": False})
        grants = claims.get("video") or {}
        session_id, uid = grants.get("room"), claims.get("sub")
        expires_at = float(claims.get("exp") or 0)
    except (jwt.InvalidTokenError, AttributeError, TypeError, ValueError, UnicodeError) as exc:
        found = "this is no call token; get one with generate_token, or with `jackfield token`"
        raise CallTokenError(found, details={"reason": "garbled"}) from exc
    if not isinstance(session_id, str) or not session_id or not isinstance(uid, str) or not uid:
        found = "this token is for no session and user; get a call token with generate_token"
        raise CallTokenError(found, details={"reason": "garbled"})
    role = "moderator" if grants.get("roomAdmin") else "participant"
    return CallToken(text.strip(), session_id, uid, expires_at, "moderator" if role == "moderator" else "participant")


def check_token(token: CallToken, *, session_id: str | None, uid: str | None) -> None:
    """`CallTokenError` when the token is another session's or another user's."""
    if session_id is not None and token.session_id != session_id:
        found = f"the call token is for session {token.session_id!r}, not for {session_id!r}"
        raise CallTokenError(f"{found}; get one for this session", details={"reason": "other_session"})
    if uid is not None and token.uid != uid:
        found = f"the call token is for user {token.uid!r}, and {uid!r} is logged in"
        raise CallTokenError(f"{found}; get one for this user, or log out", details={"reason": "other_user"})
