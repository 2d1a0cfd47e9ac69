"""Log-ins, invites and call tokens hold for what they were made for, and for nothing else."""

from __future__ import annotations

import json

import jwt
import pytest
from livekit import api

from jackfield import tokens
from jackfield.values.errors import AuthTokenError, CallError, CallTokenError, LogInError, SessionIdError

KEY, SECRET = "APIabc", "a secret of at least thirty-two letters"
KEYS = {KEY: SECRET}
OTHER_KEYS = {KEY: "another secret of thirty-two letters"}


def clock_at(now: float) -> tokens.Clock:
    return lambda: now


def call_token(**changed: object) -> str:
    values = {"uid": "ada", "name": "Ada", "session_id": "s1"} | changed
    return tokens.mint_call_token(KEY, SECRET, **values).token


def test_call_token_is_what_livekit_verifies() -> None:
    """LiveKit's own verifier reads the identity, the room and the grants."""
    claims = api.TokenVerifier(KEY, SECRET).verify(call_token(role="moderator"))
    assert claims.identity == "ada"
    assert claims.video.room == "s1"
    assert claims.video.room_join
    assert claims.video.room_admin
    assert claims.video.can_update_own_metadata


def test_participant_has_no_room_admin() -> None:
    """A participant's token does not moderate."""
    claims = api.TokenVerifier(KEY, SECRET).verify(call_token())
    assert not claims.video.room_admin
    assert tokens.describe_call_token(call_token()).role == "participant"


def test_livekits_own_token_is_read() -> None:
    """A token that livekit-api minted is read as ours is."""
    grants = api.VideoGrants(room_join=True, room="s2", room_admin=True)
    text = api.AccessToken(KEY, SECRET).with_identity("bob").with_grants(grants).to_jwt()
    found = tokens.read_call_token(KEYS, text)
    assert (found.uid, found.session_id, found.role) == ("bob", "s2", "moderator")


def test_log_in_is_read_back() -> None:
    """A log-in says who it is for, and until when."""
    made = tokens.mint_log_in(KEY, SECRET, "ada", name="Ada", ttl_s=60, clock=clock_at(1000))
    assert tokens.read_log_in(KEYS, made.auth_token, clock=clock_at(1059)) == made
    assert made.expires_at == 1060


@pytest.mark.parametrize(
    ("keys", "now", "reason"),
    [(KEYS, 1060, "expired"), (OTHER_KEYS, 1000, "other_key"), ({"else": SECRET}, 1000, "other_key")],
)
def test_refused_log_in_says_why(keys: dict[str, str], now: float, reason: str) -> None:
    """An expired log-in and one of another key are refused with the reason."""
    made = tokens.mint_log_in(KEY, SECRET, "ada", ttl_s=60, clock=clock_at(1000))
    with pytest.raises(AuthTokenError) as caught:
        tokens.read_log_in(keys, made.auth_token, clock=clock_at(now))
    assert caught.value.details["reason"] == reason


@pytest.mark.parametrize("text", ["garbage", "a.b.c", "e30.e30.", "\ud800", "ä" * 40])
def test_garbage_is_no_token(text: str) -> None:
    """Whatever text comes is refused in words."""
    with pytest.raises(AuthTokenError):
        tokens.read_log_in(KEYS, text)
    with pytest.raises(CallTokenError):
        tokens.read_call_token(KEYS, text)


def test_unsigned_token_is_refused() -> None:
    """A token that claims to need no signature does not hold."""
    text = jwt.encode({"iss": KEY, "sub": "ada", "aud": "jackfield/login", "exp": 9e9}, None, algorithm="none")
    with pytest.raises(AuthTokenError):
        tokens.read_log_in(KEYS, text)


def test_no_token_passes_for_another_kind() -> None:
    """A call token is no log-in, a log-in no invite and no call token, an invite neither."""
    log_in = tokens.mint_log_in(KEY, SECRET, "ada").auth_token
    invite, _ = tokens.mint_invite(KEY, SECRET, "s1")
    for text in (call_token(role="moderator"), invite):
        with pytest.raises(AuthTokenError):
            tokens.read_log_in(KEYS, text)
    for text in (call_token(role="moderator"), log_in):
        with pytest.raises(AuthTokenError):
            tokens.read_invite(KEYS, text, "s1")
    for text in (log_in, invite):
        with pytest.raises(CallTokenError):
            tokens.read_call_token(KEYS, text)
        with pytest.raises(jwt.InvalidTokenError):
            api.TokenVerifier(KEY, SECRET).verify(text)


def test_invite_is_for_one_session() -> None:
    """An invite holds for its session until it expires."""
    text, made = tokens.mint_invite(KEY, SECRET, "s1", role="moderator", ttl_s=60, clock=clock_at(1000))
    assert tokens.read_invite(KEYS, text, "s1", clock=clock_at(1001)) == made
    with pytest.raises(AuthTokenError, match="another session"):
        tokens.read_invite(KEYS, text, "s2", clock=clock_at(1001))
    with pytest.raises(AuthTokenError, match="expired"):
        tokens.read_invite(KEYS, text, "s1", clock=clock_at(1060))


@pytest.mark.parametrize(
    ("uid", "code"),
    [
        ("", "ERROR_INVALID_UID"),
        ("  ", "ERROR_INVALID_UID"),
        (None, "ERROR_INVALID_UID"),
        (7, "ERROR_INVALID_UID"),
        ("a" * 257, "ERROR_INVALID_UID"),
        ("a\x00b", "ERROR_INVALID_UID"),
        ("ada l", "ERROR_UID_WITH_SPACE"),
        ("ada\n", "ERROR_UID_WITH_SPACE"),
    ],
)
def test_uid_that_is_none(uid: object, code: str) -> None:
    """A uid that is empty, spaced, too long or no text is refused with the vendor's code."""
    with pytest.raises(LogInError) as caught:
        tokens.check_uid(uid)
    assert caught.value.code == code


@pytest.mark.parametrize("session_id", ["", " \t", None, 5, "x" * 257])
def test_session_id_that_is_none(session_id: object) -> None:
    """A blank or over-long session id is refused."""
    with pytest.raises(SessionIdError):
        tokens.check_session_id(session_id)


@pytest.mark.parametrize(
    ("token", "code"),
    [("", "ERROR_BLANK_AUTHTOKEN"), (None, "ERROR_BLANK_AUTHTOKEN"), ("a b", "ERROR_AUTHTOKEN_WITH_SPACE")],
)
def test_auth_token_that_is_none(token: object, code: str) -> None:
    """A blank auth token and one with spaces have codes of their own."""
    with pytest.raises(CallError) as caught:
        tokens.check_auth_token(token)
    assert caught.value.code == code


def test_secret_is_in_no_repr() -> None:
    """What flows through logs shows no token."""
    made = tokens.mint_log_in(KEY, SECRET, "ada")
    assert made.auth_token not in repr(made)
    token = tokens.mint_call_token(KEY, SECRET, uid="ada", name="", session_id="s")
    assert token.token not in repr(token)


def test_short_livekit_secret_signs_quietly() -> None:
    """LiveKit's development secret has six letters and works without a warning."""
    text = tokens.mint_call_token("devkey", "secret", uid="ada", name="", session_id="s").token
    assert tokens.read_call_token({"devkey": "secret"}, text).uid == "ada"


@pytest.mark.parametrize("exp", ["soon", [1], {"a": 1}, float("inf"), 10**400])
def test_call_token_with_a_time_that_is_none(exp: object) -> None:
    """Whatever stands in its exp claim, a token that cannot be read is a `CallTokenError`."""
    video = {"roomJoin": True, "room": "s"}
    text = jwt.api_jws.encode(json.dumps({"sub": "ada", "exp": exp, "video": video}).encode(), SECRET, "HS256")
    with pytest.raises(CallTokenError):
        tokens.describe_call_token(text)
