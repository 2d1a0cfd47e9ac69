"""``jackfield serve``: the embedded server."""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jackfield.cli.frame import output
from jackfield.cli.frame.exits import Exit
from jackfield.cli.frame.group import Frame

if TYPE_CHECKING:
    from jackfield.plugins import ServerOptions
    from jackfield.server.launch import Started
    from jackfield.server.settings import ServerSettings
    from jackfield.values.findings import Finding

EPILOG = """
\b
Examples:
  jackfield serve                              this machine alone; calls here find it by themselves
  jackfield serve --lan                        the local network, over https; prints a link and a QR code
  JACKFIELD_KEYS="key: secret" jackfield serve --host 0.0.0.0 --tls-cert cert.pem --tls-key key.pem
  jackfield serve --keys-file keys.txt --behind-proxy --public-url https://calls.example.com
  jackfield serve --lan --workers auto         every core forwards
  jackfield serve --keys-file livekit-keys.txt --livekit ws://livekit.example.com:7880

Ends with 0 after SIGTERM, Ctrl-C or (--local) when idle, and with 3 when it cannot be opened as asked.
"""


@click.command("serve", epilog=EPILOG)
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="TCP port; 0: any.  [default: 7880; --local: any]")
@click.option("--udp-port", type=click.IntRange(0, 65535), help="UDP port for media; 0: any.  [default: 7882]")
@click.option("--announce", multiple=True, metavar="ADDRESS", help="Address that clients send media to (NAT, cloud).")
@click.option("--config", type=click.Path(path_type=Path), help="Configuration file.  [default: jackfield.toml]")
@click.option("--lan", is_flag=True, help="Open to the local network: https with a certificate of its own.")
@click.option("--session", default="lobby", show_default=True, help="Session whose link is printed.")
@click.option("--tls-cert", type=click.Path(path_type=Path), help="PEM certificate.")
@click.option("--tls-key", type=click.Path(path_type=Path), help="PEM key of the certificate.")
@click.option("--behind-proxy", is_flag=True, default=None, help="A proxy that speaks https stands in front.")
@click.option("--public-url", metavar="URL", help="How other machines name this server.")
@click.option("--allow-origin", "allow_origins", multiple=True, metavar="ORIGIN", help="Pages that may ask /api.")
@click.option("--open-metrics", is_flag=True, default=None, help="Let other machines read /metrics.")
@click.option("--keys", metavar="'KEY: SECRET'", help="API keys (better: JACKFIELD_KEYS or --keys-file).")
@click.option("--keys-file", type=click.Path(path_type=Path), help="File with one 'KEY: SECRET' on each line.")
@click.option("--login-key", metavar="KEY", help="What log-ins are asked for (better: JACKFIELD_LOGIN_KEY).")
@click.option("--turn", multiple=True, metavar="turn:USER:PASSWORD@HOST:PORT", help="TURN server for clients.")
@click.option(
    "--drain-seconds",
    "drain_s",
    type=click.FloatRange(0),
    help="How long calls may go on after SIGTERM, while nobody new is let in; Ctrl-C or a second signal ends them at "
    "once.  [default: 5]",
)
@click.option(
    "--max-cpu",
    type=click.FloatRange(0, 100),
    metavar="PERCENT",
    help="Of a core: above it no new session is opened; 0: no limit.  [default: 90]",
)
@click.option(
    "--last-n", type=click.IntRange(0), help="Pictures that one participant gets at a time; 0: all.  [default: 0]"
)
@click.option(
    "--workers",
    metavar="NUMBER",
    help="Processes that sessions are spread over, so that more cores carry media, each on a UDP port of its own: "
    "--udp-port and those after it. auto: one for each core.  [default: 1, this process alone]",
)
@click.option(
    "--livekit",
    metavar="URL",
    help="A LiveKit server that carries the media; the rest, from log-ins to recording, stays here, at this address.",
)
@click.option(
    "--recordings",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Where calls are recorded to, when a moderator asks.  [default: recordings in the state directory]",
)
@click.option("--no-recording", is_flag=True, default=None, help="Record nothing.")
@click.option(
    "--log-days", type=click.FloatRange(0), help="How far the log of calls reaches back; 0: for ever.  [default: 90]"
)
@click.option("--no-log", is_flag=True, default=None, help="Keep no log of calls.")
@click.option("--local", is_flag=True, help="Be this machine's own server: ends when idle.")
@click.option("--idle-seconds", "idle_s", type=click.FloatRange(0), help="End after this long with nobody in a call.")
@click.option("--verbose", is_flag=True, help="Log what happens.")
@output.json_option
@click.pass_obj
def command(
    frame: Frame,
    /,
    config: Path | None,
    keys_file: Path | None,
    session: str,
    verbose: bool,
    as_json: bool,
    **flags: Any,
) -> int:
    """Run the embedded server: signalling, log-ins and pages on one TCP port, media on one UDP port for each worker."""
    from jackfield.server import launch, settings
    from jackfield.server.options import server_settings

    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.WARNING, format="%(levelname)s %(name)s: %(message)s"
    )
    options = None if flags["local"] else _configured(frame, config)
    wanted = server_settings(_given(flags, options, keys_file))
    warnings = [*settings.check(wanted), *_seen(flags)]

    def told(started: Started) -> None:
        _tell(started, wanted, session, warnings, as_json)

    def drains(people: int) -> None:
        if people:
            they = "1 person is in a call, which goes" if people == 1 else f"{people} people are in calls, which go"
            they += f" on for {wanted.drain_s:g} s at most"
            click.echo(f"Ending: {they}; another signal ends all at once.", err=True)

    asyncio.run(launch.host(wanted, told, drains=drains))
    return Exit.OK


def _configured(frame: Frame, config: Path | None) -> ServerOptions:
    from jackfield.plugins import load_config

    found = load_config(config) if config else frame.config()
    found.raise_for_errors()
    return found.server


def _given(flags: dict[str, Any], options: ServerOptions | None, keys_file: Path | None) -> dict[str, Any]:
    """Flags over configuration; what neither names is left out."""
    from jackfield.server.settings import one_mistake

    given: dict[str, Any] = {}
    if options is not None:
        names = ["host", "port", "announce", "lan", "tls_cert", "tls_key", "login_key", "ice_servers", "drain_s"]
        names += ["max_cpu", "last_n", "public_url", "behind_proxy", "allow_origins", "open_metrics", "recordings"]
        names += ["no_recording", "no_log", "log_days", "livekit", "workers"]
        given = {name: getattr(options, name) for name in names}
        given["udp_port"] = options.udp_port or None
        given["keys"] = options.keys if isinstance(options.keys, str) else options.key_pairs() or None
    # 0 is a wish; an option that was not given is None, an empty tuple or False.
    given.update(
        {name: value for name, value in flags.items() if value is not None and value is not False and value != ()}
    )
    if keys_file is not None:
        try:
            given["keys"] = keys_file.read_text(encoding="utf-8")
        except OSError as exc:
            raise one_mistake("keys-file", f"{keys_file} cannot be read: {exc.strerror}", "name a file") from exc
    return given


def _seen(flags: dict[str, Any]) -> list[Finding]:
    from jackfield.values.findings import Finding

    fix = "put it into the environment or a file instead"
    found = "every user of this machine can read it in the list of processes"
    return [
        Finding("warning", name.replace("_", "-"), found, fix, "serve") for name in ("keys", "login_key") if flags[name]
    ]


def _tell(started: Started, settings: ServerSettings, session: str, warnings: list[Finding], as_json: bool) -> None:
    from jackfield.links import JoinLink
    from jackfield.server.options import join_addresses
    from jackfield.tokens import mint_invite

    invite, _ = mint_invite(*settings.signing_key, session)
    bases = join_addresses(settings, started.port)
    links = [str(JoinLink(base, session, invite, settings.tls_fingerprint)) for base in bases]
    if as_json:
        facts = {"url": started.url, "port": started.port, "udp_port": started.udp_port, "pid": started.pid}
        facts |= {
            "udp_ports": list(started.udp_ports),
            "findable": started.findable,
            "fingerprint": settings.tls_fingerprint,
        }
        facts |= {"session": session, "links": links, "warnings": [str(warning) for warning in warnings]}
        output.print_json_line(facts)
    else:
        output.warn(warnings)
        _show(started, settings, session, links)
        sys.stdout.flush()


def _show(started: Started, settings: ServerSettings, session: str, links: list[str]) -> None:
    ports = ", ".join(map(str, started.udp_ports))
    if settings.local:
        click.echo(f"Jackfield: this machine's own server at {started.url}, media on UDP {ports}")
        return
    media = f"media by LiveKit at {settings.livekit}" if settings.livekit else f"media on UDP {ports}"
    click.echo(f"Jackfield listens at {started.url}, {media}")
    click.echo(f"Join {session!r} from a browser (the link is an invite, good for a day):\n")
    for link in links:
        click.echo(f"  {link}")
    if settings.tls_fingerprint:
        click.echo()
        output.self_signed(settings.tls_fingerprint, links[0])
    if settings.development:
        click.echo("\nKeys of this machine, made for development, are in use (the state directory has them, private).")
    if settings.is_loopback:
        click.echo("\nOnly this machine can reach it; `jackfield serve --lan` opens it to the local network.")
    click.echo("Ctrl-C ends it.")
