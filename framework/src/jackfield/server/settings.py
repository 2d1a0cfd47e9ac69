"""What a server is started with, and the rules that a server must keep before it opens a port."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from attrs import field, frozen

from jackfield.rtc.link import IceServer
from jackfield.values.errors import SettingsError
from jackfield.values.findings import Finding

PORT: Final = 7880
UDP_PORT: Final = 7882
#: A worker is for a core, and takes some 60 MB.
WORKERS_MAX: Final = 128
_PORT_MAX: Final = 65_535
_SHORT: Final = 32


@frozen
class ServerSettings:
    """One server. ``udp_port`` None: 7882, or any that is free when that is taken. ``public_url``: how others name it.

    ``local`` marks this machine's own server, which ends when idle. ``behind_proxy``: the nearest proxy is believed
    about who asks and over what. ``max_cpu``: per cent of a core above which no new session is opened, 0: none.
    ``last_n``: pictures that one participant gets at a time, 0: all. ``workers``: processes that rooms are spread over,
    each with a UDP port of its own from ``udp_port`` on; 1: none but this one. ``tls_fingerprint`` is set where the
    certificate is self-signed. ``livekit``: the LiveKit server that is in the embedded SFU's place. ``recordings``: the
    folder that calls are recorded to; None: none is. ``log_file``: where calls are logged, for ``log_days`` (0: for
    ever); None: nowhere.
    """

    keys: Mapping[str, str] = field(repr=False)
    login_key: str | None = field(default=None, repr=False)
    host: str = "127.0.0.1"
    port: int = PORT
    udp_port: int | None = None
    announce: Sequence[str] = ()
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_fingerprint: str | None = None
    public_url: str | None = None
    allow_origins: Sequence[str] = ()
    behind_proxy: bool = False
    open_metrics: bool = False
    development: bool = False
    local: bool = False
    idle_s: float = 0.0
    drain_s: float = 5.0
    max_cpu: float = 0.0
    last_n: int = 0
    workers: int = 1
    ice_servers: Sequence[IceServer] = ()
    livekit: str | None = None
    recordings: Path | None = None
    log_file: Path | None = None
    log_days: float = 90.0

    @property
    def signing_key(self) -> tuple[str, str]:
        """The key name and secret that sign what this server gives out: the first."""
        return next(iter(self.keys.items()))

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return is_loopback(self.host)

    @property
    def scheme(self) -> str:
        """What it speaks on its own port."""
        return "https" if self.tls_cert else "http"


def is_loopback(host: str) -> bool:
    """Whether this address or name leads to this machine alone."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def parse_keys(text: str) -> dict[str, str]:
    """``key: secret`` pairs, as LiveKit writes them: one per line, or separated by commas. Else `SettingsError`."""
    keys: dict[str, str] = {}
    for number, part in enumerate(re.split(r"[\n,]", text), 1):
        if not part.strip() or part.lstrip().startswith("#"):
            continue
        name, colon, secret = (piece.strip().strip("'\"") for piece in part.partition(":"))
        if not (colon and name and secret) or any(letter.isspace() for letter in name + secret):
            raise one_mistake("keys", f"entry {number} is not a key and a secret", 'write "key: secret"')
        keys[name] = secret
    return keys


def one_mistake(key: str, found: str, fix: str) -> SettingsError:
    """An error with one finding."""
    return SettingsError([Finding("error", key, found, fix, "serve")])


def check(settings: ServerSettings) -> list[Finding]:
    """Warnings about what was asked; `SettingsError` with every reason why it must not be opened like that."""
    findings = [*_exposure(settings), *_tls(settings), *_announced(settings), *_weak(settings), *_livekit(settings)]
    findings += _workers(settings)
    if any(finding.severity == "error" for finding in findings):
        raise SettingsError(findings)
    return findings


def _exposure(settings: ServerSettings) -> list[Finding]:
    if settings.is_loopback:
        return []
    if settings.development and not settings.tls_fingerprint:
        found = f"{settings.host} can be reached from other machines, and only development keys are there"
        fix = "use --lan (https with a certificate of its own), or --keys with keys of your own"
        return [Finding("error", "host", found, fix, "serve")]
    if not settings.tls_cert and not settings.behind_proxy:
        found = "plain http: keys and tokens can be read on the way, and browsers elsewhere give no camera"
        fix = "use --tls-cert and --tls-key, or a proxy that speaks https and --behind-proxy"
        return [Finding("warning", "tls-cert", found, fix, "serve")]
    return []


def _tls(settings: ServerSettings) -> list[Finding]:
    if bool(settings.tls_cert) != bool(settings.tls_key):
        there, missing = ("tls-cert", "tls-key") if settings.tls_cert else ("tls-key", "tls-cert")
        return [Finding("error", missing, f"--{there} was given without it", f"give --{missing} too", "serve")]
    named = {"tls-cert": settings.tls_cert, "tls-key": settings.tls_key}
    return [
        Finding("error", key, f"there is no file {path}", "name the PEM file", "serve")
        for key, path in named.items()
        if path and not path.is_file()
    ]


def _announced(settings: ServerSettings) -> list[Finding]:
    fix = "give the IP address that clients send media to"
    return [
        Finding("error", "announce", f"{address!r} is no address", fix, "serve")
        for address in settings.announce
        if not _is_address(address)
    ]


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _livekit(settings: ServerSettings) -> list[Finding]:
    if settings.livekit is None:
        return []
    findings = []
    if not settings.livekit.startswith(("ws://", "wss://", "http://", "https://")):
        fix = "write ws://host:7880, or https://host"
        findings.append(Finding("error", "livekit", f"{settings.livekit!r} is no address of a server", fix, "serve"))
    if settings.development:
        found = "the keys are this machine's own, which a LiveKit server does not know"
        fix = "give LiveKit's key and secret: --keys-file, or JACKFIELD_KEYS"
        findings.append(Finding("error", "keys", found, fix, "serve"))
    return findings


def _workers(settings: ServerSettings) -> list[Finding]:
    if not 1 <= settings.workers <= WORKERS_MAX:
        fix = f"give 1 to {WORKERS_MAX}, or auto: one for each core"
        return [Finding("error", "workers", f"{settings.workers} cannot be", fix, "serve")]
    if settings.workers == 1:
        return []
    if settings.livekit is not None:
        found = "with --livekit the LiveKit server carries the media, and there is nothing to spread over processes"
        return [Finding("error", "workers", found, "leave out one of the two", "serve")]
    if settings.udp_port and settings.udp_port + settings.workers - 1 > _PORT_MAX:
        found = f"{settings.workers} workers take as many UDP ports, and from {settings.udp_port} on there are fewer"
        return [Finding("error", "udp-port", found, f"choose {_PORT_MAX - settings.workers + 1} or below", "serve")]
    return []


def _weak(settings: ServerSettings) -> list[Finding]:
    if not settings.keys:
        return [Finding("error", "keys", "there is no key", 'give --keys "key: secret", or JACKFIELD_KEYS', "serve")]
    findings = []
    login_key = settings.login_key
    if login_key is not None and (login_key in settings.keys or login_key in settings.keys.values()):
        found = "the log-in key is also an API key or secret; every token shows the API key to its holder"
        findings.append(Finding("error", "login-key", found, "choose another text for it", "serve"))
    for name, secret in settings.keys.items():
        if len(secret) < _SHORT and not settings.is_loopback:
            found = f"the secret of {name} has {len(secret)} characters and can be guessed"
            findings.append(Finding("warning", "keys", found, f"use at least {_SHORT} random ones", "serve"))
    if login_key is not None and len(login_key) < 12 and not settings.is_loopback:
        found = f"it has {len(login_key)} characters and can be guessed"
        findings.append(Finding("warning", "login-key", found, "use at least 12 random ones", "serve"))
    return findings
