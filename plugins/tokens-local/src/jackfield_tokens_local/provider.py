"""Log-ins and call tokens minted here, from the key and secret of the place."""

from __future__ import annotations

from collections.abc import Callable

from jackfield import tokens
from jackfield.links import JoinLink
from jackfield.values.errors import AuthTokenError, LogInError, PluginError
from jackfield.values.people import CallToken, LogIn, Place, Role


class Provider:
    """Mints for one place. Asks nobody: whoever holds the secret may do all that a server of that key allows."""

    def __init__(self, place: Place, login_ttl_s: float, call_ttl_s: float, clock: Callable[[], float]) -> None:
        if not place.api_key or not place.api_secret:
            raise PluginError("tokens-local needs the api_key and the api_secret of the place")
        self._place = place
        self._pair = (place.api_key, place.api_secret)
        self._keys = {place.api_key: place.api_secret}
        self._login_ttl_s = login_ttl_s
        self._call_ttl_s = call_ttl_s
        self._clock = clock

    async def log_in(self, uid: str, api_key: str | None, *, name: str = "") -> LogIn:
        """A log-in of ``uid``. The key may be left out: the secret is here. One that is given must be right.

        Right is the place's log-in key; a place that has none (LiveKit's) takes its API secret.
        """
        tokens.check_uid(uid)
        right = self._place.login_key or self._pair[1]
        if api_key is not None and not tokens.same_secret(api_key, right):
            raise LogInError(
                "the log-in key is wrong for this place; give the right one, or none: the secret is here",
                code="ERROR_API_KEY_NOT_FOUND",
            )
        return tokens.mint_log_in(*self._pair, uid, name=name, ttl_s=self._login_ttl_s, clock=self._clock)

    async def log_in_with_token(self, auth_token: str) -> LogIn:
        """The log-in that an auth token of this key stands for."""
        return tokens.read_log_in(self._keys, auth_token, clock=self._clock)

    async def call_token(self, log_in: LogIn, session_id: str) -> CallToken:
        """A moderator's call token."""
        tokens.check_session_id(session_id)
        held = tokens.read_log_in(self._keys, log_in.auth_token, clock=self._clock)
        if held.uid != log_in.uid:
            raise AuthTokenError("the auth token is another user's")
        return self._minted(log_in.uid, log_in.name, session_id, "moderator")

    async def invite(
        self, log_in: LogIn, session_id: str, *, role: Role = "participant", ttl_s: float = tokens.INVITE_TTL_S
    ) -> JoinLink:
        """A link that lets its holder into the session."""
        tokens.read_log_in(self._keys, log_in.auth_token, clock=self._clock)
        text, _ = tokens.mint_invite(*self._pair, session_id, role=role, ttl_s=ttl_s, clock=self._clock)
        if not self._place.url:
            raise PluginError("a link needs the server's url, and none is configured")
        return JoinLink(self._place.url, session_id, text, self._place.fingerprint)

    async def close(self) -> None:
        """Nothing is open."""

    def _minted(self, uid: str, name: str, session_id: str, role: Role) -> CallToken:
        return tokens.mint_call_token(
            *self._pair,
            uid=uid,
            name=name,
            session_id=session_id,
            role=role,
            ttl_s=self._call_ttl_s,
            url=self._place.url,
            clock=self._clock,
        )
