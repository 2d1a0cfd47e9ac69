"""The loader: a plugin that does not work is a row with its reason, and the others work."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from jackfield.cli import doctor
from jackfield.plugins import Config, PluginOptions, PluginRow, Plugins, load, load_config
from jackfield.testing import install

GOOD = """
    from attrs import frozen
    from jackfield import hookimpl

    class Renderer:
        name, rank = "{name}", 50
        async def open(self, call, container): ...

    class Plugin:
        name, api_version = "{name}", (1, 0)

        @hookimpl
        def register_renderers(self):
            return [Renderer()]

    plugin = Plugin()
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own on the import path, for distributions."""
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def good(place: Path, name: str = "good") -> None:
    install(place, name, GOOD.format(name=name))


def row(name: str, config: Config | None = None) -> PluginRow:
    return next(row for row in load(config or Config()).rows if row.name == name)


def renderers(plugins: Plugins) -> list[str]:
    return [offer.plugin for offer in plugins.offers("register_renderers")]


def test_a_plugin_that_works_says_what_it_answers(place: Path) -> None:
    """Its row has its version, distribution and hooks."""
    good(place)
    assert row("good") == PluginRow("good", "1.0", "ok", "", ("register_renderers",), "jackfield-good")


BROKEN = {
    "absent-import": ("import no_such_module\nplugin = None", "ModuleNotFoundError: No module named 'no_such_module'"),
    "raising-import": ("raise RuntimeError('no licence')", "RuntimeError: no licence"),
    "exiting-import": ("raise SystemExit(3)", "SystemExit: 3"),
    "nameless": ("class P: api_version = (1, 0)\nplugin = P()", "has no name"),
    "misnamed": ("class P:\n name, api_version = 'other', (1, 0)\nplugin = P()", "its name is 'other'"),
    "ageless": ("class P: name = 'ageless'\nplugin = P()", "no api_version"),
    "unknown-hook": (
        "from jackfield import hookimpl\nclass P:\n name, api_version = 'unknown-hook', (1, 0)\n"
        " @hookimpl\n def register_capture(self): return ()\nplugin = P()",
        "register_capture, which is no hook; did you mean register_captures?",
    ),
    "unknown-argument": (
        "from jackfield import hookimpl\nclass P:\n name, api_version = 'unknown-argument', (1, 0)\n"
        " @hookimpl\n def register_captures(self, colour): return ()\nplugin = P()",
        "does not fit",
    ),
    "raising-hook": (
        "from jackfield import hookimpl\nclass P:\n name, api_version = 'raising-hook', (1, 0)\n"
        " @hookimpl\n def register_codecs(self): raise OSError('no card')\nplugin = P()",
        "register_codecs raised OSError: no card",
    ),
    "wrong-answer": (
        "from jackfield import hookimpl\nclass P:\n name, api_version = 'wrong-answer', (1, 0)\n"
        " @hookimpl\n def register_captures(self): return ['camera']\nplugin = P()",
        "is no CaptureDriver: it lacks",
    ),
    "no-options-class": (
        "class P:\n name, api_version, options = 'no-options-class', (1, 0), dict\nplugin = P()",
        "they are an attrs class",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_plugin_is_a_row_and_the_others_work(place: Path, name: str) -> None:
    """Whatever one of them does, its reason stands in its row and nothing else is lost."""
    code, reason = BROKEN[name]
    good(place)
    install(place, name, code)
    found = row(name)
    assert found.state == "failed"
    assert reason in found.reason
    assert "good" in renderers(load(Config()))


@pytest.mark.parametrize(
    ("version", "state"), [((1, 1), "refused"), ((2, 0), "refused"), ((0, 9), "refused"), ((1, 0), "ok")]
)
def test_a_plugin_for_another_api_is_refused(place: Path, version: tuple[int, int], state: str) -> None:
    """A newer minor or another major is refused, and the row says which of the two to upgrade."""
    install(place, "dated", f"class P: name, api_version = 'dated', {version}\nplugin = P()")
    found = row("dated")
    assert found.state == state
    assert ("upgrade" in found.reason) is (state == "refused")


def test_of_two_with_one_name_the_rightful_one_works(place: Path) -> None:
    """The distribution that carries the plugin's name wins, and the other one's row names it."""
    good(place)
    install(place, "good", GOOD.format(name="good"), distribution="another")
    rows = [row for row in load(Config()).rows if row.name == "good"]
    assert [(row.distribution, row.state) for row in rows] == [("jackfield-good", "ok"), ("another", "failed")]
    assert "jackfield-good is called 'good' too" in rows[1].reason
    assert renderers(load(Config())).count("good") == 1


def test_a_disabled_plugin_is_not_imported(place: Path) -> None:
    """``[plugins] disable`` spares its import, so one that hangs or crashes can be got rid of."""
    install(place, "heavy", "raise RuntimeError('imported')")
    found = row("heavy", Config(plugins=PluginOptions(disable=("heavy",))))
    assert (found.state, found.reason) == ("disabled", "[plugins] disable names it")


def test_wrong_options_keep_a_plugin_from_starting_half_configured(place: Path) -> None:
    """An unknown key is a finding, and the plugin's row says that its options do not hold."""
    good(place)
    plugins = load(Config(tables={"good": {"colour": "red"}}))
    assert row("good", plugins.config).state == "failed"
    assert [finding.key for finding in plugins.findings] == ["[good] colour"], "each mistake is told once"
    assert [check.what for check in doctor._plugins(plugins) if "good" in check.what] == [], "nothing is to be upgraded"


def test_a_plugin_that_is_named_and_not_installed_is_one_clear_error(place: Path) -> None:
    """However often the configuration names it, there is one finding, and it says what to install."""
    text = '[absent]\nx = 1\n[plugins]\nprefer = ["absent"]\n[call]\ncamera = "absent:front"\n'
    (place / "jackfield.toml").write_text(text)
    plugins = load(load_config(place / "jackfield.toml", env={}))
    errors = [finding for finding in plugins.findings if finding.severity == "error"]
    assert len(errors) == 1
    assert errors[0].key == "[absent], [plugins] prefer, [call] camera"
    assert "pip install jackfield-absent" in errors[0].fix


def test_a_misspelt_section_names_the_nearest(place: Path) -> None:
    """Sections of the framework and of plugins are both known."""
    plugins = load(Config(tables={"sever": {"port": 1}}))
    assert any("did you mean server?" in finding.fix for finding in plugins.findings)


def test_a_mistyped_plugin_is_not_one_to_install(place: Path) -> None:
    """Somebody else may have taken the name."""
    install(place, "panorama", "plugin = None")
    found = [finding for finding in load(Config(tables={"panorma": {}})).findings if "[panorma]" in finding.key]
    assert [finding.fix for finding in found] == ["did you mean panorama?"]


def test_a_section_of_a_plugin_that_failed_is_a_warning(place: Path) -> None:
    """Its row has the reason; the configuration is not to blame."""
    install(place, "broken", "raise OSError('gone')")
    findings = [f for f in load(Config(tables={"broken": {"a": 1}})).findings if f.key == "[broken]"]
    assert [finding.severity for finding in findings] == ["warning"]
    assert "gone" in findings[0].found


def test_listing_plugins_imports_no_native_library() -> None:
    """Every first-party plugin is loaded, and no codec, device or transport library with it; nor what only calls, and
    configurations that say something, need."""
    code = (
        "import json, sys; from jackfield.plugins import Config, load; rows = load(Config()).rows; "
        "print(json.dumps([len(rows), [name for name in sys.argv[1:] if name in sys.modules]]))"
    )
    native = ("av", "numpy", "sounddevice", "pyudev", "aiortc", "aioice", "pylibsrtp")
    later = ("asyncio", "cattrs", "platformdirs", "aiohttp", "jackfield.plugins.isolated")
    done = subprocess.run([sys.executable, "-c", code, *native, *later], capture_output=True, timeout=30, check=True)
    count, imported = json.loads(done.stdout)
    assert count
    assert imported == []
