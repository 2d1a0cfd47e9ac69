"""Links to a session: ``https://server/join/SESSION#invite=…``. What lets people in is in the fragment, which a browser
sends to no server and puts into no log."""

from __future__ import annotations

from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from attrs import field, frozen

from jackfield.values.errors import SessionIdError


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


def is_link(text: str) -> bool:
    """Whether this is a link rather than a session id."""
    return urlsplit(text).scheme in ("http", "https") and "/join/" in text


def parse(text: str) -> JoinLink:
    """What the link says; `SessionIdError` when it leads to no session."""
    split = urlsplit(text)
    prefix, found, session_id = split.path.partition("/join/")
    if not found or not unquote(session_id).strip() or not split.netloc:
        raise SessionIdError(f"{split.scheme}://{split.netloc}{split.path} is not a link to a session: …/join/SESSION")
    fragment = parse_qs(split.fragment)
    return JoinLink(
        url=f"{split.scheme}://{split.netloc}{prefix}",
        session_id=unquote(session_id),
        invite=fragment.get("invite", [None])[0],
        fingerprint=fragment.get("fingerprint", [None])[0],
    )
