"""Hardware backends: what an adapter states of its card, made into factories of encoders and decoders.

Nothing here imports a native library before a codec is probed or opened.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args

from attrs import define, field, frozen, validators

from jackfield.hookspecs import hookimpl
from jackfield.media.libav.tuning import Accelerator, Decoding, Tuning
from jackfield.values.errors import EncoderError
from jackfield.values.findings import Finding
from jackfield.values.formats import Encoding, VideoEncoding

if TYPE_CHECKING:
    from jackfield.roles import Decoder, DecoderFactory, Encoder, EncoderFactory

#: Encoders of cards outrank software (20), which anything can do.
ENCODES = 50
#: Decoders of cards stand behind software (20): opening one takes longer than the first second of a small picture
#: is worth, and each holds memory of the card.
DECODES, DECODES_FIRST = 10, 50

_SYSTEMS = {"linux": "Linux", "darwin": "macOS", "win32": "Windows"}
#: ``[...] decoding`` of an adapter: whether its decoders come before software, after it, or not at all.
DecodingWish = Literal["prefer", "offer", "off"]


@frozen
class CardOptions:
    """What every adapter of a card lets its users choose."""

    #: Whether its decoders come before software (prefer), after it (offer), or not at all (off).
    decoding: DecodingWish = field(default="offer", validator=validators.in_(get_args(DecodingWish)))


@frozen
class Card:
    """One kind of codec hardware.

    ``platforms`` are those of ``sys.platform`` that have it. ``missing`` says at a glance what this machine plainly
    lacks for it, or nothing; ``driver`` tells one version of the driver from the next. ``builds`` says which PyAV has
    its codecs. ``words`` are what FFmpeg says of it → what that means. ``diagnose`` finds what keeps a card that is
    there from being used.
    """

    backend: str
    label: str
    platforms: Sequence[str]
    builds: str
    missing: Callable[[], str | None] = lambda: None
    driver: Callable[[], str] = lambda: ""
    words: Mapping[str, str] = field(factory=dict)
    diagnose: Callable[[], Sequence[Finding]] = tuple
    rank: int = ENCODES

    def encoders(self, tunings: Mapping[str, Tuning]) -> list[EncoderFactory]:
        """A factory for each codec."""
        return [
            CardEncoder(self, _name(codec, self.backend), codec, self.backend, self.rank, tuning)
            for codec, tuning in tunings.items()
        ]

    def decoders(
        self, decodings: Mapping[str, Decoding], wish: DecodingWish = "offer", *, backend: str = ""
    ) -> list[DecoderFactory]:
        """A factory for each codec, ranked as the adapter's options wish; ``backend`` where decoding is called else."""
        if wish == "off":
            return []
        rank, backend = DECODES_FIRST if wish == "prefer" else DECODES, backend or self.backend
        return [
            CardDecoder(self, _name(codec, backend), codec, backend, rank, decoding)
            for codec, decoding in decodings.items()
        ]

    def lacks(self, library: str, device: Accelerator | None) -> str | None:
        """What this machine, or this PyAV, plainly lacks; None where only trying tells more."""
        if sys.platform not in self.platforms:
            homes = " and ".join(_SYSTEMS.get(each, each) for each in self.platforms)
            return f"{self.label} is of {homes}, and this is {_SYSTEMS.get(sys.platform, sys.platform)}"
        import av
        from av.codec.hwaccel import hwdevices_available

        found = [self.missing()]
        if device is not None and device.kind not in hwdevices_available():
            found.append(f"this PyAV ({av.__version__}) was built without {device.kind}; {self.builds}")
        elif library not in av.codecs_available:
            found.append(f"this PyAV ({av.__version__}) has no {library}; {self.builds}")
        return "; ".join(reason for reason in found if reason) or None

    def said(self, error: EncoderError) -> EncoderError:
        """The error, in words that somebody can act on where FFmpeg's own are known."""
        meant = next((words for said, words in self.words.items() if said in error.message), "")
        return EncoderError(f"{meant} ({error.message})", details=error.details) if meant else error


@define
class _OfCard:
    """What encoders and decoders of a card have in common."""

    card: Card
    name: str
    codec: str
    backend: str
    rank: int

    def driver(self) -> str:
        """The version of the driver: what a probe found holds for this one."""
        return self.card.driver()

    def diagnose(self) -> Sequence[Finding]:
        """What keeps a card that is there from being used."""
        return self.card.diagnose()


@define
class CardEncoder(_OfCard):
    """Opens a card's encoder of one codec."""

    tuning: Tuning
    makes: Literal["encoder"] = "encoder"

    def lacks(self) -> str | None:
        """What this machine or this PyAV plainly lacks."""
        return self.card.lacks(self.tuning.library, self.tuning.device)

    def probe(self) -> str | None:
        """Why it does not work here, found by encoding a dozen pictures and decoding them again."""
        from jackfield.media.libav import trial

        return self.lacks() or _reason(lambda: trial.encode(self))

    def open(self, encoding: Encoding) -> Encoder:
        """A running encoder; ``EncoderError`` says what the driver said."""
        from jackfield.media.libav.encoder import SteeredEncoder

        if not isinstance(encoding, VideoEncoding):
            raise EncoderError(f"{self.name} encodes pictures", details={"encoder": self.name})
        try:
            return SteeredEncoder(encoding, self.tuning)
        except EncoderError as error:
            raise self.card.said(error) from error


@define
class CardDecoder(_OfCard):
    """Opens a card's decoder of one codec."""

    decoding: Decoding
    makes: Literal["decoder"] = "decoder"

    def lacks(self) -> str | None:
        """What this machine or this PyAV plainly lacks."""
        return self.card.lacks(self.decoding.library, self.decoding.device)

    def probe(self) -> str | None:
        """Why it does not work here, found by decoding a known stream."""
        from jackfield.media.libav import trial

        return self.lacks() or _reason(lambda: trial.decode(self))

    def open(self, *, channels: int = 2) -> Decoder:
        """A running decoder; ``EncoderError`` says what the driver said."""
        from jackfield.media.libav.decoder import VideoDecoder

        try:
            return VideoDecoder(self.decoding)
        except EncoderError as error:
            raise self.card.said(error) from error


class CardPlugin:
    """A plugin whose whole work is one kind of codec hardware: ``codecs`` answers with its factories."""

    api_version = (1, 0)

    def __init__(
        self, name: str, options: type, codecs: Callable[[Any], Sequence[EncoderFactory | DecoderFactory]]
    ) -> None:
        self.name, self.options, self._codecs = name, options, codecs

    @hookimpl
    def register_codecs(self, options: Any) -> Sequence[EncoderFactory | DecoderFactory]:
        """What the card encodes and decodes, if it is there."""
        return self._codecs(options)


def _name(codec: str, backend: str) -> str:
    return f"{codec.lower()}-{backend}"


def _reason(attempt: Callable[[], str | None]) -> str | None:
    try:
        return attempt()
    except EncoderError as error:
        return error.message
