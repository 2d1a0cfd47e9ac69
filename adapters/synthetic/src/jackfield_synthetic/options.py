"""The keys of ``[synthetic]`` in ``jackfield.toml``."""

from __future__ import annotations

from attrs import field, frozen, validators


@frozen
class Options:
    """Which made-up devices there are beside the test cards and tones."""

    #: A media file that plays, over and over, as camera ``synthetic:file`` and microphone ``synthetic:file-sound``.
    file: str = ""
    #: Also list ``synthetic:busy``, ``synthetic:denied`` and ``synthetic:gone``, which fail as real devices do.
    errors: bool = False
    #: Seconds after its start at which ``synthetic:gone`` is unplugged.
    gone_after_s: float = field(default=3.0, validator=validators.gt(0))
    #: Seconds until it is plugged in again.
    gone_for_s: float = field(default=3.0, validator=validators.gt(0))
