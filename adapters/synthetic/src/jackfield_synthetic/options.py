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
    #: ``synthetic:gone`` is unplugged this long after it was started …
    gone_after_s: float = field(default=3.0, validator=validators.gt(0))
    #: … and is plugged in again this long after that.
    gone_for_s: float = field(default=3.0, validator=validators.gt(0))
