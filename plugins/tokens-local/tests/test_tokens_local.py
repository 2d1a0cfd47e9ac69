"""tokens-local keeps the contract of its role, and mints what LiveKit and our own server read."""

from __future__ import annotations

import pytest
from jackfield_tokens_local.factory import LocalTokens, Options
from jackfield_tokens_local.plugin import plugin
from livekit import api

from jackfield import tokens
from jackfield.testing import PluginContract, TokenProviderContract
from jackfield.testing.service import API_KEY, API_SECRET, LOGIN_KEY
from jackfield.values.errors import AuthTokenError, LogInError, SessionIdError
from jackfield.values.people import Place

PLACE = Place("http://127.0.0.1:7880", API_KEY, API_SECRET, LOGIN_KEY)


class TestPlugin(PluginContract):
    """It is an ordinary plugin."""

    plugin = plugin


class TestTokens(TokenProviderContract):
    """It is an ordinary source of tokens."""

    plugin = plugin

    @pytest.fixture
    def place(self) -> Place:
        return PLACE


async def test_livekit_accepts_the_token() -> None:
    """LiveKit's own verifier takes a token minted for its key: a cluster needs nothing of ours."""
    provider = LocalTokens().open(Place("https://cluster.example", API_KEY, API_SECRET))
    token = await provider.call_token(await provider.log_in("ada", None, name="Ada"), "stand-up")
    claims = api.TokenVerifier(API_KEY, API_SECRET).verify(token.token)
    assert (claims.identity, claims.name, claims.video.room) == ("ada", "Ada", "stand-up")
    assert claims.video.room_admin
    assert (token.url, token.role) == ("https://cluster.example", "moderator")


async def test_key_is_checked_where_one_is_given() -> None:
    """The log-in key, or (LiveKit has none) the API secret, and never the key name that tokens show."""
    for place, right in ((PLACE, LOGIN_KEY), (Place("http://h", "devkey", "secret"), "secret")):
        provider = LocalTokens().open(place)
        assert (await provider.log_in("ada", right)).uid == "ada"
        for wrong in ("", "wrong", str(place.api_key)):
            with pytest.raises(LogInError) as caught:
                await provider.log_in("ada", wrong)
            assert caught.value.code == "ERROR_API_KEY_NOT_FOUND"


async def test_log_in_that_has_ended() -> None:
    """After its time a log-in gives no call token."""
    now = [1000.0]
    provider = LocalTokens(Options(login_ttl_s=60), clock=lambda: now[0]).open(PLACE)
    log_in = await provider.log_in("ada", None)
    now[0] = 1061.0
    with pytest.raises(AuthTokenError, match="expired"):
        await provider.call_token(log_in, "stand-up")


async def test_session_id_is_checked() -> None:
    """A blank session id gets no token."""
    provider = LocalTokens().open(PLACE)
    with pytest.raises(SessionIdError):
        await provider.call_token(await provider.log_in("ada", None), "  ")


async def test_invite_link() -> None:
    """A link is made with no server asked, and a server of this key accepts it."""
    provider = LocalTokens().open(PLACE)
    link = await provider.invite(await provider.log_in("ada", None), "stand-up", role="moderator", ttl_s=60)
    assert tokens.read_invite({API_KEY: API_SECRET}, link.invite, "stand-up").role == "moderator"


def test_it_says_what_is_missing() -> None:
    """Without a secret it is passed over, and the reason names what is missing."""
    assert LocalTokens().unsuited(Place("https://h", "key")) == "no api_secret is known for this place"
    assert LocalTokens().unsuited(Place()) == "no api_key and no api_secret is known for this place"
