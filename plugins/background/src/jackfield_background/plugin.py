"""What this plugin answers. Importing it imports no native library."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from jackfield.hookspecs import hookimpl
from jackfield.roles import ProcessorFactory
from jackfield_background.factory import BackgroundFactory


@frozen(kw_only=True)
class Options:
    """There are none: a call says what is to be behind whom."""


class BackgroundPlugin:
    """What is behind a person, blurred or another picture."""

    name = "background"
    api_version = (1, 0)
    options = Options

    @hookimpl
    def register_processors(self, options: Options) -> Sequence[ProcessorFactory]:
        """The one that tells people from what is behind them."""
        return (BackgroundFactory(),)


plugin = BackgroundPlugin()
