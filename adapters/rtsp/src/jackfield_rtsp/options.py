"""The keys of ``[rtsp.<name>]`` in ``jackfield.toml``."""

from __future__ import annotations

from typing import Literal
from urllib.parse import SplitResult, quote, unquote, urlsplit, urlunsplit

from attrs import field, frozen, validators

from jackfield.plugins.tables import named_tables

SCHEMES = {"rtsp": 554, "rtsps": 322}
_SIZE = validators.and_(validators.ge(0), validators.le(16_384))


@frozen(kw_only=True)
class Camera:
    """A camera on the network."""

    #: Where it is: `rtsp://address/path`, as its manual says. A name and password in it are taken, and never shown.
    url: str = field(repr=False)
    #: How packets come: `tcp` loses none; `udp` is for cameras that cannot do otherwise.
    transport: Literal["tcp", "udp"] = "tcp"
    #: The name to log in with.
    user: str = ""
    #: The password. It need not stand in the file.
    password: str = field(default="", repr=False)
    #: What people see; its name where nothing is set.
    label: str = ""
    #: Where it looks.
    facing: Literal["front", "rear", ""] = ""
    #: Its microphone is listed too, as `rtsp:<name>-sound`.
    sound: bool = False
    #: How its pictures are encoded; H.264 can be passed on as it is, anything else is decoded here.
    codec: Literal["h264", "other"] = "h264"
    #: Width of its pictures, where it matters before they come.
    width: int = field(default=0, validator=_SIZE)
    #: Height of its pictures.
    height: int = field(default=0, validator=_SIZE)
    #: Pictures in a second; 0: as the camera says.
    fps: float = field(default=0.0, validator=validators.and_(validators.ge(0), validators.le(1000)))
    #: Higher is taken first when nobody named a device.
    rank: int = 45
    #: So many seconds without an answer or a packet are a failure.
    timeout_s: float = field(default=5.0, validator=validators.and_(validators.gt(0), validators.le(60)))
    #: A camera that cannot be reached for so many seconds is given up, and tried anew later.
    give_up_s: float = field(default=6.0, validator=validators.ge(0))

    def __attrs_post_init__(self) -> None:
        parts = _split(self.url)
        if parts is None:
            raise ValueError("url has an address or a port that cannot be: a port is a number from 1 to 65535")
        if parts.scheme not in SCHEMES or not parts.hostname:
            raise ValueError("url has to begin with rtsp:// or rtsps:// and an address")
        if self.password and not (self.user or parts.username):
            raise ValueError("a password needs a user")

    @property
    def host(self) -> str:
        """Its address or name."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """Its TCP port."""
        parts = urlsplit(self.url)
        return parts.port or SCHEMES[parts.scheme]

    @property
    def address(self) -> str:
        """Its URL as it may be shown: with neither name nor password, nor what stands behind a question mark."""
        parts = urlsplit(self.url)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))

    @property
    def secret_url(self) -> str:
        """Its URL with name and password, for the camera alone."""
        parts = urlsplit(self.url)
        user = self.user or unquote(parts.username or "")
        password = self.password or unquote(parts.password or "")
        place = parts.netloc.rpartition("@")[2]
        who = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "") + "@" if user else ""
        return urlunsplit((parts.scheme, who + place, parts.path, parts.query, ""))

    @property
    def has_password(self) -> bool:
        """Whether a password goes with the name."""
        return bool(self.password or urlsplit(self.url).password)

    @property
    def logs_in(self) -> bool:
        """Whether a name is sent."""
        return bool(self.user or urlsplit(self.url).username)


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts


@frozen(kw_only=True)
class Options:
    """Cameras on the network: each table is one, `rtsp:<name>`."""

    #: The tables, by name.
    cameras: dict[str, Camera] = named_tables()
