"""From what a person gave (flags over configuration over development keys) to the settings of a server."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from jackfield import state
from jackfield.rtc.link import IceServer
from jackfield.server import addresses, certificate
from jackfield.server.settings import WORKERS_MAX, ServerSettings, is_loopback, one_mistake, parse_keys

#: How long an unused server of this machine lives on.
IDLE_S: Final = 60.0
#: One address, where a name would mean one of each family.
_HOSTS: Final = {None: "127.0.0.1", "": "127.0.0.1", "localhost": "127.0.0.1"}
_ICE_SCHEMES: Final = ("turn", "turns", "stun", "stuns")


def server_settings(given: Mapping[str, Any]) -> ServerSettings:
    """Settings of what was given; None counts as not given. `SettingsError` for what cannot be read."""
    given = {name: value for name, value in given.items() if value is not None}
    plain = (
        "port",
        "udp_port",
        "public_url",
        "behind_proxy",
        "open_metrics",
        "drain_s",
        "max_cpu",
        "last_n",
        "log_days",
        "livekit",
    )
    values: dict[str, Any] = {name: given[name] for name in plain if name in given}
    values["announce"] = tuple(given.get("announce", ()))
    values["allow_origins"] = tuple(origin.rstrip("/") for origin in given.get("allow_origins", ()))
    values["ice_servers"] = (
        *(_ice_server(table) for table in given.get("ice_servers", ())),
        *(turn_server(text) for text in given.get("turn", ())),
    )
    lan, local = bool(given.get("lan")), bool(given.get("local"))
    host = given.get("host")
    if lan and (host is None or is_loopback(host)):
        host = "0.0.0.0"
    if local:
        values.setdefault("port", 0)  # it is found by what it writes down: the known port is for whom people start
    values.update(_keys(given, local), local=local, host=_HOSTS.get(host, host))
    values["workers"] = _workers(given.get("workers", 1))
    values["recordings"] = _recordings(given)
    values["log_file"] = None if given.get("no_log") else state.directory() / "calls.sqlite3"
    values["idle_s"] = given.get("idle_s", IDLE_S if local else 0.0)
    return ServerSettings(**values, **_certificate(given, lan))


def _workers(wanted: object) -> int:
    """A number as it was written, or one for each core that this process may use."""
    if wanted == "auto":
        return min(_cores(), WORKERS_MAX)
    try:
        return int(str(wanted))
    except ValueError:
        raise one_mistake("workers", f"{wanted!r} is no number", "give a number, or auto: one for each core") from None


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _keys(given: Mapping[str, Any], local: bool) -> dict[str, Any]:
    keys = {} if local else _named_keys(given.get("keys"))
    if keys:
        return {"keys": keys, "login_key": given.get("login_key"), "development": False}
    made = state.development_keys()
    login_key = made.login_key if local else given.get("login_key", made.login_key)
    return {"keys": {made.api_key: made.api_secret}, "login_key": login_key, "development": True}


def _recordings(given: Mapping[str, Any]) -> Path | None:
    """The folder of recordings, the state directory's unless another is named."""
    if given.get("no_recording"):
        return None
    named = given.get("recordings")
    return Path(named).expanduser().absolute() if named else state.directory() / "recordings"


def _named_keys(named: object) -> dict[str, str]:
    if isinstance(named, Mapping):
        return {str(name): str(secret) for name, secret in named.items()}
    return parse_keys(named) if isinstance(named, str) else {}


def _certificate(given: Mapping[str, Any], lan: bool) -> dict[str, Any]:
    cert, key = given.get("tls_cert"), given.get("tls_key")
    if cert or key:
        return {"tls_cert": Path(cert) if cert else None, "tls_key": Path(key) if key else None}
    if not lan:
        return {}
    kept = certificate.kept(addresses.reachable())
    return {"tls_cert": kept.cert, "tls_key": kept.key, "tls_fingerprint": kept.fingerprint}


def turn_server(text: str) -> IceServer:
    """``turn:user:password@host:3478?transport=udp`` or ``stun:host`` as what a client is told."""
    scheme, colon, rest = text.partition(":")
    if scheme not in _ICE_SCHEMES or not colon or not rest:
        raise one_mistake("turn", "it is no TURN or STUN address", "write turn:user:password@host:3478")
    user, at, where = rest.rpartition("@")
    name, _, password = user.partition(":")
    if scheme.startswith("turn") and not (at and name and password):
        raise one_mistake("turn", "it has no user and password", "write turn:user:password@host:3478")
    return IceServer((f"{scheme}:{where}",), unquote(name) or None, unquote(password) or None)


def _ice_server(table: Mapping[str, Any]) -> IceServer:
    """As browsers write it: ``urls`` (one or several), ``username``, ``credential``."""
    urls = table.get("urls", table.get("url", ()))
    urls = (urls,) if isinstance(urls, str) else tuple(urls)
    if not urls or not all(isinstance(url, str) and url.partition(":")[0] in _ICE_SCHEMES for url in urls):
        raise one_mistake("ice_servers", "one has no urls that begin with stun: or turn:", 'write urls = "turn:host"')
    return IceServer(urls, table.get("username"), table.get("credential"))


def join_addresses(settings: ServerSettings, port: int) -> Sequence[str]:
    """The http(s) addresses under which people reach the server, best first."""
    if settings.public_url:
        return [settings.public_url.rstrip("/")]
    named = settings.host.strip("[]")
    wildcard = named in ("0.0.0.0", "::")
    hosts = (addresses.reachable() or ["127.0.0.1"]) if wildcard else [named]
    return [f"{settings.scheme}://{f'[{host}]' if ':' in host else host}:{port}" for host in hosts]
