"""Every interface that a plugin may implement. Hooks answer with factories; these are what the factories make.

An optional ability is a one-method protocol, asked with ``isinstance``. The framework keeps the life cycle: it calls
``start`` and ``stop``/``close`` once each and in order, so that an implementation holds no state checks.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from attrs import frozen

from jackfield.rendered import RenderedCall as RenderedCall
from jackfield.rendered import RenderedPerson as RenderedPerson
from jackfield.rendered import RenderedTrack as RenderedTrack
from jackfield.rendered import Unwatch as Unwatch

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from jackfield.links import JoinLink
    from jackfield.values.devices import Device, DeviceChange, DeviceKind
    from jackfield.values.errors import CallError
    from jackfield.values.findings import Finding
    from jackfield.values.formats import AudioFormat, Encoding, MediaFormat
    from jackfield.values.media import AudioBlock, EncodedFrame, Media, VideoFrame
    from jackfield.values.people import CallToken, LogIn, Place, Role
    from jackfield.values.settings import SessionSettings


# --- what whatever a plugin offers may say of the machine ---------------------------------------------------------
@runtime_checkable
class Diagnoses(Protocol):
    """Whatever a plugin offers at a hook that can say what this machine lacks for it: a driver, a codec factory."""

    def diagnose(self) -> Sequence[Finding]:
        """What is missing or in the way; nothing when all is well. ``key`` names what was looked at
        (``/dev/video0``, ``libportaudio``, a command), ``found`` says what was found and ``fix`` the command that
        mends it. An error is what keeps something that is attached or configured from working; a warning is what
        somebody may want and need not have. Asked by `jackfield doctor` alone, on a thread of its own: it may look
        and connect for a few seconds, and it disturbs no device that is in use.
        """


# --- where log-ins and call tokens come from ---------------------------------------------------------------------
class TokenProvider(Protocol):
    """Log-ins and call tokens from one source. Methods run on the event loop."""

    async def log_in(self, uid: str, api_key: str | None, *, name: str = "") -> LogIn:
        """A log-in of ``uid``; ``LogInError`` says what was wrong."""

    async def log_in_with_token(self, auth_token: str) -> LogIn:
        """The log-in that an auth token stands for; ``AuthTokenError`` when it does not hold."""

    async def call_token(self, log_in: LogIn, session_id: str) -> CallToken:
        """A token for this user and session; ``AuthTokenError`` when the log-in has ended."""

    async def close(self) -> None:
        """Connections are closed."""


@runtime_checkable
class MakesInvites(Protocol):
    """A token provider that can let others in."""

    async def invite(
        self, log_in: LogIn, session_id: str, *, role: Role = "participant", ttl_s: float = 86_400
    ) -> JoinLink:
        """A link whose holder may join this one session, for so long."""


@runtime_checkable
class AcceptsInvites(Protocol):
    """A token provider that lets in who holds an invite, with no log-in."""

    async def accept_invite(self, session_id: str, invite: str, *, name: str = "") -> CallToken:
        """A guest's call token; `AuthTokenError` when the invite does not hold."""


class TokenProviderFactory(Protocol):
    """One source of tokens; the highest rank that suits the place is taken."""

    name: str
    rank: int

    def unsuited(self, place: Place) -> str | None:
        """Why it cannot serve this place, in words; None when it can."""

    def open(self, place: Place) -> TokenProvider:
        """A provider for this place."""


# --- where media comes from ---------------------------------------------------------------------------------------
class CaptureSink(Protocol):
    """Where a capture puts what it took. Both methods may be called on any thread and never block."""

    def deliver(self, media: Media) -> None:
        """Hands over one frame or block; the callee may keep it."""

    def fail(self, error: CallError) -> None:
        """The capture has ended by itself: unplugged (``DeviceGone``), frozen, or broken."""


class Capture(Protocol):
    """One open device, giving media in ``format``."""

    format: MediaFormat

    def start(self, sink: CaptureSink) -> None:
        """Media flows to the sink from now on."""

    def stop(self) -> None:
        """The device is closed and nothing more is delivered; returns within a second whatever the device does. Also
        called where ``start`` never was."""


class CaptureDriver(Protocol):
    """The devices of one kind of hardware."""

    name: str
    kinds: frozenset[DeviceKind]

    def devices(self) -> Sequence[Device]:
        """What is there now. Opens nothing, and takes milliseconds."""

    def watch(self, changed: Callable[[DeviceChange], None]) -> Unwatch:
        """Reports plugging and unplugging (on any thread) until the answer is called."""

    def open(self, device: Device, format: MediaFormat) -> Capture:
        """The device, opened in the nearest format it has, or ``DeviceError``. May block: runs in a thread."""


@runtime_checkable
class MendsItself(Protocol):
    """A capture that begins anew by itself while nothing comes, and fails when it gives that up.

    Any other is opened anew by the call once it has given nothing for ten seconds.
    """

    #: True; that it is there says it.
    mends_itself: bool


@runtime_checkable
class ListsModes(Protocol):
    """A capture driver that must ask a device for its modes, where ``Device.modes`` of a listing is empty."""

    def modes(self, device: Device) -> Sequence[MediaFormat]:
        """Every mode of the device; `DeviceError` says why it cannot be asked. It may open the device for some
        milliseconds, but starts nothing, and disturbs nobody who uses it. May block: runs in a thread."""


@frozen
class Control:
    """One thing that can be turned on a device: exposure, focus, zoom.

    ``value`` and ``default`` are whole numbers between ``minimum`` and ``maximum`` in steps of ``step``, booleans, or
    for a menu one of ``choices``; a button has neither. ``note`` says why it cannot be set just now.
    """

    name: str
    label: str
    kind: Literal["integer", "boolean", "menu", "button"]
    value: int | bool | str | None = None
    default: int | bool | str | None = None
    minimum: int = 0
    maximum: int = 0
    step: int = 1
    choices: tuple[str, ...] = ()
    writable: bool = True
    note: str = ""


@runtime_checkable
class HasControls(Protocol):
    """A capture driver whose devices can be adjusted, also while they are in use. May block: runs in a thread."""

    def controls(self, device: Device) -> Sequence[Control]:
        """What can be adjusted, with what it stands at now; `DeviceError` says why the device cannot be asked."""

    def set_control(self, device: Device, name: str, value: int | bool | str) -> None:
        """Adjusts one control; text is read as its kind wants it. `SettingsError` names the nearest control, the range
        or the choices where name or value mean nothing; `DeviceError` where the device refuses."""


# --- made-up media that can be told from any other ----------------------------------------------------------------
@frozen
class Verdict:
    """What was recognised of made-up media. ``latency_ms`` is the median, where both ends share one machine's clock."""

    ok: bool
    frames: int
    lost: int
    latency_ms: float | None
    text: str


class Verifier(Protocol):
    """Looks for one driver's own pictures or sound in what arrived. Used by one thread at a time."""

    def observe(self, media: VideoFrame | AudioBlock) -> None:
        """Takes one decoded picture or block into account; takes a fraction of a millisecond."""

    def verdict(self) -> Verdict:
        """What was recognised so far."""


@runtime_checkable
class Verifies(Protocol):
    """A driver of made-up media, which recognises its own pictures and sound at the far end of a call."""

    def verifier(self) -> Verifier:
        """A verifier for one track, picture or sound, that has seen nothing yet."""


# --- what changes media on its way --------------------------------------------------------------------------------
class AudioProcessor(Protocol):
    """Changes one microphone's sound, 10 ms at a time; used by one thread at a time."""

    def process(self, near: AudioBlock, far: AudioBlock | None, delay_ms: int) -> AudioBlock:
        """What is sent instead of ``near``: a block of the same rate, channels and length, never ``near`` changed.

        ``near`` is 10 ms at 48 kHz, mono. ``far`` is what the loudspeaker played then, mixed to the same shape, or None
        while nothing plays: its echo comes in ``near`` some ``delay_ms`` later, by the latencies that are known; the
        room's and the hardware's own come on top. Steps of the two clocks against each other are evened out before.
        """

    def close(self) -> None:
        """Gives back what it holds."""


@runtime_checkable
class DetectsSpeech(Protocol):
    """An audio processor that knows whether somebody speaks."""

    def speech(self) -> float:
        """How likely the latest block holds speech, 0 to 1."""


class VideoProcessor(Protocol):
    """Changes one camera's pictures; used by one thread at a time."""

    def process(self, frame: VideoFrame) -> VideoFrame:
        """What is sent instead; the size may differ. ``frame`` is shared and not written to, its instant is kept."""

    def close(self) -> None:
        """Gives back what it holds."""


#: What a factory of `ShowsBackdrop` names in ``does``: done last, and only while somebody asked for a backdrop.
BACKGROUND = "background"


@frozen(eq=False)
class Backdrop:
    """What others see behind a person: ``picture``, or where that is None the camera's own picture, blurred.

    ``blur`` is above 0, a little, to 1, much. ``picture`` is rgb24, upright, of any size; it is shared and not written
    to, and whoever shows it scales it to cover the camera's picture and crops it centrally.
    """

    blur: float = 1.0
    picture: VideoFrame | None = None


@runtime_checkable
class ShowsBackdrop(Protocol):
    """A video processor that tells people from what is behind them; its factory ``does`` `BACKGROUND`."""

    def show_backdrop(self, backdrop: Backdrop) -> None:
        """Shows this behind people, from the first picture on; `PluginError` says why it cannot.

        Called once, before ``process``, on the thread that opened it: another backdrop gets another processor. What
        ``process`` answers has the size, pixel layout or yuv420p, colours and instant of what it was given. Where it
        cannot tell a person from what is behind them it raises, and never answers with the camera's picture: the call
        then covers what the camera gives until another backdrop is asked for, or none.
        """


class ProcessorFactory(Protocol):
    """One way to change sound or pictures.

    ``does`` names what it can do, in the order in which it is done: a name that is a setting (``echo_cancellation``,
    ``noise_suppression``, ``auto_gain_control``) is done where the setting is true, `BACKGROUND` where somebody asked
    for one, any other wherever it suits. For each name the highest rank that can be used is taken; one that is taken
    for several is opened once.
    """

    kind: Literal["audio", "video"]
    name: str
    rank: int
    does: tuple[str, ...]

    def unsuited(self, what: str, device: Device | None, settings: SessionSettings) -> str | None:
        """Why it does not do ``what`` for this device (None: a program's source), in words; None when it does."""

    def probe(self) -> str | None:
        """Why it cannot be used here (a missing library: what to install); None when it works. Takes milliseconds."""

    def open(
        self, what: Collection[str], device: Device | None, settings: SessionSettings
    ) -> AudioProcessor | VideoProcessor:
        """A processor that does this and nothing else. May block: runs in a thread."""


# --- how media is squeezed ----------------------------------------------------------------------------------------
class Encoder(Protocol):
    """One running encoder; used by one thread at a time."""

    def encode(self, media: VideoFrame | AudioBlock) -> Sequence[EncodedFrame]:
        """Encodes one picture, or one block of ``ptime_ms``, mostly to one frame; ``EncoderError`` if it broke."""

    def close(self) -> None:
        """Gives the hardware back."""


@runtime_checkable
class ForcesKeyframe(Protocol):
    """A source of encoded frames that can be asked for a keyframe."""

    def force_keyframe(self) -> None:
        """The next frame is a keyframe. Any thread."""


@runtime_checkable
class SetsBitrate(Protocol):
    """A source of encoded frames whose bitrate can be steered while it runs."""

    def set_bitrate_bps(self, bitrate_bps: int) -> None:
        """Aims at this bitrate from the next frame on. Any thread."""


@runtime_checkable
class Resizes(Protocol):
    """An encoder that is slow to open, and goes on with pictures of another size."""

    def resize(self, width: int, height: int) -> None:
        """The next picture has this size, and its frame is a keyframe. On the thread that encodes."""


@runtime_checkable
class OpensAnew(Protocol):
    """An encoder that may make a session of its hardware anew while it runs, and is then waited for as at first."""

    #: Whether it is at it; read on any thread.
    is_opening: bool
    #: Whether a change of bitrate may bring it about.
    opens_anew: bool


class Decoder(Protocol):
    """One running decoder; used by one thread at a time."""

    def decode(self, frame: EncodedFrame) -> Sequence[VideoFrame | AudioBlock]:
        """Decodes one frame. A damaged one raises ``EncoderError``; the next keyframe mends it."""

    def close(self) -> None:
        """Gives the hardware back."""


@runtime_checkable
class Conceals(Protocol):
    """A decoder that makes up for sound that did not arrive."""

    def conceal(self, duration_ms: int) -> Sequence[AudioBlock]:
        """Sound in place of a lost packet."""


@runtime_checkable
class Recovers(Protocol):
    """A decoder that finds a lost packet's sound in the packet after it (in-band error correction)."""

    def recover(self, frame: EncodedFrame) -> Sequence[AudioBlock]:
        """Sound in place of the packet before this one, as long as it; `decode` of this one follows."""


@runtime_checkable
class LooksFirst(Protocol):
    """An encoder or decoder factory that sees at a glance when its hardware is not there."""

    def lacks(self) -> str | None:
        """What this machine plainly lacks for it, in words: told in a millisecond, with no device opened and no
        driver loaded. None where only ``probe`` can tell: a child process is started for that alone."""


@runtime_checkable
class NamesItsDriver(Protocol):
    """An encoder or decoder factory whose probe holds for one version of a driver."""

    def driver(self) -> str:
        """The driver's version, in whatever form: another one is probed anew. Takes a millisecond."""


class EncoderFactory(Protocol):
    """An encoder for one codec on one backend (``software``, ``nvenc``, ``vaapi`` …)."""

    #: One hook answers with both kinds of factory; this tells them apart.
    makes: Literal["encoder"]
    name: str
    codec: str
    backend: str
    rank: int

    def probe(self) -> str | None:
        """Why it cannot be used here, found by encoding one frame; None when it works. May be slow, may crash:
        factories of hardware backends are probed in a child process."""

    def open(self, encoding: Encoding) -> Encoder:
        """A running encoder, or ``EncoderError``."""


class DecoderFactory(Protocol):
    """A decoder for one codec on one backend."""

    makes: Literal["decoder"]
    name: str
    codec: str
    backend: str
    rank: int

    def probe(self) -> str | None:
        """Why it cannot be used here; None when it works."""

    def open(self, *, channels: int = 2) -> Decoder:
        """A running decoder, or ``EncoderError``. ``channels`` matters to sound alone."""


# --- what writes down what is said --------------------------------------------------------------------------------
@frozen
class Words:
    """What was understood of one piece of speech, from ``began_ns`` to ``ended_ns`` by the blocks' instants.

    Pieces are numbered by ``segment``, growing. Answers for a segment replace each other until one is ``final``; after
    that comes no more of it. ``text`` is never blank.
    """

    segment: int
    text: str
    final: bool
    began_ns: int
    ended_ns: int


class Transcriber(Protocol):
    """Writes down what one speaker says. Used on one thread of its own, never the event loop: it may take its time, and
    whoever feeds it drops sound where it does not keep up. What it raises ends it; another is opened in its place."""

    def hear(self, block: AudioBlock) -> Sequence[Words]:
        """What is understood by now that was not told before; mostly nothing.

        ``block`` follows the block before it: mono, int16, shape (samples, 1), at the factory's ``rate``, some 10 ms;
        it is not changed. Answers may come at any later block.
        """

    def finish(self) -> Sequence[Words]:
        """The speaker is silent from here on, or muted: what is open still becomes final. `hear` may follow later,
        after a gap in the blocks' instants."""

    def close(self) -> None:
        """Gives back what it holds, a process too, within a second. Called once; on another thread where `hear` has not
        come back, which then raises or returns."""


class TranscriberFactory(Protocol):
    """One engine that makes text of speech. The highest rank that knows the language and can be used is taken."""

    name: str
    rank: int
    #: Of the blocks it takes, in Hz: 16 000 or 48 000.
    rate: int
    #: BCP 47 tags of what it understands (``en-US``); one without a region (``en``) is every region's.
    languages: tuple[str, ...]

    def probe(self) -> str | None:
        """Why it cannot be used here (a missing library: what to install); None when it works. Takes milliseconds, and
        loads no model."""

    def open(self, language: str) -> Transcriber:
        """A transcriber for this one of ``languages``, or `PluginError`. May take seconds: runs in a thread."""


# --- where media goes ---------------------------------------------------------------------------------------------
class Renderer(Protocol):
    """One open output of a call."""

    @property
    def view(self) -> Any:
        """What a program places or shows: a widget, an address, the files; None where there is nothing to."""

    async def close(self) -> None:
        """Files are whole, windows gone."""


class RendererFactory(Protocol):
    """One way to show or keep a call: a page, a widget, a terminal, a file. Named in ``settings.renderers``."""

    name: str
    rank: int

    async def open(self, call: RenderedCall, container: Any) -> Renderer:
        """A renderer of this call; ``ContainerError`` when the container is missing or of the wrong kind."""


class Player(Protocol):
    """One open loudspeaker."""

    format: AudioFormat

    def start(self, fill: Callable[[int], NDArray[np.int16]], failed: Callable[[CallError], None]) -> None:
        """Calls ``fill(samples)`` on a thread of its own for each block, shape (samples, channels); it never blocks.

        ``failed(error)`` is called once, on any thread, when the loudspeaker has ended by itself: unplugged
        (``DeviceGone``), stalled, or broken. ``fill`` is not called after it; ``stop`` still is by the framework.
        """

    def stop(self) -> None:
        """Silent and closed within a second."""


@runtime_checkable
class HasLatency(Protocol):
    """A loudspeaker that knows how long its sound takes."""

    def latency_ms(self) -> float:
        """From the moment that ``fill`` is called until its first sample is heard; of this moment, any thread."""


class PlaybackDriver(Protocol):
    """Loudspeakers of one kind of hardware."""

    name: str

    def devices(self) -> Sequence[Device]:
        """What is there now. Opens nothing."""

    def watch(self, changed: Callable[[DeviceChange], None]) -> Unwatch:
        """Reports plugging and unplugging until the answer is called."""

    def open(self, device: Device, format: AudioFormat) -> Player:
        """The loudspeaker, opened; ``DeviceError`` says why not. May block: runs in a thread."""
