"""Say what is missing on this machine, and the command that fixes it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import attrs
import click
from attrs import frozen

from jackfield.cli.frame import output
from jackfield.cli.frame.exits import Exit
from jackfield.cli.frame.group import Frame
from jackfield.plugins.selection import NOT_NEEDED, Preference
from jackfield.values.devices import LEAST_RANK
from jackfield.values.errors import CallError, SettingsError
from jackfield.values.settings import SessionSettings

if TYPE_CHECKING:
    from jackfield.plugins import Choice, Plugins
    from jackfield.values.devices import Device

EPILOG = """
\b
Examples:
  jackfield doctor             what works here, and what does not
  jackfield doctor --fresh     probe every codec again, whatever was remembered
  jackfield doctor --json

Ends with 0 when all is well, with 1 when something is missing or broken.
"""

State = Literal["ok", "note", "missing"]
#: What a call takes by itself.
KINDS = ("camera", "microphone", "speaker")
MARKS = {"ok": "✓", "note": "·", "missing": "✗"}


@frozen
class Check:
    """One thing that was looked at, what was found, and what would fix it."""

    what: str
    state: State
    found: str
    fix: str = ""
    choice: Any = None


@click.command("doctor", epilog=EPILOG)
@click.option("--fresh", is_flag=True, help="Probe codecs again, whatever was remembered.")
@output.json_option
@click.pass_obj
def command(frame: Frame, fresh: bool, as_json: bool) -> int:
    """Look at the machine, the plugins, the devices and the codecs, and say what to do about each lack."""
    output.quiet()
    plugins = frame.plugins()
    checks = list(examine(plugins, fresh=fresh))
    if as_json:
        output.print_json(checks)
    else:
        for check in checks:
            _show(check)
    return Exit.FAILED if any(check.state == "missing" for check in checks) else Exit.OK


def examine(plugins: Plugins, *, fresh: bool = False) -> Iterator[Check]:
    """Every check, in the order in which one builds on another. What is well has nothing to be fixed."""
    for check in _examined(plugins, fresh):
        yield attrs.evolve(check, fix="") if check.state == "ok" else check


def _examined(plugins: Plugins, fresh: bool) -> Iterator[Check]:
    yield _python()
    yield from _configuration(plugins)
    yield from _plugins(plugins)
    yield _tokens(plugins)
    wanted = _wanted(plugins)
    yield from _devices(plugins, wanted)
    yield from _codecs(plugins, wanted.encoders, fresh)
    yield _renderers(plugins)
    yield _tools()


def _python() -> Check:
    found = f"Python {sys.version.split()[0]}"
    return Check("python", "ok" if sys.version_info >= (3, 11) else "missing", found, "install Python 3.11 or later")


def _configuration(plugins: Plugins) -> Iterator[Check]:
    path = plugins.config.path
    errors = [finding for finding in plugins.findings if finding.severity == "error"]
    if not errors:
        yield Check("configuration", "ok", str(path) if path else "no jackfield.toml here: defaults and environment")
    for finding in plugins.findings:
        state: State = "missing" if finding.severity == "error" else "note"
        yield Check("configuration", state, f"{finding.key}: {finding.found}", finding.fix)


def _plugins(plugins: Plugins) -> Iterator[Check]:
    works = [row.name for row in plugins.rows if row.state == "ok"]
    yield Check("plugins", "ok" if works else "missing", ", ".join(works) or "none works", "pip install plugins")
    for row in plugins.rows:
        if row.is_misconfigured:
            continue  # said above, with what mends it
        if row.state in ("failed", "refused"):
            fix = f"pip install --upgrade {row.distribution or row.name}, or uninstall it"
            yield Check(f"plugin {row.name}", "missing", row.reason, fix)
        elif row.state == "disabled":
            yield Check(f"plugin {row.name}", "note", row.reason)


def _tokens(plugins: Plugins) -> Check:
    place = plugins.config.place()
    if place.url is None and not place.api_key:
        # This machine's own server makes its keys when it is first needed.
        place = attrs.evolve(place, url="http://127.0.0.1", api_key="made-then", api_secret="made-then")
    reasons = []
    for offer in Preference((), plugins.config.plugins.prefer).order(plugins.offers("register_token_providers")):
        reason = offer.thing.unsuited(place)
        if reason is None:
            return Check("call tokens", "ok", f"{offer.thing.name} ({offer.plugin})")
        reasons.append(f"{offer.thing.name}: {reason}")
    found = "; ".join(reasons) or "no plugin gives call tokens"
    return Check("call tokens", "missing", found, "pip install a plugin whose name begins with jackfield-tokens-")


def _wanted(plugins: Plugins) -> SessionSettings:
    """What a call would be joined with; the defaults where the configuration does not hold, which was said before."""
    try:
        return plugins.config.session_settings()
    except SettingsError:
        return SessionSettings()


def _devices(plugins: Plugins, wanted: SessionSettings) -> Iterator[Check]:
    """What a call would take of each kind, what ails the rest, and what the drivers themselves miss."""
    listed, broken = plugins.listing()
    findings = plugins.diagnose()
    tried = {finding.key: finding.found for finding in findings}  # some drivers try their devices out
    for kind in KINDS:
        yield _device(plugins, kind, getattr(wanted, kind), [device for device in listed if device.kind == kind], tried)
    named = {finding.source for finding in findings if finding.severity == "error"}
    for driver in broken:
        if driver.plugin in named:
            continue  # it says itself what it misses
        fix = f'tell who wrote it, or leave it out with [plugins] disable = ["{driver.plugin}"]'
        yield Check(f"plugin {driver.plugin}", "missing", driver.reason, fix)
    for finding in findings:
        state: State = "missing" if finding.severity == "error" else "note"
        key = finding.key
        what = key if key.startswith(f"{finding.source}:") else f"{finding.source}: {key}"
        yield Check(what, state, finding.found, finding.fix)
    said = {finding.key for finding in findings}
    for device in listed:
        if device.state != "ready" and not {device.id, device.address} & said:
            yield Check(device.id, "note", device.state, device.note)


def _device(plugins: Plugins, kind: Any, wish: Any, listed: Sequence[Device], tried: Mapping[str, str]) -> Check:
    try:
        taken, _, choice = plugins.device(kind, wish, failed=tried)
    except SettingsError as exc:
        (finding, *_) = exc.findings
        return Check(kind, "missing", finding.found, finding.fix)
    except CallError as exc:
        state: State = "note" if wish is None else "missing"
        if listed:
            return Check(kind, state, exc.message, f"mend it, or name another: `jackfield devices {kind}` lists them")
        return _none(plugins, kind, state)
    closed = [each.id for each in listed if each.id in tried and each.state == "ready" and each.rank >= LEAST_RANK]
    if wish is None and closed and taken is not None and taken.rank < LEAST_RANK:
        found = f"a call begins without: {', '.join(closed)} does not open, and nothing made up stands in for it"
        return Check(kind, "note", found, f"mend it, or name another: `jackfield devices {kind}` lists them")
    return Check(kind, "ok", choice.chosen or choice.why, choice=choice)


def _none(plugins: Plugins, kind: str, state: State) -> Check:
    drivers = plugins.playbacks if kind == "speaker" else [each for each in plugins.captures if kind in each.kinds]
    if not drivers:
        fix = "pip install one; Jackfield's README lists them by role"
        return Check(kind, state, f"no plugin that is installed drives a {kind}", fix)
    found = f"none is attached; looked for by {', '.join(driver.name for driver in drivers)}"
    return Check(kind, state, found, f"attach one; `jackfield devices {kind} --watch` shows it come")


def _codecs(plugins: Plugins, prefer: Sequence[str], fresh: bool) -> Iterator[Check]:
    plugins.probe_all(fresh=fresh)
    found: dict[tuple[str, str], Choice] = {}
    for makes in ("encoder", "decoder"):
        for codec in plugins.codecs(makes):
            found[makes, codec] = plugins.usable(makes, codec, prefer)
    for (makes, codec), choice in found.items():
        names = ", ".join(other.name for other in choice.passed_over)
        said = choice.chosen or f"none works of {names}"
        yield Check(f"{codec} {makes}", "ok" if choice.chosen else "note", said, choice=choice)
    yield from _backends(found.values())
    for makes in ("encoder", "decoder"):
        usable = {codec.lower() for (each, codec), choice in found.items() if each == makes and choice.chosen}
        fix = "pip install a plugin that brings one, or mend one of those above"
        if not usable & {"h264", "vp8", "vp9", "av1"}:
            yield Check(f"video {makes}", "missing", "none works", fix)
        if "opus" not in usable:
            yield Check(f"audio {makes}", "missing", "none works", fix)


def _backends(choices: Iterable[Choice]) -> Iterator[Check]:
    """Why what a plugin offers cannot be used: each reason once, with the codecs that it is about."""
    names: dict[tuple[str, str], list[str]] = {}
    for choice in choices:
        for other in choice.passed_over:
            if not other.reason.startswith(NOT_NEEDED):
                names.setdefault((other.plugin, other.reason), []).append(other.name)
    said: dict[str, set[str]] = {}
    for (plugin, reason), about in names.items():
        found = _unsaid(reason, said.setdefault(plugin, set()))
        yield Check(f"codecs of {plugin}", "note", f"{found} ({', '.join(dict.fromkeys(about))})")


def _unsaid(reason: str, said: set[str]) -> str:
    """The parts of a reason that were not yet said of the plugin: codecs that differ in one share the rest."""
    parts = reason.split("; ")
    new = [part for part in parts if part not in said]
    said.update(parts)
    return "; ".join(new if len(new) == len(parts) else [*new, "and as above"])


def _renderers(plugins: Plugins) -> Check:
    names = [offer.thing.name for offer in plugins.offers("register_renderers")]
    fix = "pip install a plugin whose name begins with jackfield-render-"
    return Check("renderers", "ok" if names else "note", ", ".join(names) or "none: calls are not shown", fix)


def _tools() -> Check:
    found = shutil.which("ffprobe")
    return Check("ffprobe", "ok" if found else "note", found or "not found; only useful to look into recordings")


def _show(check: Check) -> None:
    why = f" ({check.choice.why})" if check.choice is not None and check.choice.chosen == check.found else ""
    click.echo(f"{MARKS[check.state]} {check.what}: {check.found}{why}")
    if check.fix and check.state != "ok":
        click.echo(f"    → {check.fix}")
    if check.choice is not None and check.what in KINDS:  # what codecs lack follows, each reason once
        for other in check.choice.passed_over:
            click.echo(f"    passed over {other}")
