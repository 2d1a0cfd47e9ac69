"""Which engine writes down what is said in a language, and why each other was passed over."""

from __future__ import annotations

from attrs import frozen

from jackfield.plugins.checks import spoken
from jackfield.plugins.registry import Plugins
from jackfield.plugins.selection import Choice, Offer, Preference, Search, Unusable
from jackfield.roles import Transcriber, TranscriberFactory
from jackfield.values.errors import PluginError

HOOK = "register_transcribers"


@frozen(eq=False)
class Engine:
    """An engine that was chosen, and the one of its languages that was."""

    factory: TranscriberFactory
    plugin: str
    language: str

    def open(self) -> Transcriber:
        """Another transcriber. Blocks."""
        return self.factory.open(self.language)


def engine(plugins: Plugins, language: str) -> Engine:
    """The engine for a language; `PluginError` says what to install, or which languages there are. May block."""
    offers = plugins.offers(HOOK)
    asked = f"transcriber {language}"

    def use(offer: Offer) -> Engine:
        known = spoken(language, offer.thing.languages)
        if known is None:
            raise Unusable(f"it understands {', '.join(offer.thing.languages)}")
        if (reason := offer.thing.probe()) is not None:
            raise Unusable(reason)
        return Engine(offer.thing, offer.plugin, known)

    found, choice = Search(asked, Preference((), plugins.config.plugins.prefer)).first(offers, use)
    plugins.choices[asked] = choice
    if found is None:
        raise PluginError(_lacking(language, choice))
    return found


def _lacking(language: str, choice: Choice) -> str:
    if not choice.passed_over:
        return "nothing here makes text of speech; plugins that do are called jackfield-transcribe-…: pip install one"
    return f"nothing here makes text of {language} speech: " + "; ".join(map(str, choice.passed_over))
