"""Configuration: ``jackfield.toml``, then ``JACKFIELD_*``; the later wins, and every unknown key is a finding."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

import attrs
from attrs import field, frozen, validators

from jackfield.plugins import options
from jackfield.plugins.options import Given
from jackfield.values import settings
from jackfield.values.errors import SettingsError
from jackfield.values.findings import Finding
from jackfield.values.people import Place
from jackfield.values.settings_rules import nearest

T = TypeVar("T")

FILE_NAME = "jackfield.toml"
#: Variables with a meaning of their own → where their value goes; None: read elsewhere.
PLAIN_VARIABLES: Mapping[str, tuple[str, str] | None] = {
    "JACKFIELD_CONFIG": None,
    "JACKFIELD_STATE_DIR": None,
    "JACKFIELD_DEBUG": None,
    "JACKFIELD_LOCAL_IDLE_S": None,
    "JACKFIELD_TOKEN": None,
    "JACKFIELD_URL": ("server", "url"),
    "JACKFIELD_API_KEY": ("server", "api_key"),
    "JACKFIELD_API_SECRET": ("server", "api_secret"),
    "JACKFIELD_LOGIN_KEY": ("server", "login_key"),
    "JACKFIELD_KEYS": ("server", "keys"),
}

_port = validators.and_(validators.ge(0), validators.le(65_535))


def _workers(_: object, field: object, wanted: int | str) -> None:
    if wanted != "auto" and not (isinstance(wanted, int) and 1 <= wanted <= 128):
        raise ValueError("give 1 to 128, or auto: one for each core")


@frozen(kw_only=True)
class ServerOptions:
    """``[server]``: the place that calls happen at, and what ``jackfield serve`` listens with."""

    #: Where calls happen: a Jackfield or LiveKit server's http(s) or ws(s) address. Without one, this machine's own.
    url: str | None = None
    #: The name of the key that call tokens are signed with.
    api_key: str | None = None
    #: The secret of that key. Whoever has it can join any session.
    api_secret: str | None = field(default=None, repr=False)
    #: What a Jackfield server asks log-ins for. Of a server: what it asks for.
    login_key: str | None = field(default=None, repr=False)
    #: The sha-256 of the server's self-signed certificate, which is pinned.
    fingerprint: str | None = None
    #: `serve`: the address to listen on.
    host: str = "127.0.0.1"
    #: `serve`: the TCP port of signalling, log-ins and pages; 0: any.
    port: int = field(default=7880, validator=_port)
    #: `serve`: the UDP port of media; 0: 7882, or any that is free where that is taken.
    udp_port: int = field(default=0, validator=_port)
    #: `serve`: addresses that clients send media to, where they are not the machine's own (NAT, cloud).
    announce: tuple[str, ...] = ()
    #: `serve`: open to the local network, over https with a certificate of its own.
    lan: bool = False
    #: `serve`: a PEM certificate.
    tls_cert: Path | None = None
    #: `serve`: the certificate's PEM key, unencrypted.
    tls_key: Path | None = None
    #: `serve`: the keys it accepts: LiveKit's form, ``"key: secret"`` by line or comma, or a table of key → secret.
    keys: str | dict[str, str] | None = field(default=None, repr=False)
    #: `serve`: STUN and TURN servers for clients, tables of ``urls``, ``username`` and ``credential``.
    ice_servers: tuple[dict[str, Any], ...] = field(default=(), repr=False)
    #: `serve`: seconds that calls may go on after SIGTERM, while nobody new is let in; Ctrl-C ends them at once.
    drain_s: float = field(default=5.0, validator=validators.ge(0))
    #: `serve`: per cent of a core above which no new session is opened; 0: no limit.
    max_cpu: float = field(default=90.0, validator=validators.and_(validators.ge(0), validators.le(100)))
    #: `serve`: pictures that one participant gets at a time, of shared screens and who spoke last; 0: all.
    last_n: int = field(default=0, validator=validators.ge(0))
    #: `serve`: processes that sessions are spread over, each with a UDP port of its own and a core to use; ``auto``: as
    #: many as there are cores; 1: all in one.
    workers: int | Literal["auto"] = field(default=1, validator=_workers)
    #: `serve`: how other machines name the server, where that is not its own address.
    public_url: str | None = None
    #: `serve`: a proxy that speaks https stands in front, and is believed about who asks.
    behind_proxy: bool = False
    #: `serve`: origins whose pages may ask ``/api``.
    allow_origins: tuple[str, ...] = ()
    #: `serve`: other machines may read ``/metrics``.
    open_metrics: bool = False
    #: `serve`: a LiveKit server that carries the media in the embedded one's place.
    livekit: str | None = None
    #: `serve`: the folder that calls are recorded to, where moderators ask for it; by default the state directory's.
    recordings: Path | None = None
    #: `serve`: nothing is recorded.
    no_recording: bool = False
    #: `serve`: days that the log of calls reaches back; 0: for ever.
    log_days: float = field(default=90.0, validator=validators.ge(0))
    #: `serve`: no log of calls is kept.
    no_log: bool = False

    def key_pairs(self) -> dict[str, str]:
        """API key → secret, of ``keys`` and of ``api_key`` with ``api_secret``."""
        pairs = {self.api_key: self.api_secret} if self.api_key and self.api_secret else {}
        if isinstance(self.keys, dict):
            return {**pairs, **self.keys}
        for line in (self.keys or "").replace(",", "\n").splitlines():
            key, _, secret = line.partition(":")
            if key.strip() and secret.strip():
                pairs[key.strip()] = secret.strip()
        return pairs


@frozen(kw_only=True)
class PluginOptions:
    """``[plugins]``: which are left out, and which are asked first."""

    #: Plugins that are not loaded, by name.
    disable: tuple[str, ...] = ()
    #: Plugins, encoders and backends that come first, whatever their rank, best first.
    prefer: tuple[str, ...] = ()
    #: Which encoders of pictures run in a process of their own, so that a driver that crashes does not end the call:
    #: those of hardware, or none.
    isolate: Literal["hardware", "none"] = field(default="hardware", validator=validators.in_(("hardware", "none")))


FIXED_SECTIONS: Mapping[str, type] = {"server": ServerOptions, "plugins": PluginOptions}


@frozen
class Config:
    """What was configured, and what is wrong with it. ``findings`` has errors too: whoever starts work refuses them."""

    path: Path | None = None
    tables: Mapping[str, Mapping[str, Any]] = field(factory=dict, repr=False)
    environment: Mapping[str, str] = field(factory=dict, repr=False)
    server: ServerOptions = ServerOptions()
    plugins: PluginOptions = PluginOptions()
    findings: tuple[Finding, ...] = ()

    def given(self, section: str, others: Iterable[str] = ()) -> dict[str, Given]:
        """What is written for one section, in the file and then the environment; ``others`` are further sections."""
        source = str(self.path or FILE_NAME)
        found = {
            _key(key): Given(value, source, f"[{section}] {key}", key=key)
            for key, value in self.tables.get(section, {}).items()
        }
        for variable, text in self.environment.items():
            key = _variable_key(variable, section, others)
            if key:
                found[key] = Given(text, "environment", variable, is_text=True)
        return found

    def options(self, section: str, kind: type[T], others: Iterable[str] = ()) -> tuple[T | None, list[Finding]]:
        """The section as an instance of ``kind``; None and the findings where it does not hold."""
        return options.read(kind, self.given(section, others), section)

    def session_settings(self, values: Mapping[str, Any] | None = None) -> settings.SessionSettings:
        """Settings from ``[call]`` and, over it, ``values``. `SettingsError` has every mistake in both."""
        base, findings = _call_settings(self)
        findings = [*findings, *settings.check(values or {})]
        if findings:
            raise SettingsError(findings)
        return settings.SessionSettings.from_dict(values or {}, base=base)

    def place(self) -> Place:
        """Where calls happen, as configured; a ``url`` of None is this machine's own server."""
        wanted = self.server
        return Place(wanted.url, wanted.api_key, wanted.api_secret, wanted.login_key, wanted.fingerprint)

    def sections(self) -> list[str]:
        """Sections of the file that are not the framework's own, so a plugin's."""
        return [name for name in self.tables if name not in {*FIXED_SECTIONS, "call"}]

    def raise_for_errors(self) -> None:
        """`SettingsError` with all findings where one of them is an error."""
        if any(finding.severity == "error" for finding in self.findings):
            raise SettingsError(self.findings)


def load_config(path: Path | str | None = None, env: Mapping[str, str] | None = None) -> Config:
    """The configuration of ``path``, else of ``JACKFIELD_CONFIG``, else of ``jackfield.toml`` here, then of ``env``.

    Never raises for what is written: mistakes are in ``Config.findings``.
    """
    env = os.environ if env is None else env
    tables, found, findings = _read_file(path or env.get("JACKFIELD_CONFIG") or None)
    mine = {key: text for key, text in env.items() if key.startswith("JACKFIELD_")}
    config = Config(found, tables, mine)
    server, wrong_server = config.options("server", ServerOptions)
    plugins, wrong_plugins = config.options("plugins", PluginOptions)
    findings += [*wrong_server, *wrong_plugins, *_call_settings(config)[1]]
    return attrs.evolve(
        config, server=server or ServerOptions(), plugins=plugins or PluginOptions(), findings=tuple(findings)
    )


def unknown_variables(config: Config, sections: Iterable[str]) -> list[Finding]:
    """Variables that no section takes: a warning each, with the nearest that would be taken."""
    known = ["call", *FIXED_SECTIONS, *sections]
    findings = []
    for variable in config.environment:
        if variable in PLAIN_VARIABLES or any(_variable_key(variable, name, known) for name in known):
            continue
        near = nearest(variable, PLAIN_VARIABLES)
        fix = f"did you mean {near}?" if near else "name a section or a plugin after JACKFIELD_, or unset it"
        findings.append(Finding("warning", variable, "nothing reads it", fix, "environment"))
    return findings


def _read_file(path: Path | str | None) -> tuple[dict[str, dict[str, Any]], Path | None, list[Finding]]:
    wanted = Path(path) if path else Path(FILE_NAME)
    if path is None and not wanted.is_file():
        return {}, None, []
    text = ""
    try:
        text = wanted.read_text(encoding="utf-8")
        content = tomllib.loads(text)
    except OSError as exc:
        fix = "name a file that is there, with --config or JACKFIELD_CONFIG"
        return {}, wanted, [Finding("error", str(wanted), f"cannot be read ({exc.strerror})", fix)]
    except ValueError as exc:
        return {}, wanted, [Finding("error", str(wanted), f"is not TOML: {exc}", _mend(text, str(exc)))]
    findings = [_not_a_section(key, wanted) for key, table in content.items() if not isinstance(table, dict)]
    return {key: table for key, table in content.items() if isinstance(table, dict)}, wanted, findings


def _mend(text: str, problem: str) -> str:
    """Which line is to be mended, by tomllib's words for it; it calls the last one the end of the document."""
    if not text:
        return "save it as UTF-8"
    if found := re.search(r"at line (\d+)", problem):
        return f"mend line {found[1]}"
    lines = text.rstrip().splitlines()
    return f"mend line {len(lines)}, the last: {lines[-1].strip()!r}"


def _not_a_section(key: str, path: Path) -> Finding:
    where = "[call]" if settings.setting_named(key) else "the section it belongs to"
    return Finding("error", key, "stands outside any section", f"put it under {where}", str(path))


def _call_settings(config: Config) -> tuple[settings.SessionSettings | None, list[Finding]]:
    source = str(config.path or FILE_NAME)
    table = config.tables.get("call", {})
    findings = [attrs.evolve(f, key=f"[call] {f.key}") for f in settings.check(table, source=source)]
    values: dict[str, Any] = {}
    for key, item in config.given("call").items():
        if item.is_text:
            value, wrong = _setting_from_text(key, item)
            findings += wrong
            values[key] = value
    if findings:
        return None, findings
    base = settings.SessionSettings.from_dict(table, source=source)
    return settings.SessionSettings.from_dict(values, base=base), []


def _setting_from_text(key: str, item: Given) -> tuple[Any, list[Finding]]:
    """The text of ``JACKFIELD_CALL_…`` as the first plain value that the setting takes."""
    readings: list[Any] = [item.value]
    try:
        readings.insert(0, tomllib.loads(f"value = {item.value}")["value"])
    except tomllib.TOMLDecodeError:
        pass
    if "," in item.value:
        readings.append([part.strip() for part in item.value.split(",")])
    for value in readings:
        findings = settings.check({key: value}, source="environment")
        if not findings:
            return value, []
    return None, [
        attrs.evolve(finding, key=item.spelled) for finding in settings.check({key: item.value}, source=item.source)
    ]


def _key(key: str) -> str:
    return key.replace("-", "_")


def _prefix(section: str) -> str:
    return f"JACKFIELD_{section.upper().replace('-', '_')}_"


def _variable_key(variable: str, section: str, others: Iterable[str]) -> str | None:
    """The key that a variable sets in ``section``: the longest section name that fits takes it."""
    if variable in PLAIN_VARIABLES:
        place = PLAIN_VARIABLES[variable]
        return place[1] if place and place[0] == section else None
    prefix = _prefix(section)
    taken = any(len(_prefix(name)) > len(prefix) and variable.startswith(_prefix(name)) for name in others)
    return variable.removeprefix(prefix).lower() if variable.startswith(prefix) and not taken else None
