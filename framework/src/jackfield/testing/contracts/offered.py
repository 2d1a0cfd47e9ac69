"""What the contracts of all roles share: the plugin under test, its options, and its offers as parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from jackfield.plugins.config import Config
from jackfield.plugins.loader import Loading, load


class PluginUnderTest:
    """Name your plugin in ``plugin``, and in ``options`` what would stand in its section of ``jackfield.toml``."""

    plugin: ClassVar[Any]
    options: ClassVar[Mapping[str, Any]] = {}
    #: The hook whose answers are the parameters of fixture ``offer``; "" where the contract needs none.
    hook: ClassVar[str] = ""
    #: Which of the offers this contract is for: an attribute and its value.
    only: ClassVar[tuple[str, Any] | None] = None

    @classmethod
    def loading(cls) -> Loading:
        """The plugin as the framework loads it, with these options."""
        return load(Config(tables={cls.plugin.name: dict(cls.options)}), only={cls.plugin.name})

    @classmethod
    def offers(cls) -> list[Any]:
        """What the plugin answers at the contract's hook."""
        loading = cls.loading()
        if not loading.loaded:
            reason = "; ".join(row.reason for row in loading.rows) or "no entry point of that name is installed"
            pytest.fail(f"plugin {cls.plugin.name} did not load: {reason}", pytrace=False)
        found = loading.loaded[0].offers.get(cls.hook, ())
        return [offer for offer in found if cls.only is None or getattr(offer, cls.only[0], None) == cls.only[1]]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Runs each clause once for each offer."""
        if "offer" in metafunc.fixturenames:
            offers = type(self).offers() if isinstance(self, PluginUnderTest) else []
            metafunc.parametrize("offer", offers, ids=[offer.name for offer in offers])

    def test_the_plugin_offers_something(self) -> None:
        """The hook of this role is answered with one offer at least."""
        if self.hook:
            assert self.offers(), f"{self.plugin.name} answers {self.hook} with nothing that this contract is for"
