"""A self-signed certificate for a server that other machines on the same network reach: made once and kept."""

from __future__ import annotations

import datetime
import ipaddress
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from attrs import field, frozen
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from jackfield import state

_LASTS: Final = datetime.timedelta(days=800)
_RENEW_BEFORE: Final = datetime.timedelta(days=14)


@frozen
class KeptCertificate:
    """Files that a TLS server reads. ``fingerprint`` is the certificate's sha-256 in hex, for clients to pin."""

    cert: Path
    key: Path = field(repr=False)
    fingerprint: str


def kept(addresses: Sequence[str], *, now: datetime.datetime | None = None) -> KeptCertificate:
    """This machine's certificate. It stays the same when addresses change, so that pinned fingerprints hold."""
    now = now or datetime.datetime.now(datetime.UTC)
    folder = state.directory()
    cert_path, key_path = folder / "lan-cert.pem", folder / "lan-key.pem"
    certificate = _readable(cert_path, key_path, now)
    if certificate is None:
        certificate = _make(cert_path, key_path, addresses, now)
    return KeptCertificate(cert_path, key_path, certificate.fingerprint(hashes.SHA256()).hex())


def _readable(cert_path: Path, key_path: Path, now: datetime.datetime) -> x509.Certificate | None:
    cert, key = state.read_private(cert_path), state.read_private(key_path)
    if not cert or not key:
        return None
    try:
        found = x509.load_pem_x509_certificate(cert)
        held = serialization.load_pem_private_key(key, None).public_key()
    except (ValueError, TypeError):
        return None
    fresh = found.not_valid_after_utc - _RENEW_BEFORE > now
    return found if fresh and held == found.public_key() else None


def _make(cert_path: Path, key_path: Path, addresses: Sequence[str], now: datetime.datetime) -> x509.Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    host = socket.gethostname()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Jackfield on {host}"[:64])])
    names: list[x509.GeneralName] = [x509.DNSName("localhost")]
    names += [x509.DNSName(each) for each in (host, f"{host}.local") if host.isascii() and host != "localhost"]
    names += [x509.IPAddress(ipaddress.ip_address(address)) for address in ("127.0.0.1", "::1", *addresses)]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + _LASTS)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    written = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    state.write_private(key_path, written)
    state.write_private(cert_path, certificate.public_bytes(pem))
    return certificate
