"""What plugins find in the settings of a call, and names and settings that mean nothing in this installation."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from jackfield.plugins.loader import LoadedPlugin
from jackfield.plugins.selection import Offer
from jackfield.values.findings import Finding
from jackfield.values.people import Place
from jackfield.values.settings import HIDES, SessionSettings
from jackfield.values.settings_rules import nearest

#: Settings without which a call is less safe than its caller believes, and why.
UNSAFE: Mapping[str, str] = {"e2ee_key": "the call would not be encrypted end to end"}

#: Settings on which only a plugin that makes text of speech acts.
OF_TRANSCRIPTION = ("auto_start_transcription", "caption_language")


def plugins_findings(loaded: Sequence[LoadedPlugin], settings: SessionSettings, place: Place) -> list[Finding]:
    """What every plugin that checks settings says of these."""
    asked = [each for each in loaded if "check_settings" in each.hooks]
    return [finding for each in asked for finding in _checked(each, settings, place)]


def idle(settings: SessionSettings, active: Collection[str]) -> list[Finding]:
    """Changed settings on which nobody acts, ``active`` being those on which somebody does. That a part is not to be
    hidden is what anybody does who has no such part."""
    fix = "leave it out, or install a plugin that acts on it"
    of_transcription = "leave it out, or install a plugin that makes text of speech (jackfield-transcribe-…)"
    found = "nothing in this installation acts on it"
    return [
        Finding("error", name, f"{found}: {UNSAFE[name]}", fix)
        if name in UNSAFE
        else Finding("warning", name, found, of_transcription if name in OF_TRANSCRIPTION else fix)
        for name in settings.changed()
        if name not in active and not (name in HIDES and getattr(settings, name) is False)
    ]


def unknown_encoders(wanted: Sequence[str], offers: Sequence[Offer]) -> list[Finding]:
    """Encoders that are asked for by a name that none here has."""
    known = {name for offer in offers for name in offer.names} | {"hardware", "software"}
    unknown = [name for name in wanted if name.lower() not in known]
    return [
        Finding("warning", "encoders", f"no encoder here is called {name!r}", _instead(name, known, name))
        for name in unknown
    ]


def unknown_renderers(wanted: Sequence[str], offers: Sequence[Offer]) -> list[Finding]:
    """Renderers that are asked for by a name that none here has."""
    known = {name for offer in offers for name in (offer.thing.name, offer.plugin)}
    findings = []
    for name in wanted:
        if name not in known:
            fix = _instead(name, known, f"render-{name.removeprefix('render-')}")
            findings.append(Finding("error", "renderers", f"no renderer here is called {name!r}", fix))
    return findings


def unknown_language(settings: SessionSettings, offers: Sequence[Offer]) -> list[Finding]:
    """A language of captions that no engine here understands, where some understands any."""
    known = list(dict.fromkeys(tag for offer in offers for tag in offer.thing.languages))
    is_asked = any(name in OF_TRANSCRIPTION for name in settings.changed())
    if not known or not is_asked or spoken(settings.caption_language, known) is not None:
        return []
    found = f"nothing here makes text of {settings.caption_language} speech; it does of {', '.join(known)}"
    return [Finding("warning", "caption_language", found, "name one of these, or install a plugin that does")]


def spoken(language: str, known: Sequence[str]) -> str | None:
    """The one of these tags that means this language: the same, or one of the two without what the other adds."""
    wanted = language.lower().split("-")
    for tag in sorted(known, key=lambda tag: tag.lower() != language.lower()):
        parts = tag.lower().split("-")
        shorter = min(len(parts), len(wanted))
        if parts[:shorter] == wanted[:shorter]:
            return tag
    return None


def _checked(loaded: LoadedPlugin, settings: SessionSettings, place: Place) -> list[Finding]:
    try:
        answer = loaded.ask("check_settings", settings=settings, place=place)
        findings = list(() if answer is None else answer)
        if not all(isinstance(finding, Finding) for finding in findings):
            raise TypeError("it answered with something other than findings")
    except Exception as exc:
        found = f"its check of the settings failed: {type(exc).__name__}: {exc}"
        fix = f'mend it, or leave it out with [plugins] disable = ["{loaded.name}"]'
        return [Finding("error", f"plugin {loaded.name}", found, fix, loaded.name)]
    named = [finding if finding.source else _from(loaded.name, finding) for finding in findings]
    return named


def _from(plugin: str, finding: Finding) -> Finding:
    return Finding(finding.severity, finding.key, finding.found, finding.fix, plugin)


def _instead(name: str, known: Collection[str], plugin: str) -> str:
    near = nearest(name, known)
    return f"did you mean {near}?" if near else f"pip install jackfield-{plugin}, or leave it out"
