"""What this plugin answers."""

from __future__ import annotations

from collections.abc import Sequence

from jackfield.hookspecs import hookimpl
from jackfield.values.findings import Finding
from jackfield.values.settings import SessionSettings
from jackfield_checks_policy import limits
from jackfield_checks_policy.options import Options


class PolicyPlugin:
    """Checks settings against the limits of this installation."""

    name = "checks-policy"
    api_version = (1, 0)
    options = Options

    @hookimpl
    def check_settings(self, settings: SessionSettings, options: Options) -> Sequence[Finding]:
        """Every limit that the settings go beyond, at once."""
        return limits.findings(options, settings)


plugin = PolicyPlugin()
