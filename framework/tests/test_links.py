"""Links to a session are written and read."""

from __future__ import annotations

import pytest

from jackfield import links
from jackfield.values.errors import SessionIdError, SettingsError


@pytest.mark.parametrize("session_id", ["stand-up", "a b/c?d#e", "会議", "50%"])
def test_link_survives_the_way(session_id: str) -> None:
    """Whatever a session is called, its link leads to it."""
    link = links.JoinLink("https://calls.example:7880", session_id, "in.vi.te", "ab12")
    assert links.is_link(str(link))
    assert links.parse(str(link)) == link


def test_invite_is_in_the_fragment() -> None:
    """No server sees the invite: it is behind the #."""
    text = str(links.JoinLink("http://h", "s", "secret"))
    assert text == "http://h/join/s#invite=secret"
    assert str(links.JoinLink("http://h", "s")) == "http://h/join/s"


@pytest.mark.parametrize(
    "text", ["https://h/", "https://h/join/", "https://h/join/%20", "stand-up", "https:///join/x", "http://[::1/join/x"]
)
def test_other_addresses_are_no_links(text: str) -> None:
    """An address that leads to no session is refused."""
    with pytest.raises(SessionIdError):
        links.parse(text)


@pytest.mark.parametrize("url", ["https://h", "http://[::1]:7880", "wss://h/behind/a/path", "ws://127.0.0.1:7880/"])
def test_addresses_of_servers(url: str) -> None:
    """http and WebSocket addresses are taken as they are."""
    assert links.check_server_url(url) == url


@pytest.mark.parametrize("url", ["", "h", "h:7880", "ftp://h", "https://", "http://[::1", "http://h:7x", "http://h:0"])
def test_other_texts_are_no_servers(url: str) -> None:
    """Each is refused with what was found and what an address looks like."""
    with pytest.raises(SettingsError, match="give an address such as") as caught:
        links.check_server_url(url)
    assert repr(url) in caught.value.message
