"""Which places this plugin suits. The rest is imported when it is opened."""

from __future__ import annotations

import time
from collections.abc import Callable

from attrs import field, frozen, validators

from jackfield.roles import TokenProvider
from jackfield.values.people import Place


@frozen(kw_only=True)
class Options:
    """How long what is minted holds."""

    #: Seconds that a log-in holds.
    login_ttl_s: float = field(default=7 * 24 * 3600.0, validator=validators.gt(0))
    #: Seconds that a call token holds.
    call_ttl_s: float = field(default=6 * 3600.0, validator=validators.gt(0))


class LocalTokens:
    """The factory. Suits every place whose API key and secret are known."""

    name = "tokens-local"
    rank = 100

    def __init__(self, options: Options | None = None, clock: Callable[[], float] = time.time) -> None:
        self._options = options or Options()
        self._clock = clock

    def unsuited(self, place: Place) -> str | None:
        """Tokens cannot be minted without a key and its secret."""
        missing = [name for name in ("api_key", "api_secret") if not getattr(place, name)]
        return f"no {' and no '.join(missing)} is known for this place" if missing else None

    def open(self, place: Place) -> TokenProvider:
        """A provider that mints with the keys of this place."""
        from jackfield_tokens_local.provider import Provider

        return Provider(place, self._options.login_ttl_s, self._options.call_ttl_s, self._clock)
