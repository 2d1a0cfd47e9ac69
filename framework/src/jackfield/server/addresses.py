"""The addresses under which other machines reach this one."""

from __future__ import annotations

import ipaddress
import socket

import ifaddr


def reachable() -> list[str]:
    """This machine's IPv4 addresses that are not loopback or link-local, the one that leads outward first."""
    found: list[str] = []
    for adapter in ifaddr.get_adapters():
        for entry in adapter.ips:
            if isinstance(entry.ip, str):
                address = ipaddress.ip_address(entry.ip)
                if not (address.is_loopback or address.is_link_local) and entry.ip not in found:
                    found.append(entry.ip)
    first = _outward()
    return sorted(found, key=lambda address: address != first)


def _outward() -> str | None:
    """The address that a packet to the outside would carry; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        return str(probe.getsockname()[0])
