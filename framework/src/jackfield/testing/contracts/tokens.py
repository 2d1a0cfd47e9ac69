"""The contract of whatever gives log-ins and call tokens."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any, ClassVar

import attrs
import pytest
import pytest_asyncio

from jackfield.testing.contracts.offered import PluginUnderTest
from jackfield.values.errors import AuthTokenError, LogInError
from jackfield.values.people import CallToken, LogIn, Place

LIMIT_S = 10.0


class TokenProviderContract(PluginUnderTest):
    """What a call relies on of a source of tokens. Override fixtures ``place`` and ``api_key``."""

    hook: ClassVar[str] = "register_token_providers"

    @pytest.fixture
    def place(self) -> Place:
        """A place that the provider suits; where it asks a server, one that runs for the test."""
        pytest.fail("override fixture place with a place that your provider suits", pytrace=False)

    @pytest.fixture
    def api_key(self, place: Place) -> str | None:
        """The key that a log-in takes there."""
        return place.login_key

    @pytest_asyncio.fixture
    async def provider(self, offer: Any, place: Place) -> AsyncIterator[Any]:
        """A provider of this place, closed after the test."""
        opened = offer.open(place)
        yield opened
        await asyncio.wait_for(opened.close(), LIMIT_S)

    def test_it_says_what_it_suits(self, offer: Any, place: Place) -> None:
        """``unsuited`` is None for its own place, and otherwise a reason in words."""
        assert offer.name.strip()
        assert isinstance(offer.rank, int)
        assert offer.unsuited(place) is None
        elsewhere = offer.unsuited(Place("https://nowhere.example"))
        assert elsewhere is None or elsewhere.strip()

    @pytest.mark.asyncio
    async def test_a_log_in_is_of_the_user_who_asked(self, provider: Any, api_key: str | None) -> None:
        """The log-in has the uid, a token, and has not ended."""
        log_in: LogIn = await provider.log_in("ada", api_key, name="Ada")
        assert log_in.uid == "ada"
        assert log_in.auth_token
        assert not log_in.expired()

    @pytest.mark.asyncio
    async def test_a_wrong_key_is_refused(self, provider: Any, api_key: str | None) -> None:
        """A key that is not the right one raises `LogInError`."""
        if api_key is None:
            pytest.skip("this source asks for no key")
        with pytest.raises(LogInError):
            await provider.log_in("ada", "not-" + api_key)

    @pytest.mark.asyncio
    async def test_an_auth_token_stands_for_its_log_in(self, provider: Any, api_key: str | None) -> None:
        """`log_in_with_token` gives back the user whose token it is."""
        log_in = await provider.log_in("ada", api_key)
        again = await provider.log_in_with_token(log_in.auth_token)
        assert again.uid == "ada"

    @pytest.mark.parametrize("token", ["garbage", "e30.e30.e30", "x" * 5000], ids=["garbage", "unsigned", "long"])
    @pytest.mark.asyncio
    async def test_a_token_of_nobody_is_refused(self, provider: Any, token: str) -> None:
        """What is no auth token raises `AuthTokenError`."""
        with pytest.raises(AuthTokenError):
            await provider.log_in_with_token(token)

    @pytest.mark.asyncio
    async def test_a_call_token_is_of_one_user_and_session(self, provider: Any, api_key: str | None) -> None:
        """It names both, expires in the time to come, and differs from that of another session."""
        log_in = await provider.log_in("ada", api_key)
        token: CallToken = await provider.call_token(log_in, "stand-up")
        other: CallToken = await provider.call_token(log_in, "retro")
        assert (token.session_id, token.uid) == ("stand-up", "ada")
        assert token.token
        assert token.expires_at > time.time()
        assert token.token != other.token

    @pytest.mark.asyncio
    async def test_no_call_token_without_a_log_in(self, provider: Any, api_key: str | None) -> None:
        """A log-in whose token is not its own raises `AuthTokenError`."""
        log_in = await provider.log_in("ada", api_key)
        with pytest.raises(AuthTokenError):
            await provider.call_token(attrs.evolve(log_in, auth_token="garbage"), "stand-up")

    @pytest.mark.asyncio
    async def test_secrets_do_not_show(self, provider: Any, api_key: str | None) -> None:
        """``repr`` of a log-in and of a call token holds neither token."""
        log_in = await provider.log_in("ada", api_key)
        token = await provider.call_token(log_in, "stand-up")
        assert log_in.auth_token not in repr(log_in)
        assert token.token not in repr(token)
