"""The command ``jackfield`` itself: finds the command, runs it, and turns whatever ends it into an exit code."""

from __future__ import annotations

import io
import json
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from attrs import define

from jackfield.cli.frame import commands, exits
from jackfield.cli.frame.exits import Exit
from jackfield.values.errors import CallError, DeviceGone, SettingsError
from jackfield.values.settings_rules import nearest

if TYPE_CHECKING:
    from jackfield.plugins import Config, Plugins

EPILOG = f"""
\b
Examples:
  jackfield doctor                   what is missing, and the command that fixes it
  jackfield devices --watch          cameras, microphones and speakers as they come and go
  jackfield serve --lan              a server that the local network can reach
  jackfield COMMAND --help           what a command takes, with examples

\b
Exit codes:
{exits.described()}
"""


@define
class Frame:
    """What the options before the command say; commands take it with ``@click.pass_obj``."""

    config_path: str | None = None

    def config(self) -> Config:
        """The configuration; its mistakes are in ``findings``."""
        from jackfield.plugins import load_config

        return load_config(self.config_path)

    def plugins(self) -> Plugins:
        """What is installed, loaded with the configuration; nothing is refused yet."""
        from jackfield.plugins import load

        return load(self.config())


class Commands(click.Group):
    """A group whose commands are files."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command, by name."""
        return list(commands.found())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now; None when there is no such file."""
        return commands.imported(cmd_name) if cmd_name in commands.found() else None

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """As click does, with the nearest name where there is none."""
        known = commands.found()
        if args and args[0] not in known and not args[0].startswith("-"):
            near = nearest(args[0], known)
            hint = f"did you mean {near}?" if near else "jackfield --help lists them"
            raise click.UsageError(f"there is no command {args[0]!r}; {hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Lists commands with their short help, and imports none."""
        with formatter.section("Commands"):
            formatter.write_dl(list(commands.found().items()))


def _version(ctx: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        click.echo(f"jackfield {version('jackfield')}")
        ctx.exit()


@click.group("jackfield", cls=Commands, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--config", "config_path", metavar="FILE", help="Configuration file, in place of jackfield.toml here.")
@click.option("--debug", is_flag=True, help="Show where an error came from (also JACKFIELD_DEBUG=1).")
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="The version.")
@click.pass_context
def jackfield(ctx: click.Context, config_path: str | None, debug: bool) -> None:
    """Live calls in which every part that touches a machine or a service is a plugin."""
    ctx.obj = Frame(config_path)
    if config_path:
        ctx.with_resource(_told_to_children(config_path))


@contextmanager
def _told_to_children(config_path: str) -> Iterator[None]:
    """Processes that the command starts, wherever they run, read the same configuration."""
    before = os.environ.get("JACKFIELD_CONFIG")
    os.environ["JACKFIELD_CONFIG"] = str(Path(config_path).absolute())
    try:
        yield
    finally:
        del os.environ["JACKFIELD_CONFIG"]
        if before is not None:
            os.environ["JACKFIELD_CONFIG"] = before


def run(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; whatever happens, the answer is an exit code and at most a few lines on stderr."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    sys.stdout, sys.stderr = sys.stdout or io.StringIO(), sys.stderr or io.StringIO()  # a service may have neither
    shows_origin = "--debug" in given or os.environ.get("JACKFIELD_DEBUG", "") not in ("", "0")
    given = _debug_first(given)
    try:
        code = jackfield.main(given, prog_name="jackfield", standalone_mode=False)
        return code if isinstance(code, int) else Exit.OK
    except click.ClickException as exc:
        exc.show()
        return Exit.USAGE
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return Exit.INTERRUPTED
    except CallError as exc:
        _tell(exc, "--json" in given, shows_origin)
        return exits.of(exc)
    except BrokenPipeError:
        sys.stdout = io.StringIO()  # the interpreter flushes it at its end
        return Exit.FAILED
    except Exception as exc:
        _tell_internal(exc, shows_origin)
        return Exit.FAILED


def _debug_first(given: list[str]) -> list[str]:
    """``--debug`` may stand anywhere; click wants it before the command."""
    if "--debug" not in given or "--" in given[: given.index("--debug")]:
        return given
    rest = [part for part in given if part != "--debug"]
    return ["--debug", *rest]


def _tell(error: CallError, as_json: bool, shows_origin: bool) -> None:
    if as_json:
        facts = {"code": error.code, "message": error.message, "retryable": error.retryable, "details": error.details}
        click.echo(json.dumps({"error": facts}, default=str), err=True)
    elif isinstance(error, SettingsError):
        for finding in error.findings:
            click.echo(f"{finding.severity}: {finding}", err=True)
    else:
        # A device that is not there comes back when somebody attaches it; the message says what is there.
        again = " (trying again can help)" if error.retryable and not isinstance(error, DeviceGone) else ""
        click.echo(f"error: {error.message}{again}", err=True)
    if shows_origin:
        traceback.print_exception(error)


def _tell_internal(error: Exception, shows_origin: bool) -> None:
    click.echo(f"error: jackfield itself failed: {type(error).__name__}: {error}; --debug shows where", err=True)
    if shows_origin:
        traceback.print_exception(error)
