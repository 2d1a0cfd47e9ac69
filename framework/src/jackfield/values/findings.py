"""A finding: one thing wrong, or worth knowing, in settings or configuration."""

from __future__ import annotations

from typing import Literal

from attrs import frozen

Severity = Literal["error", "warning"]


@frozen
class Finding:
    """What was found at ``key``, and what to do. ``source`` says where: a plugin's name, a file, an environment."""

    severity: Severity
    key: str
    found: str
    fix: str
    source: str = ""

    def __str__(self) -> str:
        where = f" ({self.source})" if self.source else ""
        return f"{self.key}: {self.found}; {self.fix}{where}"
