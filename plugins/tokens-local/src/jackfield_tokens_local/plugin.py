"""What this plugin answers. Importing it imports no native library."""

from __future__ import annotations

from collections.abc import Sequence

from jackfield.hookspecs import hookimpl
from jackfield.roles import TokenProviderFactory
from jackfield_tokens_local.factory import LocalTokens, Options


class TokensLocalPlugin:
    """Log-ins and call tokens minted on this machine."""

    name = "tokens-local"
    api_version = (1, 0)
    options = Options

    @hookimpl
    def register_token_providers(self, options: Options) -> Sequence[TokenProviderFactory]:
        """One source, for places whose key and secret are known."""
        return (LocalTokens(options),)


plugin = TokensLocalPlugin()
