"""What the service gives out and to whom. No HTTP here: each method takes what was asked and answers or refuses.

Who holds the log-in key logs in, and is a moderator wherever they go. An invite carries its role, and makes one guest
with a uid of the server's choosing, so that no guest can take the place of a user.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from jackfield import tokens
from jackfield.server.service.limits import WrongKeyLimit
from jackfield.server.settings import ServerSettings, one_mistake
from jackfield.values.errors import AuthTokenError, CallTokenError, LogInError, NotAllowed
from jackfield.values.people import CallToken, LogIn, Role

MAX_INVITE_TTL_S: Final = 30 * 24 * 3600


class Issuer:
    """Gives out log-ins, invites and call tokens of one server."""

    def __init__(
        self,
        settings: ServerSettings,
        *,
        clock: Callable[[], float] = time.time,
        limit: WrongKeyLimit | None = None,
    ) -> None:
        self._keys = settings.keys
        self._sign_with = settings.signing_key
        self._login_key = settings.login_key
        self._clock = clock
        self._limit = limit or WrongKeyLimit()

    def log_in(self, asked: Mapping[str, Any], address: str) -> LogIn:
        """A log-in for a uid with the log-in key, or what an auth token stands for."""
        if "auth_token" in asked:
            return tokens.read_log_in(self._keys, asked["auth_token"], clock=self._clock)
        uid = tokens.check_uid(asked.get("uid"))
        self._check_key(asked.get("api_key"), address)
        return tokens.mint_log_in(*self._sign_with, uid, name=_name(asked), clock=self._clock)

    def _check_key(self, given: object, address: str) -> None:
        wait_s = self._limit.wait_s(address)
        if wait_s > 0:
            raise LogInError(
                f"too many wrong keys came from this address; try again in {wait_s:.0f} s",
                code="ERROR_API_KEY_NOT_FOUND",
                details={"reason": "rate_limited", "retry_after_s": int(wait_s) + 1},
            )
        if self._login_key is None:
            raise LogInError(
                "this server has no log-in key: start it with one, or use an auth token or an invite",
                code="ERROR_API_KEY_NOT_FOUND",
                details={"reason": "no_login_key"},
            )
        if not isinstance(given, str) or not given:
            raise LogInError(
                "the log-in key is missing; send the server's own",
                code="ERROR_API_KEY_NOT_FOUND",
                details={"reason": "missing"},
            )
        if not tokens.same_secret(given, self._login_key):
            self._limit.count(address)
            raise LogInError(
                "the log-in key is wrong (it is the server's own, and no part of a token)",
                code="ERROR_API_KEY_NOT_FOUND",
                details={"reason": "wrong"},
            )

    def call_token(self, asked: Mapping[str, Any], bearer: str | None, url: str) -> CallToken:
        """A call token for who is logged in, or for a guest with an invite."""
        session_id = asked.get("session_id", asked.get("room_name"))
        invite = asked.get("invite")
        if bearer is None and invite is None:
            raise AuthTokenError("log in first, or come with an invite", details={"reason": "missing"})
        session_id = tokens.check_session_id(session_id)
        role: Role
        if bearer is not None:
            log_in = tokens.read_log_in(self._keys, bearer, clock=self._clock)
            uid, name = log_in.uid, _name(asked) or log_in.name
            role = "participant" if asked.get("role") == "participant" else "moderator"
        else:
            role = tokens.read_invite(self._keys, invite, session_id, clock=self._clock).role
            uid = f"guest-{secrets.token_hex(6)}"
            name = _name(asked) or "Guest"
        return tokens.mint_call_token(
            *self._sign_with, uid=uid, name=name, session_id=session_id, role=role, url=url, clock=self._clock
        )

    def invite(self, asked: Mapping[str, Any], bearer: str | None) -> tuple[str, tokens.Invite]:
        """An invite, for who is logged in or moderates the session."""
        if bearer is None:
            raise AuthTokenError("log in first; a log-in or a moderator's call token may invite")
        session_id = tokens.check_session_id(asked.get("session_id"))
        self._check_may_invite(bearer, session_id)
        role, ttl_s = asked.get("role", "participant"), asked.get("ttl_s", tokens.INVITE_TTL_S)
        if role not in ("moderator", "participant"):
            raise one_mistake("role", f"{role!r} is not a role", "use moderator or participant")
        if isinstance(ttl_s, bool) or not isinstance(ttl_s, int | float) or not 0 < ttl_s <= MAX_INVITE_TTL_S:
            raise one_mistake("ttl_s", f"{ttl_s!r} is not a time to live", f"use 1 to {MAX_INVITE_TTL_S} seconds")
        return tokens.mint_invite(*self._sign_with, session_id, role=role, ttl_s=ttl_s, clock=self._clock)

    def logged_in(self, auth_token: object) -> LogIn:
        """Who this log-in is of; `AuthTokenError` says why it does not hold."""
        return tokens.read_log_in(self._keys, auth_token, clock=self._clock)

    def moderator(self, bearer: str | None) -> CallToken:
        """The call token of who moderates its session; else `CallTokenError` or `NotAllowed`."""
        if bearer is None:
            raise CallTokenError("this needs a call token", details={"reason": "missing"})
        call_token = tokens.read_call_token(self._keys, bearer, clock=self._clock)
        if call_token.role != "moderator":
            raise NotAllowed("only a moderator of this session may do this; ask for a token with that role")
        return call_token

    def reader(self, bearer: str | None) -> str | None:
        """The session whose records may be read with this token: a moderator's own; None: all, with a log-in."""
        if bearer is None:
            raise AuthTokenError("log in first; a log-in or a moderator's call token may read this")
        try:
            tokens.read_log_in(self._keys, bearer, clock=self._clock)
        except AuthTokenError as not_a_log_in:
            try:
                return self.moderator(bearer).session_id
            except CallTokenError:
                raise not_a_log_in from None
        return None

    def _check_may_invite(self, bearer: str, session_id: str) -> None:
        try:
            tokens.read_log_in(self._keys, bearer, clock=self._clock)
        except AuthTokenError as not_a_log_in:
            try:
                call_token = tokens.read_call_token(self._keys, bearer, clock=self._clock)
            except CallTokenError:
                raise not_a_log_in from None
            if call_token.role != "moderator" or call_token.session_id != session_id:
                raise NotAllowed("only a moderator of this session may invite to it") from None


def _name(asked: Mapping[str, Any]) -> str:
    found = asked.get("name", asked.get("participant_name", ""))
    if found is None:
        return ""
    if not isinstance(found, str) or len(found) > tokens.MAX_TEXT:
        raise one_mistake("name", "it is not a text", f"use up to {tokens.MAX_TEXT} characters")
    return "".join(letter for letter in found if letter.isprintable()).strip()
