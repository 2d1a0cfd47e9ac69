"""The contract of whatever checks settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from jackfield.plugins.config import Config
from jackfield.plugins.registry import load
from jackfield.testing.contracts.offered import PluginUnderTest
from jackfield.values.findings import Finding
from jackfield.values.people import Place
from jackfield.values.settings import SessionSettings


class SettingsCheckContract(PluginUnderTest):
    """What a call relies on of a check. A case in ``refused``: options, settings, and the key of the finding."""

    refused: ClassVar[Sequence[tuple[Mapping[str, Any], Mapping[str, Any], str]]] = ()
    place: ClassVar[Place] = Place()

    def check(self, options: Mapping[str, Any], settings: Mapping[str, Any]) -> list[Finding]:
        """This plugin's findings, asked as the framework asks."""
        plugins = load(Config(tables={self.plugin.name: dict(options)}), only={self.plugin.name})
        assert [row.reason for row in plugins.rows] == [""]
        found = plugins.check_settings(SessionSettings.from_dict(settings), self.place)
        return [finding for finding in found if finding.source == self.plugin.name]

    def test_it_answers_the_hook(self) -> None:
        """The plugin implements ``check_settings``."""
        assert "check_settings" in self.loading().rows[0].answers

    def test_settings_as_they_come_pass_with_no_configuration(self) -> None:
        """Installing a check refuses nobody: with neither options nor settings there is no error."""
        assert [finding for finding in self.check({}, {}) if finding.severity == "error"] == []

    def test_each_case_is_found_with_its_fix(self) -> None:
        """Each case gives a finding at its key, which says what was found and what to do."""
        assert self.refused, "name the cases that your check refuses"
        for options, settings, key in self.refused:
            found = [finding for finding in self.check(options, settings) if finding.key == key]
            assert found, f"{settings} with {options} gave no finding at {key}"
            assert all(finding.found.strip() and finding.fix.strip() for finding in found)

    def test_all_mistakes_are_found_at_once(self) -> None:
        """Cases that can stand together are all reported in one go."""
        options = {key: value for each, _, _ in self.refused for key, value in each.items()}
        settings = {key: value for _, each, _ in self.refused for key, value in each.items()}
        keys = {finding.key for finding in self.check(options, settings)}
        assert {key for _, _, key in self.refused} <= keys
