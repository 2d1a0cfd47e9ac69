"""The keys of ``[vaapi]`` in ``jackfield.toml``."""

from __future__ import annotations

from attrs import frozen

from jackfield.media.libav.hardware import CardOptions


@frozen
class Options(CardOptions):
    """Which GPU, and how it encodes."""

    #: The render node (/dev/dri/renderD128); empty: the first.
    device: str = ""
    #: Use the GPU's low-power encoder, the only one that some Intel GPUs have.
    low_power: bool = False
