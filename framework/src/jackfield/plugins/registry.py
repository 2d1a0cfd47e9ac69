"""What the loaded plugins offer, by role: the one place that the rest of the framework asks."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import attrs
from attrs import define, field

from jackfield.plugins import config as configuration
from jackfield.plugins.absent import absent
from jackfield.plugins.checks import (
    OF_TRANSCRIPTION,
    idle,
    plugins_findings,
    unknown_encoders,
    unknown_language,
    unknown_renderers,
)
from jackfield.plugins.config import Config
from jackfield.plugins.devices import Found, Wish, ailment
from jackfield.plugins.diagnoses import diagnose
from jackfield.plugins.listing import find_devices
from jackfield.plugins.loader import HOOKS, LoadedPlugin, PluginRow
from jackfield.plugins.loader import load as load_entry_points
from jackfield.plugins.patience import Within
from jackfield.plugins.prober import FAILURE_HOLDS_S, Prober
from jackfield.plugins.selection import Choice, Offer, PassedOver, Preference, Search, Unusable
from jackfield.roles import CaptureDriver, Decoder, Encoder, ListsModes, PlaybackDriver, RendererFactory, TokenProvider
from jackfield.values.devices import Device, DeviceKind
from jackfield.values.errors import CallError, EncoderError, PluginError, SettingsError
from jackfield.values.findings import Finding
from jackfield.values.formats import Encoding, MediaFormat, VideoEncoding
from jackfield.values.people import Place
from jackfield.values.settings import SessionSettings

_log = logging.getLogger(__name__)

#: How long a call waits for hardware that was never tried out here, and then for a driver to open.
PATIENCE_S, OPEN_S = 2.0, 1.0

#: A driver that has not said for so long what it has is passed over.
LISTING_S = 10.0


@define(eq=False)
class Plugins:
    """The plugins of this installation. ``choices`` keeps the latest choice made for each role, for `explain`."""

    config: Config
    loaded: tuple[LoadedPlugin, ...]
    rows: tuple[PluginRow, ...]
    #: What is wrong with the configuration, the plugins' options included.
    findings: tuple[Finding, ...]
    prober: Prober = field(factory=Prober)
    choices: dict[str, Choice] = field(factory=dict)
    #: What broke in a call of this process: who was asked for and taken → why, and until when it is passed over.
    _distrusted: dict[tuple[str, str], tuple[str, float]] = field(factory=dict, init=False)

    # --- log-ins and tokens
    def token_provider(self, place: Place) -> TokenProvider:
        """A provider of the first source that suits the place; `PluginError` lists why each does not."""

        def use(offer: Offer) -> Any:
            _raise_if(offer.thing.unsuited(place))
            return offer.thing.open(place)

        provider: TokenProvider | None
        provider, choice = self._search("token provider").first(self.offers("register_token_providers"), use)
        self.choices["token provider"] = choice
        if provider is None:
            raise PluginError(_nothing("source of call tokens", choice, "tokens-…"))
        return provider

    # --- settings
    def check_settings(
        self, settings: SessionSettings, place: Place, *, acted_on: Collection[str] | None = None
    ) -> list[Finding]:
        """Findings of every plugin, and of names that mean nothing here.

        ``acted_on`` are the settings that the caller itself acts on: with it, a changed setting on which neither the
        caller nor a plugin (its ``acts_on``) acts is a warning; an error where a call without it is not safe.
        """
        findings = [
            *unknown_encoders(settings.encoders, self._codecs("encoder")),
            *unknown_renderers(settings.renderers, self.offers("register_renderers")),
            *plugins_findings(self.loaded, settings, place),
        ]
        if acted_on is None:
            return findings
        findings += unknown_language(settings, self.offers("register_transcribers"))
        return [*findings, *idle(settings, self._active(settings, acted_on))]

    def _active(self, settings: SessionSettings, acted_on: Collection[str]) -> set[str]:
        """The settings on which the caller or a plugin acts."""
        active = set(acted_on)
        for loaded in self.loaded:
            active.update(getattr(loaded.plugin, "acts_on", ()))
        for offer in self.offers("register_processors"):
            active.update(offer.thing.does)
        if self.offers("register_transcribers"):
            active.update(OF_TRANSCRIPTION)
        for offer in self.offers("register_renderers"):
            if {offer.thing.name, offer.plugin} & set(settings.renderers):
                active.update(getattr(offer.thing, "acts_on", ()))
        return active

    # --- cameras, microphones, screens, loudspeakers
    @property
    def captures(self) -> list[CaptureDriver]:
        """Every driver of cameras, microphones and screens."""
        return [offer.thing for offer in self.offers("register_captures")]

    @property
    def playbacks(self) -> list[PlaybackDriver]:
        """Every driver of loudspeakers."""
        return [offer.thing for offer in self.offers("register_playbacks")]

    def devices(self, kind: DeviceKind | None = None) -> list[Device]:
        """What is there now, of one kind or of all. Opens nothing."""
        return [found.device for found in self._found(kind)[0]]

    def listing(
        self, kind: DeviceKind | None = None, *, limit_s: float = LISTING_S
    ) -> tuple[list[Device], list[PassedOver]]:
        """What is there now, and each driver that could not say what it has, or not in time, with the reason."""
        found, broken = self._found(kind, limit_s)
        return [each.device for each in found], broken

    def modes(self, device: Device) -> Sequence[MediaFormat]:
        """Every mode of the device; one whose listing shows none is asked, if its driver can: that may block.

        A device that cannot be asked (denied, gone) has none: opening it says why.
        """
        driver = self.driver(device)
        if device.modes or not isinstance(driver, ListsModes):
            return device.modes
        try:
            return tuple(driver.modes(device))
        except Exception as exc:
            _log.info("%s could not be asked for its modes: %s", device.id, exc)
            return ()

    def driver(self, device: Device) -> Any:
        """The driver that lists this device; None where it is of no driver here."""
        found, _ = self._found(device.kind)
        return next((each.driver for each in found if each.device.id == device.id), None)

    def device(
        self,
        kind: DeviceKind,
        wish: str | Sequence[str] | None = None,
        *,
        facing: str = "",
        failed: Mapping[str, str] | None = None,
    ) -> tuple[Device | None, Any, Choice]:
        """The device that a wish means and its driver; (None, None, choice) where no device is wanted.

        ``failed`` are devices that could not be opened just now, by id, and why: they are passed over. Raises
        `DeviceError` where there is none or it cannot be used, `SettingsError` where several fit.
        """
        found, broken = self._found(kind) if wish not in ("none", (), []) else ([], [])
        found = [_tried(each, (failed or {}).get(each.device.id)) for each in found]
        names = {row.name for row in self.rows}
        prefer = self.config.plugins.prefer
        try:
            taken, choice = Wish(kind, found, prefer, facing, lambda name: name in names, broken).grant(wish)
        except CallError as exc:
            self.choices[kind] = _refused(kind, wish, exc, found, broken)
            raise
        choice = Choice(choice.asked, choice.chosen, choice.plugin, choice.why, (*choice.passed_over, *broken))
        self.choices[kind] = choice
        return (taken.device, taken.driver, choice) if taken else (None, None, choice)

    def kind_of(self, wish: str) -> DeviceKind:
        """What kind of device is meant where none is said: the one that is called so, else one whose label or id has
        the words in it, else one of the plugin that it names; a camera where nothing tells."""
        found, _ = self._found(None)
        word, plugin = wish.casefold(), wish.partition(":")[0]
        named = [each.device for each in found if wish in (each.device.id, each.device.label, each.device.address)]
        like = [
            each.device for each in found if word in each.device.label.casefold() or word in each.device.id.casefold()
        ]
        kinds: set[str] = {device.kind for device in named} or {device.kind for device in like}
        if not kinds and ":" in wish:
            offers = [*self.offers("register_captures"), *self.offers("register_playbacks")]
            kinds = {kind for offer in offers if offer.plugin == plugin for kind in _kinds(offer)}
        order: tuple[DeviceKind, ...] = ("camera", "microphone", "screen", "speaker")
        return next((kind for kind in order if kind in kinds), "camera")

    def _found(self, kind: DeviceKind | None, limit_s: float = LISTING_S) -> tuple[list[Found], list[PassedOver]]:
        offers = [*self.offers("register_captures"), *self.offers("register_playbacks")]
        found, broken = find_devices([offer for offer in offers if kind is None or kind in _kinds(offer)], limit_s)
        return [each for each in found if kind in (None, each.device.kind)], broken

    # --- codecs
    def encoder(
        self,
        codec: str,
        encoding: Encoding,
        prefer: Sequence[str] = (),
        *,
        failed: Mapping[str, str] | None = None,
        patience_s: float = PATIENCE_S,
    ) -> tuple[Encoder, Choice]:
        """A running encoder of the first backend that works. ``failed`` ones are passed over, and so is hardware
        that has not been tried out, or does not open, within ``patience_s``; with none at all, hardware that would
        have to start a process of its own is passed over too, where software can do it at once."""
        isolate = encoding if self.config.plugins.isolate == "hardware" else None
        return self._codec("encoder", codec, prefer, failed, patience_s, lambda thing: thing.open(encoding), isolate)

    def decoder(
        self,
        codec: str,
        *,
        channels: int = 2,
        prefer: Sequence[str] = (),
        failed: Mapping[str, str] | None = None,
        patience_s: float = PATIENCE_S,
    ) -> tuple[Decoder, Choice]:
        """A running decoder of the first backend that works; the rest is as for encoders."""
        return self._codec("decoder", codec, prefer, failed, patience_s, lambda thing: thing.open(channels=channels))

    def usable(self, makes: str, codec: str, prefer: Sequence[str] = ()) -> Choice:
        """Which encoder or decoder would be taken; ``chosen`` is "" where none would. Opens none; may probe."""

        def use(offer: Offer) -> Offer:
            _raise_if(self.prober.probe(offer))
            return offer

        search, offers = self._search(f"{makes} {codec}", prefer), self._codecs(makes, codec)
        self._try_out(search, offers)
        return search.first(offers, use)[1]

    def distrust(self, choice: Choice, reason: str) -> None:
        """Hardware that broke in a call is passed over for a while, by every call of this process. Any thread."""
        self._distrusted[choice.asked, choice.chosen] = reason, time.monotonic() + FAILURE_HOLDS_S

    def probe_all(self, *, fresh: bool = False) -> None:
        """Every encoder and decoder was tried out, side by side; ``fresh`` whatever was remembered. Blocks."""
        for asked in [self.prober.begin(offer, fresh=fresh) for offer in self.offers("register_codecs")]:
            asked.result()

    def codecs(self, makes: str) -> list[str]:
        """Codecs for which some encoder or decoder is installed, whether it works or not."""
        return list(dict.fromkeys(offer.thing.codec for offer in self._codecs(makes)))

    def _codec(
        self,
        makes: str,
        codec: str,
        prefer: Sequence[str],
        failed: Mapping[str, str] | None,
        patience_s: float,
        open: Callable[[Any], Any],
        isolate: Encoding | None = None,
    ) -> tuple[Any, Choice]:
        until, offers = time.monotonic() + patience_s, self._codecs(makes, codec)

        def use(offer: Offer) -> Any:
            _raise_if(self.prober.probe(offer, patience_s=max(0.0, until - time.monotonic())))
            if offer.is_software:
                return open(offer.thing)
            if not isinstance(isolate, VideoEncoding):
                return _opened_soon(offer.thing, open, patience_s + OPEN_S)
            if not patience_s and any(each.is_software for each in offers):
                raise Unusable("it would first have to start a process of its own, and viewers wait")
            from jackfield.plugins.isolated import IsolatedEncoder

            return IsolatedEncoder(offer, isolate, config=self.config.path, limit_s=patience_s + OPEN_S)

        asked, now = f"{makes} {codec}", time.monotonic()
        broken = {name: why for (each, name), (why, end) in self._distrusted.items() if each == asked and now < end}
        search = self._search(asked, prefer, {**broken, **(failed or {})})
        self._try_out(search, offers)
        made, choice = search.first(offers, use)
        self.choices[asked] = choice
        if made is None:
            kind = [name for name in self.codecs(makes) if (name == "opus") is (codec == "opus")]
            here = f"those here are of {', '.join(kind)}" if kind else ""
            raise EncoderError(_nothing(f"{makes} of {codec}", choice, "codecs", here), details={"codec": codec})
        return made, choice

    def _try_out(self, search: Search, offers: Sequence[Offer]) -> None:
        """What may be taken is being tried out, all at the same time: what comes before the first known to work."""
        for offer in search.preference.order(offers):
            if offer.is_software:
                return
            if offer.thing.name not in search.failed:
                asked = self.prober.begin(offer)
                if asked.done() and asked.result() is None:
                    return

    def _codecs(self, makes: str, codec: str | None = None) -> list[Offer]:
        offers = [offer for offer in self.offers("register_codecs") if offer.thing.makes == makes]
        return [offer for offer in offers if codec is None or offer.thing.codec.lower() == codec.lower()]

    # --- where a call is shown or kept
    def renderer(self, name: str) -> RendererFactory:
        """The renderer of that name, or of that plugin; `SettingsError` says what to install."""
        offers = self.offers("register_renderers")
        mine = [offer for offer in offers if name in (offer.thing.name, offer.plugin)]
        if not mine:
            raise SettingsError(unknown_renderers([name], offers))
        ordered = Preference((), self.config.plugins.prefer).order(mine)
        factory: RendererFactory = ordered[0].thing
        return factory

    # --- what is behind all of them
    def offers(self, hook: str) -> list[Offer]:
        """Everything that working plugins offered at one hook."""
        return [
            Offer(loaded.name, thing, loaded.version, loaded.options_digest)
            for loaded in self.loaded
            for thing in loaded.offers.get(hook, ())
        ]

    def explain(self) -> list[Choice]:
        """Which plugin serves each role that was asked for so far, and why each other was passed over."""
        return list(self.choices.values())

    def diagnose(self) -> list[Finding]:
        """What drivers and codecs find missing on this machine, and what mends it. May take seconds."""
        return diagnose(offer for hook in HOOKS for offer in self.offers(hook))

    def raise_for_errors(self) -> None:
        """`SettingsError` with every finding where the configuration has an error."""
        if any(finding.severity == "error" for finding in self.findings):
            raise SettingsError(self.findings)

    def _search(self, asked: str, prefer: Sequence[str] = (), failed: Mapping[str, str] | None = None) -> Search:
        return Search(asked, Preference(prefer, self.config.plugins.prefer), failed or {})


def load(config: Config | None = None, *, only: Collection[str] | None = None) -> Plugins:
    """The plugins that are installed, checked against the configuration. Never raises for what a plugin does."""
    config = config or configuration.load_config()
    loading = load_entry_points(config, only=only)
    findings = [*config.findings, *loading.findings]
    if only is None:
        names = [row.name for row in loading.rows]
        findings += [*absent(config, loading.rows), *configuration.unknown_variables(config, names)]
    return Plugins(config, loading.loaded, loading.rows, tuple(findings), Prober(config=config.path))


def _opened_soon(thing: Any, open: Callable[[Any], Any], limit_s: float) -> Any:
    """What is opened; `Unusable` when its driver does not come back."""
    try:
        return Within[Any](limit_s, lambda made: made.close()).run(lambda: open(thing), f"open {thing.name}")
    except TimeoutError as exc:
        raise Unusable(f"opening it took longer than {limit_s:g} s") from exc


def _tried(found: Found, reason: str | None) -> Found:
    """The device as it is after opening it failed for this reason."""
    if reason is None:
        return found
    return Found(attrs.evolve(found.device, state="unusable", note=reason), found.driver, found.plugin)


def _refused(
    kind: str,
    wish: str | Sequence[str] | None,
    error: CallError,
    found: Sequence[Found],
    broken: Sequence[PassedOver],
) -> Choice:
    """Why no device could be taken; those that are there keep what ails them."""
    asked = kind
    if wish is not None:
        is_list = isinstance(wish, list | tuple) and all(isinstance(each, str) for each in wish)
        asked += f" {', '.join(wish)}" if is_list else f" {wish}"
    ailing = [each for each in found if each.device.state != "ready"]
    passed = [PassedOver(each.device.id, each.plugin, ailment(each.device)) for each in ailing]
    return Choice(asked, why=error.message, passed_over=(*passed, *broken))


def _kinds(offer: Offer) -> Collection[str]:
    """The kinds of device that a driver has; a driver of loudspeakers has no other."""
    kinds: Collection[str] = getattr(offer.thing, "kinds", ("speaker",))
    return kinds


def _raise_if(reason: str | None) -> None:
    if reason is not None:
        raise Unusable(reason)


def _nothing(what: str, choice: Choice, plugin: str, here: str = "") -> str:
    if not choice.passed_over:
        return f"no {what} is installed; {here or f'plugins that bring one are called jackfield-{plugin}'}"
    return f"no {what} can be used: " + "; ".join(map(str, choice.passed_over))
