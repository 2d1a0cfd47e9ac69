"""Who takes part and where the call is: log-ins, call tokens, places, participants."""

from __future__ import annotations

import time
from typing import Literal

from attrs import field, frozen

Role = Literal["moderator", "participant"]


@frozen
class Place:
    """Where calls happen and with what keys. ``url`` is the server's http(s) address; None: this machine's own server.

    ``api_key`` and ``api_secret`` mint LiveKit tokens; ``login_key`` is what `login` is asked for in development.
    ``fingerprint`` is the sha-256 of a self-signed certificate that the client pins.
    """

    url: str | None = None
    api_key: str | None = None
    api_secret: str | None = field(default=None, repr=False)
    login_key: str | None = field(default=None, repr=False)
    fingerprint: str | None = None


@frozen
class LogIn:
    """A user who is logged in. ``expires_at`` is seconds since the epoch, 0 for never."""

    uid: str
    name: str
    auth_token: str = field(repr=False)
    expires_at: float = 0.0

    def expired(self, now: float | None = None) -> bool:
        """Whether it is over at ``now`` (default: this moment)."""
        return bool(self.expires_at) and (time.time() if now is None else now) >= self.expires_at


@frozen
class CallToken:
    """Lets one user into one session until it expires. ``url`` is the server it is for, where the source knows it."""

    token: str = field(repr=False)
    session_id: str
    uid: str
    expires_at: float
    role: Role = "participant"
    url: str | None = None

    def __str__(self) -> str:
        return self.token
