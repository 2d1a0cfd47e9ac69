"""The keys of ``[render-record]`` in ``jackfield.toml``."""

from __future__ import annotations

from attrs import field, frozen, validators


@frozen
class Options:
    """Where files go when ``record_to`` says nothing, and how much a crash may cost."""

    #: A folder, or a pattern with ``{session}``, ``{uid}``, ``{name}`` and ``{time}`` in it.
    to: str = "recordings"
    #: So much of the call is written at a time; this is what is lost when the process is killed.
    cluster_ms: int = field(default=1000, validator=[validators.ge(100), validators.le(10_000)])
    #: Frames that may wait for a slow disk before some are dropped.
    queue_frames: int = field(default=2000, validator=validators.ge(50))
