"""What a server may be started with: every mistake at once, each with its fix, and no secret shown."""

from __future__ import annotations

import datetime
import ssl
import stat
from pathlib import Path

import pytest

from jackfield import state
from jackfield.rtc.link import IceServer
from jackfield.server import addresses, certificate
from jackfield.server.options import join_addresses, server_settings, turn_server
from jackfield.server.settings import check, parse_keys
from jackfield.values.errors import SettingsError

STRONG = "0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("JACKFIELD_STATE_DIR", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("a: b", {"a": "b"}),
        ("a:b", {"a": "b"}),
        ("a: b\nc: d\n", {"a": "b", "c": "d"}),
        ("a: b, c: d", {"a": "b", "c": "d"}),
        ("# comment\n'a': \"b\"\n", {"a": "b"}),
        ("a: b:c", {"a": "b:c"}),
        ("", {}),
    ],
)
def test_keys_in_livekits_form(text: str, keys: dict[str, str]) -> None:
    """One pair on each line, or between commas."""
    assert parse_keys(text) == keys


@pytest.mark.parametrize("text", ["tell-nobody", "a:", ": b", "a: tell nobody", "a: b\ntell-nobody"])
def test_garbled_keys_are_not_repeated(text: str) -> None:
    """The error says which entry is wrong, and shows none of it: it may be a secret."""
    with pytest.raises(SettingsError) as caught:
        parse_keys(text)
    assert "entry" in caught.value.message
    assert "nobody" not in caught.value.message


def test_development_keys_where_none_are_named() -> None:
    """With nothing said, this machine's keys serve this machine alone."""
    made = server_settings({})
    assert made.development
    assert made.is_loopback
    assert made.login_key == state.development_keys().login_key
    assert check(made) == []


def test_beyond_loopback_with_development_keys_is_refused() -> None:
    """The error names what to do instead."""
    for host in ("0.0.0.0", "::", "192.0.2.1", "example.org"):
        with pytest.raises(SettingsError, match="--lan") as caught:
            check(server_settings({"host": host}))
        assert state.development_keys().api_secret not in caught.value.message


def test_own_keys_beyond_loopback_in_plain_text_warn() -> None:
    """Plain http beyond this machine is possible, and said."""
    made = server_settings({"host": "0.0.0.0", "keys": f"k: {STRONG}"})
    assert [(finding.severity, finding.key) for finding in check(made)] == [("warning", "tls-cert")]
    assert made.login_key is None
    assert check(server_settings({"host": "0.0.0.0", "keys": f"k: {STRONG}", "behind_proxy": True})) == []


def test_guessable_secrets_warn_where_others_can_try() -> None:
    """A short secret or log-in key is a warning beyond loopback."""
    given = {"keys": "devkey: secret", "login_key": "short", "behind_proxy": True}
    assert check(server_settings(given)) == []
    found = check(server_settings(given | {"host": "0.0.0.0"}))
    assert [finding.key for finding in found] == ["keys", "login-key"]


def test_key_name_may_not_be_the_log_in_key() -> None:
    """What every token shows opens no door, even if its owner asks for it."""
    for login_key in ("APIx", STRONG):
        with pytest.raises(SettingsError, match="login-key"):
            check(server_settings({"keys": f"APIx: {STRONG}", "login_key": login_key}))


def test_every_mistake_is_listed(tmp_path: Path) -> None:
    """Three mistakes are three findings."""
    given = {"host": "0.0.0.0", "tls_cert": tmp_path / "none.pem", "keys": {"k": STRONG}, "login_key": STRONG}
    with pytest.raises(SettingsError) as caught:
        check(server_settings(given))
    assert {finding.key for finding in caught.value.findings} == {"tls-key", "login-key"}
    given = {"tls_cert": tmp_path / "none.pem", "tls_key": tmp_path / "none.key", "announce": ("203.0.113.9", "here")}
    with pytest.raises(
        SettingsError, match=r"no file .*none\.pem(.|\n)*none\.key(.|\n)*'here' is no address"
    ) as caught:
        check(server_settings(given))
    assert [finding.key for finding in caught.value.findings] == ["tls-cert", "tls-key", "announce"]


def test_lan_makes_a_certificate_and_keeps_it(folder: Path) -> None:
    """--lan needs nothing else, and its certificate is the same the next time."""
    made = server_settings({"lan": True, "host": "127.0.0.1"})
    assert made.host == "0.0.0.0"
    assert check(made) == []
    assert server_settings({"lan": True}).tls_fingerprint == made.tls_fingerprint
    assert stat.S_IMODE((folder / "lan-key.pem").stat().st_mode) == 0o600
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "lan-cert.pem", folder / "lan-key.pem")
    for link in join_addresses(made, 7880):
        assert link.startswith("https://")
        assert link.endswith(":7880")


def test_certificate_is_renewed_before_it_ends(folder: Path) -> None:
    """One that ends within two weeks, or is damaged, is made anew."""
    first = certificate.kept(["192.0.2.1"]).fingerprint
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=790)
    second = certificate.kept(["192.0.2.1"], now=later).fingerprint
    assert second != first
    (folder / "lan-key.pem").write_bytes(b"damaged")
    assert certificate.kept([], now=later).fingerprint != second


def test_own_certificate_wins_over_one_made(tmp_path: Path) -> None:
    """With --tls-cert nothing is made and nothing pinned."""
    made = server_settings({"lan": True, "tls_cert": tmp_path / "c.pem", "tls_key": tmp_path / "k.pem"})
    assert made.tls_fingerprint is None
    assert not (tmp_path / "lan-cert.pem").exists()


def test_local_server_ignores_what_else_was_named() -> None:
    """This machine's own server has this machine's keys: those who look for it have no others."""
    made = server_settings({"local": True, "keys": "k: s", "login_key": "other"})
    assert made.development
    assert made.login_key == state.development_keys().login_key
    assert made.idle_s > 0


def test_no_secret_in_repr() -> None:
    """Settings can be logged."""
    made = server_settings({"keys": "k: tell-nobody", "login_key": "tell-nobody", "turn": ["turn:u:tell-nobody@h"]})
    assert "tell-nobody" not in repr(made)


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("turn:u:p@h:3478?transport=udp", IceServer(("turn:h:3478?transport=udp",), "u", "p")),
        ("turns:u:p%40x@h", IceServer(("turns:h",), "u", "p@x")),
        ("stun:h:3478", IceServer(("stun:h:3478",))),
    ],
)
def test_turn_servers(text: str, server: IceServer) -> None:
    """User and password stand in the address."""
    assert turn_server(text) == server


@pytest.mark.parametrize("text", ["turn:h:3478", "http://h", "turn:", "tell-nobody"])
def test_no_turn_server(text: str) -> None:
    """What is none is refused without being shown."""
    with pytest.raises(SettingsError) as caught:
        turn_server(text)
    assert "nobody" not in caught.value.message


def test_reachable_addresses_are_no_loopback() -> None:
    """Other machines are never sent to 127.0.0.1."""
    assert not [address for address in addresses.reachable() if address.startswith("127.")]


def test_workers_are_a_number_or_one_for_each_core(monkeypatch: pytest.MonkeyPatch) -> None:
    """A number, in words too; ``auto`` counts the cores that this process may use."""
    assert server_settings({}).workers == 1
    assert [server_settings({"workers": wanted}).workers for wanted in (3, "3", " 3 ")] == [3, 3, 3]
    monkeypatch.setattr("jackfield.server.options._cores", lambda: 6)
    assert server_settings({"workers": "auto"}).workers == 6
    monkeypatch.setattr("jackfield.server.options._cores", lambda: 999)
    assert check(server_settings({"workers": "auto"})) == []


@pytest.mark.parametrize(
    ("given", "key", "words"),
    [
        ({"workers": 0}, "workers", "1 to 128"),
        ({"workers": "-1"}, "workers", "1 to 128"),
        ({"workers": 10_000}, "workers", "1 to 128"),
        ({"workers": "abc"}, "workers", "auto"),
        ({"workers": "1.5"}, "workers", "auto"),
        ({"workers": 3, "udp_port": 65_534}, "udp-port", "65533 or below"),
        ({"workers": 2, "livekit": "ws://there:7880", "keys": f"k: {STRONG}"}, "workers", "--livekit"),
    ],
)
def test_workers_that_cannot_be_are_said(given: dict[str, object], key: str, words: str) -> None:
    """Each mistake has its fix."""
    with pytest.raises(SettingsError, match=words) as caught:
        check(server_settings(given))
    assert [finding.key for finding in caught.value.findings] == [key]
    assert check(server_settings({"workers": 2, "udp_port": 65_534})) == []
