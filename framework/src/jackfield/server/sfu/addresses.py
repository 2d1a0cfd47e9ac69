"""The addresses of this machine that media can be sent from, and on which sockets are bound."""

from __future__ import annotations

import ipaddress
import socket

import ifaddr

_WILDCARDS = {"", "0.0.0.0", "::"}


def local_addresses() -> list[str]:
    """Every usable address of every interface: IPv4 first, loopback last, link-local IPv6 left out."""
    found: list[str] = []
    for adapter in ifaddr.get_adapters():
        for entry in adapter.ips:
            text = entry.ip if isinstance(entry.ip, str) else entry.ip[0]
            address = ipaddress.ip_address(text.partition("%")[0])
            if not address.is_link_local or address.version == 4:
                found.append(str(address))
    return sorted(dict.fromkeys(found), key=_preference)


def _preference(text: str) -> tuple[bool, int]:
    address = ipaddress.ip_address(text)
    return address.is_loopback, address.version


def bound_addresses(host: str) -> list[str]:
    """One address for each socket that listening on ``host`` takes. A wildcard socket would answer from the wrong one.

    ``OSError`` when the host has no address.
    """
    if host not in _WILDCARDS:
        return list(dict.fromkeys(info[4][0] for info in _resolve(host)))
    addresses = local_addresses()
    if host == "0.0.0.0":
        addresses = [text for text in addresses if ipaddress.ip_address(text).version == 4]
    return addresses or ["127.0.0.1"]


def _resolve(host: str) -> list[tuple[int, int, int, str, tuple[str, int]]]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM)
    return found  # type: ignore[return-value]
