"""``jackfield token``: make a call token."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from jackfield.cli.frame import output
from jackfield.cli.frame.exits import Exit
from jackfield.cli.frame.group import Frame

if TYPE_CHECKING:
    from jackfield.values.people import CallToken, Role

EPILOG = """
\b
Examples:
  jackfield token stand-up --uid ada                       the token, and nothing else, on stdout
  jackfield token stand-up --uid bot --role participant --ttl 600
  jackfield token stand-up --uid ada --json                with what it says and where it holds

A token lets whoever has it into the session: treat it as a password.
"""


@click.command("token", epilog=EPILOG)
@click.argument("session")
@click.option("--uid", required=True, help="Who it is for.")
@click.option("--name", default="", help="The name that others see.")
@click.option("--role", type=click.Choice(["moderator", "participant"]), default="moderator", show_default=True)
@click.option("--ttl", "ttl_s", type=click.FloatRange(1), default=6 * 3600, show_default=True, help="Seconds it holds.")
@click.option("--url", help="The server, in place of the configured one.")
@output.json_option
@click.pass_obj
def command(
    frame: Frame, session: str, uid: str, name: str, role: Role, ttl_s: float, url: str | None, as_json: bool
) -> int:
    """Make a call token for one user and one session, with the keys of the configured place or of this machine."""
    token = asyncio.run(_made(frame, session, uid, name, role, ttl_s, url))
    if as_json:
        facts = {"token": token.token, "session_id": token.session_id, "uid": token.uid, "role": token.role}
        output.print_json(facts | {"expires_at": token.expires_at, "url": token.url})
    else:
        click.echo(token.token)
    return Exit.OK


async def _made(
    frame: Frame, session: str, uid: str, name: str, role: Role, ttl_s: float, url: str | None
) -> CallToken:
    from jackfield import tokens
    from jackfield.cli.frame.place import place_for_people

    place = await place_for_people(frame.config(), url)
    if place.api_key and place.api_secret:
        pair = (place.api_key, place.api_secret)
        uid = tokens.check_uid(uid)
        return tokens.mint_call_token(
            *pair, uid=uid, name=name, session_id=session, role=role, ttl_s=ttl_s, url=place.url
        )
    provider = frame.plugins().token_provider(place)
    try:
        return await provider.call_token(await provider.log_in(uid, place.login_key, name=name), session)
    finally:
        await provider.close()
