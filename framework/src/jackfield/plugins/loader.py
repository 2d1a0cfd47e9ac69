"""Entry points → plugins that loaded, and a row for each with the reason where one did not."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from hashlib import sha256
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal

import attrs
import pluggy
from attrs import field, frozen

from jackfield import hookspecs, roles
from jackfield.plugins.config import Config
from jackfield.values.findings import Finding
from jackfield.values.settings_rules import nearest

GROUP = "jackfield"
HOOKS: tuple[str, ...] = tuple(
    name for name, value in vars(hookspecs).items() if hasattr(value, f"{hookspecs.PROJECT}_spec")
)
#: Hooks that are asked while loading, and what each answer must be.
_REGISTERS: Mapping[str, tuple[type, ...]] = {
    "register_token_providers": (roles.TokenProviderFactory,),
    "register_captures": (roles.CaptureDriver,),
    "register_processors": (roles.ProcessorFactory,),
    "register_codecs": (roles.EncoderFactory, roles.DecoderFactory),
    "register_renderers": (roles.RendererFactory,),
    "register_playbacks": (roles.PlaybackDriver,),
    "register_transcribers": (roles.TranscriberFactory,),
}
_log = logging.getLogger(__name__)


@frozen
class PluginRow:
    """One installed plugin: whether it works, why not, and the hooks it answers."""

    name: str
    version: str
    state: Literal["ok", "failed", "disabled", "refused"]
    reason: str = ""
    answers: tuple[str, ...] = ()
    distribution: str = ""
    #: Whether it failed for what is written in its section: the findings say what.
    is_misconfigured: bool = False


@frozen(eq=False)
class LoadedPlugin:
    """A plugin that works: its object, its options, and what it offered at each hook that registers."""

    name: str
    version: str
    plugin: Any
    options: Any
    hooks: Mapping[str, pluggy.HookImpl]
    offers: Mapping[str, Sequence[Any]] = field(factory=dict)

    @property
    def options_digest(self) -> str:
        """The same for the same options; tells nothing of them."""
        return sha256(repr(self.options).encode()).hexdigest()[:12]

    def ask(self, hook: str, **arguments: Any) -> Any:
        """What this plugin answers; whatever it raises comes out."""
        implementation = self.hooks[hook]
        arguments["options"] = self.options
        return implementation.function(*(arguments[name] for name in implementation.argnames))


class Refusal(Exception):
    """Why a plugin does not take part, for its row."""

    def __init__(
        self, reason: str, state: Literal["failed", "refused"] = "failed", *, is_misconfigured: bool = False
    ) -> None:
        super().__init__(reason)
        self.state, self.is_misconfigured = state, is_misconfigured


@frozen
class Loading:
    """The outcome: plugins that work, a row for each that is installed, and what is wrong with their options."""

    loaded: tuple[LoadedPlugin, ...]
    rows: tuple[PluginRow, ...]
    findings: tuple[Finding, ...]


def discover() -> list[EntryPoint]:
    """Every plugin that is installed, by name; of a name that is there twice the rightful one comes first."""
    found = entry_points(group=GROUP)
    return sorted(
        found, key=lambda entry: (entry.name, _distribution(entry) != f"jackfield-{entry.name}", _distribution(entry))
    )


def load(config: Config, *, only: Collection[str] | None = None) -> Loading:
    """Loads every plugin that is not disabled, or those in ``only``. Never raises for what a plugin does."""
    entries = [entry for entry in discover() if only is None or entry.name in only]
    names = {entry.name for entry in entries}
    first: dict[str, str] = {}
    loaded: list[LoadedPlugin] = []
    rows: list[PluginRow] = []
    findings: list[Finding] = []
    for entry in entries:
        row = PluginRow(entry.name, _version(entry), "ok", distribution=_distribution(entry))
        if entry.name in config.plugins.disable:
            rows.append(attrs.evolve(row, state="disabled", reason="[plugins] disable names it"))
            continue
        try:
            if entry.name in first:
                raise Refusal(f"its name is taken: {first[entry.name]} is called {entry.name!r} too; uninstall one")
            first[entry.name] = row.distribution or entry.value
            plugin = _examine(entry, config, names, findings)
            loaded.append(plugin)
            rows.append(attrs.evolve(row, answers=tuple(hook for hook in HOOKS if hook in plugin.hooks)))
        except Refusal as refusal:
            _log.debug("plugin %s: %s", entry.name, refusal, exc_info=refusal.__cause__)
            failed = attrs.evolve(row, state=refusal.state, reason=str(refusal))
            rows.append(attrs.evolve(failed, is_misconfigured=refusal.is_misconfigured))
    return Loading(tuple(loaded), tuple(rows), tuple(findings))


def _examine(entry: EntryPoint, config: Config, names: Iterable[str], findings: list[Finding]) -> LoadedPlugin:
    plugin = _imported(entry)
    _check_name(entry, plugin)
    _check_version(plugin)
    hooks = _hooks(plugin)
    options, wrong = _options(entry.name, plugin, config, names)
    findings += wrong
    if any(finding.severity == "error" for finding in wrong):
        raise Refusal("its options do not hold: " + "; ".join(map(str, wrong)), is_misconfigured=True)
    loaded = LoadedPlugin(entry.name, _version(entry), plugin, options, hooks)
    return attrs.evolve(loaded, offers={hook: _offers(loaded, hook) for hook in hooks if hook in _REGISTERS})


def _imported(entry: EntryPoint) -> Any:
    try:
        return entry.load()
    except (Exception, SystemExit) as exc:
        raise Refusal(f"importing {entry.value} failed: {_said(exc)}") from exc


def _check_name(entry: EntryPoint, plugin: Any) -> None:
    name = getattr(plugin, "name", None)
    if not isinstance(name, str) or not name:
        raise Refusal(f"{entry.value} has no name; a plugin has name = {entry.name!r}")
    if name != entry.name:
        raise Refusal(f"its name is {name!r} and its entry point's is {entry.name!r}; one name, everywhere")


def _check_version(plugin: Any) -> None:
    wanted = getattr(plugin, "api_version", None)
    if not (isinstance(wanted, tuple) and len(wanted) == 2 and all(isinstance(part, int) for part in wanted)):
        raise Refusal(f"it has no api_version; a plugin has api_version = {hookspecs.API_VERSION}")
    (major, minor), (our_major, our_minor) = wanted, hookspecs.API_VERSION
    ours = f"this jackfield has {our_major}.{our_minor}"
    if (major, minor) > hookspecs.API_VERSION:
        raise Refusal(f"it was written for API {major}.{minor}, {ours}: pip install --upgrade jackfield", "refused")
    if major < our_major:
        raise Refusal(f"it was written for API {major}.{minor}, {ours}: upgrade the plugin", "refused")


def _hooks(plugin: Any) -> dict[str, pluggy.HookImpl]:
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(plugin)
        manager.check_pending()
    except pluggy.PluginValidationError as exc:
        raise Refusal(_unknown_hook(manager, plugin) or f"a hook does not fit: {exc}") from exc
    except Exception as exc:
        raise Refusal(f"its hooks cannot be read: {_said(exc)}") from exc
    found = {name: getattr(manager.hook, name).get_hookimpls() for name in HOOKS}
    wrapped = [name for name, each in found.items() if any(i.wrapper or i.hookwrapper for i in each)]
    if wrapped:
        raise Refusal(f"{wrapped[0]} is a hook wrapper; answer the hook itself")
    return {name: each[0] for name, each in found.items() if each}


def _unknown_hook(manager: pluggy.PluginManager, plugin: Any) -> str:
    for name in dir(plugin):
        if manager.parse_hookimpl_opts(plugin, name) is not None and name not in HOOKS:
            near = nearest(name, HOOKS)
            return f"it answers {name}, which is no hook" + (f"; did you mean {near}?" if near else "")
    return ""


def _options(name: str, plugin: Any, config: Config, names: Iterable[str]) -> tuple[Any, list[Finding]]:
    kind = getattr(plugin, "options", None) or _NoOptions
    if not attrs.has(kind):
        raise Refusal(f"its options are {kind!r}; they are an attrs class")
    try:
        return config.options(name, kind, names)
    except Exception as exc:
        raise Refusal(f"its options cannot be read: {_said(exc)}") from exc


@frozen
class _NoOptions:
    """A plugin without options: any key in its section is a finding."""


def _offers(loaded: LoadedPlugin, hook: str) -> tuple[Any, ...]:
    try:
        answer = loaded.ask(hook)
        offers = tuple(() if answer is None else answer)
    except Exception as exc:
        raise Refusal(f"{hook} raised {_said(exc)}") from exc
    for offer in offers:
        if hook == "register_codecs" and getattr(offer, "makes", None) not in ("encoder", "decoder"):
            raise Refusal(f"{hook} answered with {offer!r}, whose makes is neither 'encoder' nor 'decoder'")
        kinds = _REGISTERS[hook]
        kind = kinds[getattr(offer, "makes", None) == "decoder"] if len(kinds) > 1 else kinds[0]
        missing = lacks(offer, kind)
        if missing:
            raise Refusal(f"{hook} answered with {offer!r}, which is no {kind.__name__}: it lacks {', '.join(missing)}")
    return offers


def lacks(thing: Any, role: type) -> list[str]:
    """What ``thing`` would need to fill a role."""
    members = [*role.__annotations__, *(name for name in vars(role) if not name.startswith("_"))]
    return [name for name in dict.fromkeys(members) if not hasattr(thing, name)]


def _distribution(entry: EntryPoint) -> str:
    return (entry.dist.name if entry.dist else "").lower().replace("_", "-")


def _version(entry: EntryPoint) -> str:
    return entry.dist.version if entry.dist else ""


def _said(exc: BaseException) -> str:
    first = (str(exc).splitlines() or [""])[0]
    return f"{type(exc).__name__}: {first}" if first else type(exc).__name__
