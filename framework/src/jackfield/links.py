"""Links to a session: ``https://server/join/SESSION#invite=…``. What lets people in is in the fragment, which a browser
sends to no server and puts into no log."""

from __future__ import annotations

from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from attrs import field, frozen

from jackfield.values.errors import SessionIdError, SettingsError
from jackfield.values.findings import Finding


@frozen
class JoinLink:
    """One session on one server. ``fingerprint`` pins the server's self-signed certificate for our own client."""

    url: str
    session_id: str
    invite: str | None = field(default=None, repr=False)
    fingerprint: str | None = None

    def __str__(self) -> str:
        parts = {"invite": self.invite, "fingerprint": self.fingerprint}
        fragment = urlencode({name: value for name, value in parts.items() if value})
        page = f"{self.url}/join/{quote(self.session_id, safe='')}"
        return f"{page}#{fragment}" if fragment else page


def check_server_url(url: str) -> str:
    """The address of a server, when it is one; `SettingsError` shows what one looks like."""
    try:
        split = urlsplit(url)
        holds = split.scheme in ("http", "https", "ws", "wss") and bool(split.hostname) and split.port != 0
    except ValueError:
        holds = False
    if not holds:
        fix = "give an address such as https://calls.example.org or ws://127.0.0.1:7880"
        raise SettingsError([Finding("error", "server", f"found {url!r}", fix)])
    return url


def is_link(text: str) -> bool:
    """Whether this is a link rather than a session id."""
    return text.startswith(("http://", "https://")) and "/join/" in text


def parse(text: str) -> JoinLink:
    """What the link says; `SessionIdError` when it leads to no session."""
    shown = text.partition("#")[0]
    try:
        split = urlsplit(text)
    except ValueError as exc:
        raise SessionIdError(f"{shown} is not a link to a session ({exc}): https://SERVER/join/SESSION") from exc
    prefix, found, session_id = split.path.partition("/join/")
    if not found or not unquote(session_id).strip() or not split.netloc:
        raise SessionIdError(f"{shown} is not a link to a session: https://SERVER/join/SESSION")
    fragment = parse_qs(split.fragment)
    return JoinLink(
        url=f"{split.scheme}://{split.netloc}{prefix}",
        session_id=unquote(session_id),
        invite=fragment.get("invite", [None])[0],
        fingerprint=fragment.get("fingerprint", [None])[0],
    )
