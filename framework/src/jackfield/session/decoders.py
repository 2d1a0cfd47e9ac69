"""Decoders of one remote track, best first, and those that failed in the call passed over."""

from __future__ import annotations

from jackfield.plugins import Choice, Plugins
from jackfield.plugins.registry import PATIENCE_S
from jackfield.roles import Decoder
from jackfield.values.errors import EncoderError


class DecoderSource:
    """Opens decoders of whatever codec arrives, best first; one that failed is passed over from then on."""

    def __init__(self, plugins: Plugins, channels: int) -> None:
        self._plugins, self._channels = plugins, channels
        self.choice: Choice | None = None
        self._failed: dict[str, str] = {}

    @property
    def name(self) -> str:
        """The one in use; "" where none is."""
        return self.choice.chosen if self.choice is not None else ""

    @property
    def is_hardware(self) -> bool:
        """Whether the one in use is hardware."""
        return self.choice is not None and self.choice.backend not in ("", "software")

    def open(self, codec: str) -> Decoder:
        """A running decoder; blocks. After a failure only for what is known to work."""
        patience_s = 0.0 if self._failed else PATIENCE_S
        decoder, self.choice = self._plugins.decoder(
            codec, channels=self._channels, failed=self._failed, patience_s=patience_s
        )
        return decoder

    def blame(self, error: EncoderError) -> None:
        """The one in use is not taken again. Any thread."""
        if self.choice is not None:
            reason = f"it failed in the call: {error.message}"
            self._failed[self.choice.chosen] = reason
            if self.is_hardware:
                self._plugins.distrust(self.choice, reason)
