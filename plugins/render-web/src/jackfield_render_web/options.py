"""The keys of ``[render-web]`` in ``jackfield.toml``."""

from __future__ import annotations

from attrs import field, frozen, validators


@frozen
class Options:
    """Where the page is, and who may hold it in a frame."""

    #: The port on 127.0.0.1; 0: any that is free.
    port: int = field(default=0, validator=[validators.ge(0), validators.le(65_535)])
    #: Origins of pages that may hold it in a frame.
    origins: tuple[str, ...] = field(
        default=(), converter=tuple, validator=validators.deep_iterable(validators.matches_re(r"https?://[^\s/;,]+"))
    )
