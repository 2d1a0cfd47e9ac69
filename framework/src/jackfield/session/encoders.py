"""Encoders of one codec, best first, and those that failed in the call passed over."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import evolve

from jackfield.plugins import Choice, Plugins
from jackfield.plugins.registry import PATIENCE_S
from jackfield.roles import Encoder
from jackfield.values.errors import EncoderError
from jackfield.values.formats import Encoding, VideoEncoding


class EncoderSource:
    """Opens encoders of one codec, best first; one that failed in the call is passed over from then on.

    ``changed`` is told, on the thread that opens, when another one was opened: which before, which now, and why.
    Where ``viewers_wait``, only what is known to work and opens at once is taken.
    """

    def __init__(
        self, plugins: Plugins, encoding: Encoding, prefer: Sequence[str], *, viewers_wait: bool = False
    ) -> None:
        self.encoding, self._plugins, self._prefer = encoding, plugins, tuple(prefer)
        self._viewers_wait = viewers_wait
        self.choice: Choice | None = None
        self.changed: Callable[[str, str, str], None] = lambda before, now, why: None
        self._failed: dict[str, str] = {}
        self._why = ""

    @property
    def is_hardware(self) -> bool:
        """Whether the one in use is hardware."""
        return self.choice is not None and self.choice.backend not in ("", "software")

    def open(self, width: int, height: int) -> Encoder:
        """A running encoder for this size; blocks. After a failure viewers wait."""
        encoding = self.encoding
        if isinstance(encoding, VideoEncoding):
            encoding = evolve(encoding, width=width, height=height)
        patience_s = 0.0 if self._failed or self._viewers_wait else PATIENCE_S
        encoder, choice = self._plugins.encoder(
            encoding.codec, encoding, self._prefer, failed=self._failed, patience_s=patience_s
        )
        before, self.choice = self.choice, choice
        if before is not None and before.chosen != choice.chosen:
            self.changed(before.chosen, choice.chosen, self._why or _why_not(before.chosen, choice))
        self._why = ""
        return encoder

    def blame(self, error: EncoderError) -> None:
        """The one in use is not taken again. Any thread."""
        if self.choice is not None:
            reason = f"it failed in the call: {error.message}"
            self._failed[self.choice.chosen] = reason
            self._why = error.message
            if self.is_hardware:
                self._plugins.distrust(self.choice, reason)


def _why_not(name: str, choice: Choice) -> str:
    """Why one that was in use was not opened again."""
    return next((other.reason for other in choice.passed_over if other.name == name), choice.why)


def first_of(
    plugins: Plugins,
    encodings: Sequence[Encoding],
    prefer: Sequence[str],
    size: tuple[int, int],
    *,
    viewers_wait: bool = False,
) -> tuple[EncoderSource, Encoder]:
    """The first of ``encodings`` for which an encoder opens; `EncoderError` of the first that did not. Blocks."""
    errors = []
    for encoding in encodings:
        source = EncoderSource(plugins, encoding, prefer, viewers_wait=viewers_wait)
        try:
            return source, source.open(*size)
        except EncoderError as error:
            errors.append(error)
    raise errors[0] if errors else EncoderError("the server takes none of the codecs that the settings name")
