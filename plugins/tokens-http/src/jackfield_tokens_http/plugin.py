"""What this plugin answers. Importing it imports no native library."""

from __future__ import annotations

from collections.abc import Sequence

from jackfield.hookspecs import hookimpl
from jackfield.roles import TokenProviderFactory
from jackfield_tokens_http.factory import HttpTokens, Options


class TokensHttpPlugin:
    """Log-ins and call tokens fetched from a service."""

    name = "tokens-http"
    api_version = (1, 0)
    options = Options

    @hookimpl
    def register_token_providers(self, options: Options) -> Sequence[TokenProviderFactory]:
        """One source, for places with a URL."""
        return (HttpTokens(options),)


plugin = TokensHttpPlugin()
