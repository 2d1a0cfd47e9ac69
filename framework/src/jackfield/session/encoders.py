"""Encoders of one codec, best first, and those that failed in the call passed over."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve

from jackfield.plugins import Choice, Plugins
from jackfield.roles import Encoder
from jackfield.values.errors import EncoderError
from jackfield.values.formats import Encoding, VideoEncoding


class EncoderSource:
    """Opens encoders of one codec, best first; one that failed twice in a row is passed over from then on."""

    def __init__(self, plugins: Plugins, encoding: Encoding, prefer: Sequence[str]) -> None:
        self.encoding, self._plugins, self._prefer = encoding, plugins, tuple(prefer)
        self.choice: Choice | None = None
        self._failed: dict[str, str] = {}

    def open(self, width: int, height: int) -> Encoder:
        """A running encoder for this size; blocks."""
        encoding = self.encoding
        if isinstance(encoding, VideoEncoding):
            encoding = evolve(encoding, width=width, height=height)
        encoder, self.choice = self._plugins.encoder(encoding.codec, encoding, self._prefer, failed=self._failed)
        return encoder

    def blame(self, error: EncoderError) -> None:
        """The one in use is not taken again."""
        if self.choice is not None:
            self._failed[self.choice.chosen] = f"it failed in the call: {error.message}"


def first_of(
    plugins: Plugins, encodings: Sequence[Encoding], prefer: Sequence[str], size: tuple[int, int]
) -> tuple[EncoderSource, Encoder]:
    """The first of ``encodings`` for which an encoder opens; `EncoderError` of the first that did not. Blocks."""
    errors = []
    for encoding in encodings:
        source = EncoderSource(plugins, encoding, prefer)
        try:
            return source, source.open(*size)
        except EncoderError as error:
            errors.append(error)
    raise errors[0] if errors else EncoderError("the server takes none of the codecs that the settings name")
