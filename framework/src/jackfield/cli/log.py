"""``jackfield log``: the calls that were, from the server that had them."""

from __future__ import annotations

import asyncio
import re
import time
from typing import TYPE_CHECKING, Any

import click

from jackfield.cli.frame import output
from jackfield.cli.frame.exits import Exit
from jackfield.cli.frame.group import Frame
from jackfield.server.happenings import STATUSES

if TYPE_CHECKING:
    from jackfield.plugins import Plugins
    from jackfield.values.people import Place

_SPANS = {"m": 60, "h": 3600, "d": 24 * 3600}

EPILOG = """
\b
Examples:
  jackfield log                                 the last 20 calls on this machine's own server
  jackfield log stand-up --since 7d             of one session, in the last week
  jackfield log --uid ada --status interrupted
  jackfield log --limit 500 --json              who was in each, when, and its recordings

A call is interrupted when its server was killed; it is rejected, busy, unanswered or cancelled where it rang and
nobody came. Ends with 4 when the server cannot be reached.
"""


@click.command("log", epilog=EPILOG)
@click.argument("session", required=False)
@click.option("--uid", help="Calls in which this user was.")
@click.option("--status", type=click.Choice(STATUSES), help="Calls that stand so.")
@click.option("--since", metavar="SPAN", help="Calls begun within this time: 30m, 12h, 7d.")
@click.option("--limit", type=click.IntRange(1, 500), default=20, show_default=True, help="So many, newest first.")
@click.option("--before", metavar="ID", help="Go on after this call: the last of the page before.")
@click.option("--url", help="The server, in place of the configured one.")
@output.json_option
@click.pass_obj
def command(
    frame: Frame, /, session: str | None, since: str | None, url: str | None, as_json: bool, **wish: Any
) -> int:
    """List the calls that were: who was in them, when and how long."""
    wanted = {name: str(value) for name, value in wish.items() if value is not None}
    if session is not None:
        wanted["session_id"] = session
    if since is not None:
        wanted["since"] = str(time.time() - _seconds(since))
    calls = asyncio.run(_read(frame, url, wanted))
    if as_json:
        output.print_json({"calls": calls})
        return Exit.OK
    rows = [tuple(_row(call)) for call in calls]
    titles = ("session", "began", "lasted", "status", "people", "recordings")
    output.table("Calls", titles, rows, empty="none is in the log")
    return Exit.OK


async def _read(frame: Frame, url: str | None, wanted: dict[str, str]) -> list[dict[str, Any]]:
    import aiohttp

    from jackfield.cli.frame.place import place_for_people
    from jackfield.session.service import ask

    place = await place_for_people(frame.config(), url)
    token = await _log_in(frame.plugins(), place)
    async with aiohttp.ClientSession() as http:
        answer = await ask(
            http,
            place.url or "",
            "log",
            token,
            query=wanted,
            fingerprint=place.fingerprint,
            lacking=f"{place.url} keeps no log of calls; name a Jackfield server with --url",
        )
    found: list[dict[str, Any]] = answer.get("calls", [])
    return found


async def _log_in(plugins: Plugins, place: Place) -> str:
    provider = plugins.token_provider(place)
    try:
        return (await provider.log_in("operator", place.login_key)).auth_token
    finally:
        await provider.close()


def _seconds(span: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([mhd])", span.strip())
    if match is None:
        raise click.BadParameter(f"{span!r} is no span of time; write 30m, 12h or 7d", param_hint="--since")
    return float(match[1]) * _SPANS[match[2]]


def _row(call: dict[str, Any]) -> list[str]:
    people = {person["uid"]: person["name"] or person["uid"] for person in call["people"]}
    seconds = None if call["duration_s"] is None else int(call["duration_s"])
    return [
        call["session_id"],
        time.strftime("%Y-%m-%d %H:%M", time.localtime(call["started_at"])),
        "" if seconds is None else f"{seconds // 3600}:{seconds % 3600 // 60:02}:{seconds % 60:02}",
        call["status"],
        ", ".join(people.values()),
        str(len(call["recordings"]) or ""),
    ]
