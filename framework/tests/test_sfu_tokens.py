"""Who may join: each refusal has its reason in words, and never a secret."""

from __future__ import annotations

import datetime
import time
from typing import Any

import jwt
import pytest
from livekit import api
from livekit.protocol import models

from jackfield.server.sfu.tokens import Refused, Verifier

SECRET = "a-secret-that-is-long-enough-for-hs256"
OTHER = "another-secret-that-is-long-enough-too"
NOW = 1_800_000_000.0


def signed(secret: str = SECRET, **claims: Any) -> str:
    whole = {"iss": "key", "sub": "ada", "exp": NOW + 60, "video": {"roomJoin": True, "room": "room"}, **claims}
    return jwt.encode({key: value for key, value in whole.items() if value is not None}, secret, algorithm="HS256")


def verifier() -> Verifier:
    return Verifier({"key": SECRET, "second": OTHER}, clock=lambda: NOW)


def test_a_token_of_livekit_api_is_understood() -> None:
    """Every claim that LiveKit's own library writes is read."""
    video = api.VideoGrants(
        room_join=True, room="room", can_publish=True, can_subscribe=False, can_publish_data=False, hidden=True,
        can_publish_sources=["microphone"], can_update_own_metadata=True, room_admin=True,
    )  # fmt: skip
    made = api.AccessToken("key", SECRET).with_identity("ada").with_name("Ada").with_metadata("m")
    made = made.with_attributes({"hand": "up"}).with_kind("agent").with_grants(video)
    grants = Verifier({"key": SECRET}).verify(made.with_ttl(datetime.timedelta(minutes=1)).to_jwt())
    grants.require_join()
    grants.require_admin("room")
    assert (grants.identity, grants.name, grants.metadata) == ("ada", "Ada", "m")
    assert grants.attributes == {"hand": "up"}
    assert grants.kind == models.ParticipantInfo.Kind.AGENT
    permission = grants.permission
    assert permission.can_publish
    assert permission.can_update_metadata
    assert permission.hidden
    assert not permission.can_subscribe
    assert not permission.can_publish_data
    assert list(permission.can_publish_sources) == [models.TrackSource.MICROPHONE]


def test_each_key_verifies_its_own_tokens() -> None:
    """The secret is found by ``iss``."""
    assert verifier().verify(signed(OTHER, iss="second")).identity == "ada"


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        ("", "no access token"),
        ("garbage", "cannot be read"),
        ("a.b.c", "cannot be read"),
        (signed(exp=NOW - 3600), "expired 60 minutes ago"),
        (signed(exp=None), "never expires"),
        (signed(exp="soon"), "exp claim is not a time"),
        (signed(exp=float("nan")), "exp claim is not a time"),
        (signed(nbf=NOW + 7200), "not valid before 2 hours"),
        (signed(OTHER), "signature does not match"),
        (signed(iss="unknown"), "API key that this server does not have"),
        (signed(iss=None), "API key that this server does not have"),
        (jwt.encode({"iss": "key", "exp": NOW + 60}, SECRET + SECRET, algorithm="HS512"), "not signed with HS256"),
        (jwt.encode({"iss": "key", "exp": NOW + 60}, "", algorithm="none"), "not signed with HS256"),
    ],
)
def test_a_token_that_does_not_hold_is_refused_with_its_reason(token: str, reason: str) -> None:
    """The reason is for people and shows neither token nor secret."""
    with pytest.raises(Refused, match=reason) as caught:
        verifier().verify(token)
    assert caught.value.status == 401
    assert SECRET not in str(caught.value)
    assert not token or token not in str(caught.value)


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"video": {"room": "room"}}, "does not allow joining"),
        ({"video": {"roomJoin": "yes", "room": "room"}}, "does not allow joining"),
        ({"video": None}, "does not allow joining"),
        ({"video": {"roomJoin": True}}, "names no room"),
        ({"sub": ""}, "names no participant"),
        ({"sub": "a" * 300}, "256 characters"),
    ],
)
def test_a_token_that_grants_no_join_is_refused(claims: dict[str, Any], reason: str) -> None:
    """It holds, but does not let its holder in."""
    with pytest.raises(Refused, match=reason):
        verifier().verify(signed(**claims)).require_join()


def test_moderation_is_for_one_room() -> None:
    """roomAdmin of one room moderates no other."""
    admin = verifier().verify(signed(video={"roomAdmin": True, "room": "room"}))
    admin.require_admin("room")
    with pytest.raises(Refused, match="another room"):
        admin.require_admin("elsewhere")
    with pytest.raises(Refused, match="roomAdmin"):
        verifier().verify(signed()).require_admin("room")


def test_the_machines_clock_is_the_default() -> None:
    """Without a clock of its own the verifier takes the machine's time."""
    assert Verifier({"key": SECRET}).verify(signed(exp=time.time() + 60)).identity == "ada"
