"""Which places this plugin suits. The rest is imported when it is opened."""

from __future__ import annotations

import time
from collections.abc import Callable

from attrs import field, frozen, validators

from jackfield.roles import TokenProvider
from jackfield.values.errors import PluginError
from jackfield.values.people import Place


@frozen(kw_only=True)
class Options:
    """Who is asked for log-ins and tokens. Without URLs, the Jackfield server at the place's url."""

    #: Takes {uid, api_key, name}, answers {auth_token, …}.
    login_url: str | None = None
    #: Takes {session_id, name} or LiveKit's {room_name, participant_identity, participant_name}; answers either shape.
    token_url: str | None = None
    #: Sent with every request, such as an API key of your own service.
    headers: dict[str, str] = field(factory=dict, repr=False)
    #: Seconds that the service gets to answer.
    timeout_s: float = field(default=10.0, validator=validators.gt(0))


class HttpTokens:
    """The factory. Suits every place with a URL, and any place once ``token_url`` is configured."""

    name = "tokens-http"
    rank = 50

    def __init__(self, options: Options | None = None, clock: Callable[[], float] = time.time) -> None:
        self._options = options or Options()
        self._clock = clock

    def unsuited(self, place: Place) -> str | None:
        """There must be somebody to ask."""
        if place.url or self._options.token_url:
            return None
        return "no server url is known for this place, and no token_url is configured"

    def open(self, place: Place) -> TokenProvider:
        """A provider that asks this place. Nothing is connected yet."""
        from jackfield_tokens_http.client import Client
        from jackfield_tokens_http.provider import Provider

        if why_not := self.unsuited(place):
            raise PluginError(f"tokens-http: {why_not}")
        options = self._options
        base = (place.url or "").rstrip("/")
        client = Client(options.headers, place.fingerprint, options.timeout_s)
        # A token endpoint of one's own with no log-in endpoint beside it: the headers say who asks.
        login_url = options.login_url or (None if options.token_url else f"{base}/api/login")
        return Provider(place, client, login_url, options.token_url or f"{base}/api/token", self._clock)
