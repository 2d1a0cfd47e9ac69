"""``jackfield invite``: make a link that lets its holder into one session."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from jackfield.cli.frame import output
from jackfield.cli.frame.exits import Exit
from jackfield.cli.frame.group import Frame

if TYPE_CHECKING:
    from jackfield.links import JoinLink
    from jackfield.values.people import Role

EPILOG = """
\b
Examples:
  jackfield invite stand-up                     a link for participants, good for a day
  jackfield invite stand-up --role moderator --ttl 600
  jackfield invite stand-up --qr                with a code to point a phone at
  jackfield invite stand-up --url https://calls.example.com --json

Whoever has the link may join that session until it expires.
"""


@click.command("invite", epilog=EPILOG)
@click.argument("session")
@click.option("--role", type=click.Choice(["moderator", "participant"]), default="participant", show_default=True)
@click.option(
    "--ttl", "ttl_s", type=click.FloatRange(1), default=24 * 3600, show_default=True, help="Seconds it holds."
)
@click.option("--uid", default="operator", show_default=True, help="Who invites.")
@click.option("--url", help="The server, in place of the configured one.")
@click.option("--qr", is_flag=True, help="Print a QR code too.")
@output.json_option
@click.pass_obj
def command(
    frame: Frame, session: str, role: Role, ttl_s: float, uid: str, url: str | None, qr: bool, as_json: bool
) -> int:
    """Make a link that lets its holder into one session, in one role, until it expires."""
    link = asyncio.run(_made(frame, session, role, ttl_s, uid, url))
    if as_json:
        facts = {"link": str(link), "session_id": link.session_id, "url": link.url, "invite": link.invite}
        output.print_json(facts | {"role": role, "fingerprint": link.fingerprint})
        return Exit.OK
    click.echo(str(link))
    if qr:
        output.qr_code(str(link))
    return Exit.OK


async def _made(frame: Frame, session: str, role: Role, ttl_s: float, uid: str, url: str | None) -> JoinLink:
    from jackfield.cli.frame.place import place_for_people
    from jackfield.roles import MakesInvites
    from jackfield.values.errors import PluginError

    place = await place_for_people(frame.config(), url)
    provider = frame.plugins().token_provider(place)
    try:
        if not isinstance(provider, MakesInvites):
            raise PluginError(
                "the source of tokens for this place makes no invites; name a Jackfield server with --url"
            )
        log_in = await provider.log_in(uid, place.login_key)
        return await provider.invite(log_in, session, role=role, ttl_s=ttl_s)
    finally:
        await provider.close()
