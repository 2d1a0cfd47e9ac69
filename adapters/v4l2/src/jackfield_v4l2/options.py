"""The keys of ``[v4l2]`` in ``jackfield.toml``."""

from __future__ import annotations

from typing import Any

from attrs import field, frozen, validators


@frozen
class Options:
    """How long a camera may be silent, and what its controls are set to when it is opened."""

    #: Seconds without a whole picture after which a camera counts as frozen; halfway its stream is started anew.
    frozen_after_s: float = field(default=4.0, validator=validators.gt(0))
    #: Seconds that a camera may take for its first picture.
    first_picture_s: float = field(default=8.0, validator=validators.gt(0))
    #: Control → value, for every camera that has it; or id, or part of an id or label → such a table for that camera.
    controls: dict[str, Any] = field(factory=dict)
