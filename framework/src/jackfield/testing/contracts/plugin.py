"""The contract of every plugin: how it is named, loaded and configured."""

from __future__ import annotations

import json
import subprocess
import sys

from jackfield import own_python
from jackfield.hookspecs import API_VERSION
from jackfield.plugins.config import Config
from jackfield.plugins.loader import discover, load
from jackfield.testing.contracts.offered import PluginUnderTest

#: Modules that hold or load native code of a device, codec or transport.
NATIVE = ("av", "numpy", "sounddevice", "pyudev", "aiortc", "pylibsrtp", "PySide6", "cv2", "livekit.rtc")

_LIST = """
import json, sys
from jackfield.plugins.config import Config
from jackfield.plugins.loader import load
name, native = sys.argv[1], sys.argv[2].split(",")
before = [m for m in native if m in sys.modules]
rows = load(Config(), only={name}).rows
print(json.dumps({"imported": [m for m in native if m in sys.modules], "before": before, "rows": len(rows)}))
"""


class PluginContract(PluginUnderTest):
    """What the framework relies on before it asks a plugin anything."""

    def test_an_entry_point_of_its_name_leads_to_it(self) -> None:
        """An entry point in group ``jackfield`` has the plugin's name and loads this very object."""
        entries = [entry for entry in discover() if entry.name == self.plugin.name]
        assert [entry.load() for entry in entries] == [self.plugin]

    def test_its_distribution_has_its_name(self) -> None:
        """The distribution is called ``jackfield-<name>``, so that a missing one can be named to whoever lacks it."""
        entry = next(entry for entry in discover() if entry.name == self.plugin.name)
        assert entry.dist is not None
        assert entry.dist.name.lower().replace("_", "-") == f"jackfield-{self.plugin.name}"

    def test_it_loads(self) -> None:
        """It loads with the options of this test, and answers hooks that exist."""
        (row,) = self.loading().rows
        assert (row.state, row.reason) == ("ok", "")
        assert row.answers

    def test_it_loads_with_no_configuration(self) -> None:
        """Installing it is enough: every option has a default."""
        (row,) = load(Config(), only={self.plugin.name}).rows
        assert (row.state, row.reason) == ("ok", "")

    def test_it_was_written_for_this_api(self) -> None:
        """``api_version`` is the framework's major version and no newer minor."""
        major, minor = self.plugin.api_version
        assert major == API_VERSION[0]
        assert minor <= API_VERSION[1]

    def test_listing_it_imports_no_native_library(self) -> None:
        """Importing it and asking its hooks loads no codec, device or transport library."""
        command = [sys.executable, "-c", _LIST, self.plugin.name, ",".join(NATIVE)]
        done = subprocess.run(command, capture_output=True, timeout=30, check=False, env=own_python.environment())
        assert done.returncode == 0, done.stderr.decode()
        answer = json.loads(done.stdout.splitlines()[-1])
        assert answer["rows"] == 1
        assert answer["imported"] == answer["before"] == []

    def test_an_option_that_it_does_not_know_is_found(self) -> None:
        """A misspelt key in its section is a finding that names the key; nothing starts half configured."""
        config = Config(tables={self.plugin.name: {**self.options, "no_such_option": 1}})
        loading = load(config, only={self.plugin.name})
        assert any("no_such_option" in finding.key for finding in loading.findings)
        assert not loading.loaded

    def test_its_hooks_can_be_asked_again(self) -> None:
        """Hooks only describe: asked twice they answer the same names."""
        first, second = self.loading().loaded[0], self.loading().loaded[0]
        names = [
            {hook: [offer.name for offer in offers] for hook, offers in each.offers.items()} for each in (first, second)
        ]
        assert names[0] == names[1]
