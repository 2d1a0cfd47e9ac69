"""ICE-lite (RFC 8445 section 2.5): credentials, candidates, and answers to binding requests, as plain functions.

The server keeps sockets and addresses; an authentic check from an address is all it takes to know a peer's path.
"""

from __future__ import annotations

import ipaddress
import secrets
import string
import struct
from collections.abc import Iterable

from aioice import stun

_ALPHABET = string.ascii_letters + string.digits
_COOKIE = bytes.fromhex("2112a442")
_USERNAME = 0x0006


def local_credentials() -> tuple[str, str]:
    """A fresh user name fragment and password."""
    return _random(12), _random(32)


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def is_stun(data: bytes) -> bool:
    """Whether this datagram is STUN (RFC 8489 section 5, RFC 7983)."""
    return len(data) >= 20 and data[0] < 4 and data[4:8] == _COOKIE


def parse_username(data: bytes) -> str | None:
    """The local user name fragment that a binding request is addressed to, read without checking anything else."""
    position = 20
    while position + 4 <= len(data):
        kind = data[position] << 8 | data[position + 1]
        length = data[position + 2] << 8 | data[position + 3]
        if kind == _USERNAME:
            name = data[position + 4 : position + 4 + length]
            return name.partition(b":")[0].decode("ascii", "replace")
        position += 4 + length + (-length % 4)
    return None


def answer(data: bytes, addr: tuple[str, int], *, ufrag: str, pwd: str) -> bytes | None:
    """The success response to an authentic binding request for these credentials; None for anything else."""
    try:
        request = stun.parse_message(data)
        username = request.attributes.get("USERNAME", "")
        authentic = request.check_message_integrity(pwd.encode())
    except (ValueError, KeyError, IndexError, struct.error):
        return None
    binding = request.message_method == stun.Method.BINDING and request.message_class == stun.Class.REQUEST
    if not (binding and authentic and username.partition(":")[0] == ufrag):
        return None
    response = stun.Message(stun.Method.BINDING, stun.Class.RESPONSE, transaction_id=request.transaction_id)
    response.attributes["XOR-MAPPED-ADDRESS"] = addr[:2]
    response.add_message_integrity(pwd.encode())
    return bytes(response)


def candidate_lines(addresses: Iterable[str], port: int) -> list[str]:
    """Host candidates for these addresses, first the most preferred, as ``candidate:…`` lines."""
    lines = []
    for index, address in enumerate(addresses):
        preference = 65535 - index if ipaddress.ip_address(address).version == 4 else 32767 - index
        priority = 126 << 24 | preference << 8 | 255
        lines.append(f"candidate:{index + 1} 1 udp {priority} {address} {port} typ host")
    return lines
