"""Log-ins, invites and call tokens: how they are written and how they are read. All are JWTs signed with HS256.

A call token is LiveKit's, signed with the API secret, and holds on any LiveKit server of that key. Log-ins and invites
are ours: each is signed with a key derived from the secret for that use alone, so that none passes for another.
Log-in keys are in none of them.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, get_args

import jwt
from attrs import frozen
from jwt.warnings import InsecureKeyLengthWarning

from jackfield.values.errors import AuthTokenError, CallTokenError, LogInError, SessionIdError
from jackfield.values.people import CallToken, LogIn, Role

Clock = Callable[[], float]

LOGIN_TTL_S: Final = 7 * 24 * 3600
INVITE_TTL_S: Final = 24 * 3600
CALL_TTL_S: Final = 6 * 3600
#: The attribute of a participant that shows its role to the others; what counts is the grant.
ROLE_ATTRIBUTE: Final = "jackfield.role"
MAX_TEXT: Final = 256
_LOGIN: Final = "jackfield/login"
_INVITE: Final = "jackfield/invite"


@frozen
class Invite:
    """Lets whoever holds it into one session, in one role, until it expires."""

    session_id: str
    role: Role
    expires_at: float


def check_uid(uid: object) -> str:
    """The uid, when it is one; `LogInError` says what is wrong with it."""
    if not isinstance(uid, str) or not uid.strip():
        raise LogInError("the uid is empty; give a text that names this user", code="ERROR_INVALID_UID")
    if any(character.isspace() for character in uid):
        raise LogInError("the uid has a space in it; use letters, digits, - and _", code="ERROR_UID_WITH_SPACE")
    if len(uid) > MAX_TEXT or not uid.isprintable():
        raise LogInError(f"the uid is over {MAX_TEXT} characters, or not printable", code="ERROR_INVALID_UID")
    return uid


def check_session_id(session_id: object) -> str:
    """The session id, when it is one; `SessionIdError` says what is wrong with it."""
    if not isinstance(session_id, str) or not session_id.strip():
        raise SessionIdError("the session id is empty; everyone who gives the same text meets in the same session")
    if len(session_id) > MAX_TEXT:
        raise SessionIdError(f"the session id has {len(session_id)} characters; {MAX_TEXT} are allowed")
    if any("\ud800" <= character <= "\udfff" for character in session_id):
        raise SessionIdError("the session id is no text: it has half of a character in it; use whole characters")
    return session_id


def check_auth_token(auth_token: object) -> str:
    """The auth token, when it could be one; `LogInError` says what is wrong with it."""
    if not isinstance(auth_token, str) or not auth_token.strip():
        raise LogInError(
            "the auth token is blank; give the one that was made for this user", code="ERROR_BLANK_AUTHTOKEN"
        )
    if any(character.isspace() for character in auth_token):
        raise LogInError(
            "the auth token has a space in it; give it whole, as it was made", code="ERROR_AUTHTOKEN_WITH_SPACE"
        )
    return auth_token


def same_secret(given: str, expected: str) -> bool:
    """Whether both are the same, in a time that says nothing about where they differ."""
    return hmac.compare_digest(given.encode(errors="surrogatepass"), expected.encode(errors="surrogatepass"))


# --- log-ins ------------------------------------------------------------------------------------------------------
def mint_log_in(
    api_key: str, api_secret: str, uid: str, *, name: str = "", ttl_s: float = LOGIN_TTL_S, clock: Clock = time.time
) -> LogIn:
    """A log-in of ``uid`` that any server of this key accepts for ``ttl_s`` seconds."""
    now = clock()
    claims = {"iss": api_key, "sub": check_uid(uid), "name": name or uid, "aud": _LOGIN}
    token = _sign(claims | {"iat": int(now), "exp": int(now + ttl_s)}, _derived(api_secret, _LOGIN))
    return LogIn(uid=uid, name=name or uid, auth_token=token, expires_at=int(now + ttl_s))


def read_log_in(keys: Mapping[str, str], auth_token: object, *, clock: Clock = time.time) -> LogIn:
    """The log-in that the token stands for; `AuthTokenError` says why it does not hold."""
    text = check_auth_token(auth_token)
    claims = _read(keys, text, _LOGIN, "log-in", AuthTokenError, clock)
    uid = check_uid(claims.get("sub"))
    return LogIn(uid=uid, name=str(claims.get("name") or uid), auth_token=text, expires_at=float(claims["exp"]))


# --- invites ------------------------------------------------------------------------------------------------------
def mint_invite(
    api_key: str,
    api_secret: str,
    session_id: str,
    *,
    role: Role = "participant",
    ttl_s: float = INVITE_TTL_S,
    clock: Clock = time.time,
) -> tuple[str, Invite]:
    """An invite to one session in one role, as text and as what it says."""
    now = clock()
    claims = {"iss": api_key, "session": check_session_id(session_id), "role": role, "aud": _INVITE}
    token = _sign(claims | {"iat": int(now), "exp": int(now + ttl_s)}, _derived(api_secret, _INVITE))
    return token, Invite(session_id, role, int(now + ttl_s))


def read_invite(keys: Mapping[str, str], text: object, session_id: str, *, clock: Clock = time.time) -> Invite:
    """What the invite allows; `AuthTokenError` says why it does not hold for this session."""
    if not isinstance(text, str) or not text.strip():
        raise AuthTokenError("the invite is blank; ask for a new link", details={"reason": "missing"})
    claims = _read(keys, text, _INVITE, "invite", AuthTokenError, clock)
    if claims.get("session") != session_id:
        raise AuthTokenError(
            "the invite is for another session; ask for a link to this one", details={"reason": "other_session"}
        )
    return Invite(session_id, _role(claims.get("role")), float(claims["exp"]))


# --- call tokens --------------------------------------------------------------------------------------------------
def mint_call_token(
    api_key: str,
    api_secret: str,
    *,
    uid: str,
    name: str,
    session_id: str,
    role: Role = "participant",
    ttl_s: float = CALL_TTL_S,
    url: str | None = None,
    clock: Clock = time.time,
) -> CallToken:
    """A LiveKit access token for this user and session. A moderator's has ``roomAdmin``."""
    now = clock()
    grants: dict[str, Any] = {
        "roomJoin": True,
        "room": check_session_id(session_id),
        "canPublish": True,
        "canSubscribe": True,
        "canPublishData": True,
        "canUpdateOwnMetadata": True,
    }
    if role == "moderator":
        grants["roomAdmin"] = True
    times = {"nbf": int(now), "exp": int(now + ttl_s)}
    claims = {"iss": api_key, "sub": uid, "name": name or uid, "video": grants, "attributes": {ROLE_ATTRIBUTE: role}}
    token = _sign(claims | times, api_secret.encode())
    return CallToken(token, session_id, uid, float(times["exp"]), role, url)


def mint_ending_token(
    api_key: str, api_secret: str, session_id: str, *, ttl_s: float = 60, clock: Clock = time.time
) -> str:
    """A token with which LiveKit's RoomService ends a session. That right holds for every room, so it lasts a minute
    and goes to nobody but the server."""
    now = clock()
    grants = {"roomCreate": True, "roomAdmin": True, "room": check_session_id(session_id)}
    claims = {"iss": api_key, "sub": "jackfield", "nbf": int(now), "exp": int(now + ttl_s), "video": grants}
    return _sign(claims, api_secret.encode())


def mint_recorder_token(
    api_key: str,
    api_secret: str,
    session_id: str,
    recording_id: str,
    *,
    ttl_s: float = CALL_TTL_S,
    clock: Clock = time.time,
) -> str:
    """A LiveKit access token that lets a recorder in: unseen, told of to everybody, and with nothing to say."""
    now = clock()
    grants = {"roomJoin": True, "room": check_session_id(session_id), "hidden": True, "recorder": True}
    grants |= {"canSubscribe": True, "canPublish": False, "canPublishData": False}
    claims = {"iss": api_key, "sub": recording_id, "name": "Recorder", "kind": "egress", "video": grants}
    return _sign(claims | {"nbf": int(now), "exp": int(now + ttl_s)}, api_secret.encode())


def read_call_token(keys: Mapping[str, str], text: str, *, clock: Clock = time.time) -> CallToken:
    """What a call token of one of these keys allows; `CallTokenError` says why it does not hold."""
    claims = _read(keys, text, None, "call token", CallTokenError, clock)
    return _call_token(text, claims)


def describe_call_token(text: str) -> CallToken:
    """What a call token says of itself, believed without its key; `CallTokenError` when it is not one."""
    if not isinstance(text, str) or not text.strip():
        raise CallTokenError("the call token is missing; get one with generate_token", details={"reason": "missing"})
    try:
        claims = jwt.decode(text, options={"verify_signature": False, "verify_exp": False, "verify_nbf": False})
    except (jwt.InvalidTokenError, UnicodeError) as exc:
        raise CallTokenError("this is no call token; get a new one", details={"reason": "garbled"}) from exc
    return _call_token(text, claims)


def _call_token(text: str, claims: Mapping[str, Any]) -> CallToken:
    video = claims.get("video")
    if not isinstance(video, Mapping) or not video.get("roomJoin") or not claims.get("sub") or not video.get("room"):
        raise CallTokenError("this token lets nobody into a session; get a call token", details={"reason": "no_grant"})
    role: Role = "moderator" if video.get("roomAdmin") else "participant"
    try:
        expires_at = float(claims.get("exp") or 0)
        int(expires_at)
    except (TypeError, ValueError, OverflowError) as exc:
        raise CallTokenError("this is no call token; get a new one", details={"reason": "garbled"}) from exc
    return CallToken(text, str(video["room"]), str(claims["sub"]), expires_at, role)


# --- signing ------------------------------------------------------------------------------------------------------
def _derived(api_secret: str, use: str) -> bytes:
    return hmac.digest(api_secret.encode(), use.encode(), hashlib.sha256)


def _role(found: object) -> Role:
    return "moderator" if found == get_args(Role)[0] else "participant"


@contextlib.contextmanager
def _short_secrets_allowed() -> Iterator[None]:
    """A short secret is the operator's choice (LiveKit's own development secret has six letters): serve warns once."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InsecureKeyLengthWarning)
        yield


def _sign(claims: Mapping[str, Any], key: bytes) -> str:
    with _short_secrets_allowed():
        return jwt.encode(dict(claims), key, algorithm="HS256")


def _read(
    keys: Mapping[str, str],
    text: str,
    audience: str | None,
    what: str,
    error: type[AuthTokenError] | type[CallTokenError],
    clock: Clock,
) -> dict[str, Any]:
    try:
        issuer = jwt.decode(text, options={"verify_signature": False}).get("iss")
    except (jwt.InvalidTokenError, UnicodeError) as exc:
        raise error(f"this is no {what}; get a new one", details={"reason": "garbled"}) from exc
    secret = keys.get(issuer) if isinstance(issuer, str) else None
    if secret is None:
        found = f"the {what} was made with a key that this server does not know"
        raise error(f"{found}; get one from this server", details={"reason": "other_key"})
    try:
        with _short_secrets_allowed():
            claims: dict[str, Any] = jwt.decode(
                text,
                _derived(secret, audience) if audience else secret.encode(),
                algorithms=["HS256"],
                audience=audience,
                options={"require": ["exp"], "verify_exp": False, "verify_nbf": False, "verify_iat": False},
            )
    except jwt.InvalidSignatureError as exc:
        found = f"the {what} was not signed by this server's key"
        raise error(f"{found}; get one from this server", details={"reason": "other_key"}) from exc
    except (jwt.InvalidTokenError, UnicodeError) as exc:
        raise error(f"this is no {what}; get a new one", details={"reason": "garbled"}) from exc
    _check_times(claims, what, error, clock)
    return claims


def _check_times(
    claims: Mapping[str, Any], what: str, error: type[AuthTokenError] | type[CallTokenError], clock: Clock
) -> None:
    now, leeway_s = clock(), 10
    try:
        expired, early = float(claims["exp"]) <= now, float(claims.get("nbf") or 0) > now + leeway_s
    except (TypeError, ValueError, OverflowError) as exc:
        raise error(f"this is no {what}; get a new one", details={"reason": "garbled"}) from exc
    if expired:
        raise error(f"the {what} has expired; get a new one", details={"reason": "expired"})
    if early:
        raise error(f"the {what} does not hold yet; check both machines' clocks", details={"reason": "early"})
