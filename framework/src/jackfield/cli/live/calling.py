"""Joining from the command line: whose log-in or token, which server, which devices."""

from __future__ import annotations

import asyncio
import getpass
import re
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import attrs
import click

from jackfield.values.errors import CallTokenError, PluginError

if TYPE_CHECKING:
    from jackfield.calls import Calls
    from jackfield.links import JoinLink
    from jackfield.plugins import Config, Plugins
    from jackfield.session.call import CallSession
    from jackfield.values.people import CallToken, Place

#: Parts that settings hide unless they say otherwise.
_SHOWN = ("hide_chat_button", "hide_recording_button", "hide_closed_caption_button", "hide_network_indicator")
_SIZE = re.compile(r"(\d+)x(\d+)(?:@(\d+(?:\.\d+)?))?")

#: The options of every command that joins, in the order of ``--help``.
_OPTIONS = (
    click.option(
        "--server", metavar="URL", help="Jackfield or LiveKit server; default: configured, else this machine's."
    ),
    click.option("--token", envvar="JACKFIELD_TOKEN", help="Call token (better: JACKFIELD_TOKEN).", metavar="TOKEN"),
    click.option("--uid", help="Who joins; default: a name of the moment."),
    click.option("--name", default="", help="The name that others see."),
    click.option("--api-key", metavar="KEY", help="Log-in key (better: JACKFIELD_LOGIN_KEY)."),
    click.option("--set", "given", multiple=True, metavar="KEY=VALUE", help="Any session setting; may be repeated."),
)
#: The options of commands that send media.
_MEDIA = (
    click.option(
        "--camera", multiple=True, metavar="WISH", help="Id, label or address; repeat for the next best; none."
    ),
    click.option("--microphone", multiple=True, metavar="WISH", help="As --camera."),
    click.option("--speaker", multiple=True, metavar="WISH", help="As --camera."),
    click.option("--video", metavar="WxH@FPS", help="Picture to aim at, e.g. 640x360@15."),
    click.option("--codec", multiple=True, help="VP8, H264 …; repeat for the next best."),
    click.option("--render", "renderers", multiple=True, metavar="NAME", help="Show the call with this renderer."),
)


def options(*, media: bool) -> Callable[[Any], Any]:
    """A decorator: the options of joining, with those of sending media where ``media``."""

    def decorate(command: Any) -> Any:
        for option in reversed(_OPTIONS + (_MEDIA if media else ())):
            command = option(command)
        return command

    return decorate


def media_options(command: Any) -> Any:
    """A decorator: the options of sending media, and any other setting."""
    for option in (*reversed(_MEDIA), _OPTIONS[-1]):
        command = option(command)
    return command


def settings(given: tuple[str, ...] = (), **flags: Any) -> dict[str, Any]:
    """Session settings from flags and ``KEY=VALUE``; a later one of the same key wins."""
    found: dict[str, Any] = {
        name: list(wish) for name in ("camera", "microphone", "speaker") if (wish := flags.get(name))
    }
    if flags.get("video"):
        found["video"] = _size(flags["video"])
    if flags.get("codec"):
        found["video_codecs"] = list(flags["codec"])
    if flags.get("renderers"):  # who asks for a picture at a command line wants to see what there is
        found["renderers"] = list(flags["renderers"])
        found |= dict.fromkeys(_SHOWN, False)
    for pair in given:
        key, equals, text = pair.partition("=")
        if not equals:
            raise click.BadParameter(f"{pair!r} is not KEY=VALUE", param_hint="--set")
        found[key.strip()] = _value(text.strip())
    return found


def _size(text: str) -> dict[str, Any]:
    match = _SIZE.fullmatch(text)
    if match is None:
        raise click.BadParameter(f"{text!r} is not of the form 1280x720@30", param_hint="--video")
    size = {"width": int(match[1]), "height": int(match[2])}
    return size | ({"fps": float(match[3])} if match[3] else {})


def _value(text: str) -> Any:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return [part.strip() for part in text.split(",")] if "," in text else text


@asynccontextmanager
async def joined(
    config: Config,
    plugins: Plugins,
    session: str,
    *,
    server: str | None,
    token: str | None,
    uid: str | None,
    name: str,
    api_key: str | None,
    settings: dict[str, Any],
    stop: asyncio.Event,
    prepare: Callable[[Calls], None] = lambda calls: None,
) -> AsyncIterator[CallSession]:
    """The call, joined by session id or link and left again. ``prepare`` sees `Calls` before anything happens.

    `click.Abort` when ``stop`` is set before we are in.
    """
    from jackfield import links, local
    from jackfield.calls import Calls
    from jackfield.cli.live.watching import takes_the_terminal, unless_stopped
    from jackfield.tokens import check_session_id

    place = _place(config, server)
    link = links.parse(session) if links.is_link(session) else None
    session_id = check_session_id(link.session_id if link else session)
    if link is not None:
        place = attrs.evolve(place, url=link.url, fingerprint=link.fingerprint or place.fingerprint)
    async with Calls(place, plugins=plugins, remember=False) as calls:
        prepare(calls)

        async def enter() -> CallSession:
            held: CallToken | str | None = token
            if held is None and link is not None and link.invite:
                held = await _guest(plugins, place, link, name or uid or "")
            if held is None:
                who = uid if uid is not None else _somebody()
                await calls.login(who, api_key or place.login_key, name=name)
            wanted = {**settings, **({"display_name": name} if name and held is None else {})}
            return await calls.join_session(session_id=session_id, call_token=held, settings=wanted)

        call = await unless_stopped(enter(), stop)
        if place.url is None and token is None and not takes_the_terminal(call):
            click.echo((await local.local_server(start=False)).said, err=True)
        yield call


def _place(config: Config, server: str | None) -> Place:
    from jackfield.values.people import Place

    place = config.place()
    if server is None or (place.url or "").rstrip("/") == server.rstrip("/"):
        return place
    if place.url is None:  # keys without an address are for whichever server is named
        return attrs.evolve(place, url=server)
    return Place(server)


async def _guest(plugins: Plugins, place: Place, link: JoinLink, name: str) -> CallToken:
    from jackfield.roles import AcceptsInvites

    provider = plugins.token_provider(attrs.evolve(place, api_key=None, api_secret=None))
    try:
        if not isinstance(provider, AcceptsInvites):
            raise PluginError("no installed source of tokens takes the invite in this link")
        if not link.invite:
            raise CallTokenError("the link has no invite")
        return await provider.accept_invite(link.session_id, link.invite, name=name or _somebody())
    finally:
        await provider.close()


def _somebody() -> str:
    """A uid that no other process of this machine has, so that two do not replace each other."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "somebody"
    return f"{re.sub(r'[^A-Za-z0-9_-]', '-', user)}-{secrets.token_hex(2)}"
