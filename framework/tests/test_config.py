"""Configuration: the file, then the environment; the later wins, and nothing unknown is passed over."""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import field, frozen, validators

from jackfield.plugins import Config, load_config
from jackfield.plugins.config import unknown_variables
from jackfield.plugins.tables import named_tables
from jackfield.values.errors import SettingsError


@frozen(kw_only=True)
class Options:
    """Options of a plugin that is made for these tests."""

    device: str = "/dev/video0"
    buffers: int = field(default=4, validator=validators.gt(0))
    fast: bool = False
    names: tuple[str, ...] = ()
    timeout_s: float | None = 1.5
    token: str = field(default="", repr=False)


def written(folder: Path, text: str) -> Path:
    path = folder / "jackfield.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_no_file_and_no_environment_are_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing needs to be configured."""
    monkeypatch.chdir(tmp_path)
    config = load_config(env={})
    assert (config.path, config.findings, config.plugins.disable) == (None, (), ())
    assert config.place().url is None


def test_the_file_here_is_found_and_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``jackfield.toml`` in the working directory, then ``JACKFIELD_*``."""
    written(tmp_path, '[server]\nport = 1000\nhost = "::1"\n[call]\ntitle = "Stand-up"\nstartAudioMuted = true')
    monkeypatch.chdir(tmp_path)
    config = load_config(env={"JACKFIELD_SERVER_PORT": "2000", "JACKFIELD_CALL_TITLE": "Retro"})
    assert (config.server.port, config.server.host) == (2000, "::1")
    settings = config.session_settings()
    assert (settings.title, settings.start_audio_muted) == ("Retro", True)


def test_a_file_can_be_named_by_the_environment(tmp_path: Path) -> None:
    """``JACKFIELD_CONFIG`` names the file."""
    path = written(tmp_path, "[plugins]\nprefer = ['synthetic']\n")
    assert load_config(env={"JACKFIELD_CONFIG": str(path)}).plugins.prefer == ("synthetic",)


def test_a_file_that_is_not_there_or_not_toml_is_a_finding(tmp_path: Path) -> None:
    """A file that was named has to be readable; the finding says where it goes wrong."""
    (absent,) = load_config(tmp_path / "none.toml", env={}).findings
    assert absent.severity == "error"
    assert "none.toml" in absent.key
    (broken,) = load_config(written(tmp_path, "[call\n"), env={}).findings
    assert "line 1" in broken.found


def test_three_mistakes_are_three_findings(tmp_path: Path) -> None:
    """Sections of the framework are checked key by key, and all of it is shown at once."""
    path = written(tmp_path, '[call]\nlayuot = "TILE"\ntype = "VIDO"\n[server]\nport = 99999\n')
    config = load_config(path, env={})
    assert [finding.key for finding in config.findings] == ["[server] port", "[call] layuot", "[call] type"]
    assert all(str(path) in finding.source for finding in config.findings)
    with pytest.raises(SettingsError) as caught:
        config.raise_for_errors()
    assert len(caught.value.findings) == 3


def test_a_key_outside_any_section_says_where_it_belongs(tmp_path: Path) -> None:
    """The commonest slip in TOML is told from others."""
    (finding,) = load_config(written(tmp_path, 'layout = "TILE"'), env={}).findings
    assert (finding.key, finding.fix) == ("layout", "put it under [call]")


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("[call]\nlayout TILE\n", "mend line 2"),
        ('[call]\ncamera = ["C920",\n', "mend line 2, the last: 'camera = [\"C920\",'"),
    ],
)
def test_what_is_not_toml_names_the_line(tmp_path: Path, text: str, fix: str) -> None:
    """Even where the mistake is seen at the end of the document alone."""
    (finding,) = load_config(written(tmp_path, text), env={}).findings
    assert finding.fix == fix


def test_options_of_a_plugin_are_read_with_their_types() -> None:
    """Values of the file keep their types; the environment's text is read as what the option wants."""
    config = Config(
        tables={"cam-x": {"buffers": 8, "names": ["a", "b"]}},
        environment={"JACKFIELD_CAM_X_FAST": "yes", "JACKFIELD_CAM_X_TIMEOUT_S": "3", "JACKFIELD_CAM_X_DEVICE": "7"},
    )
    assert config.options("cam-x", Options)[0] == Options(
        device="7", buffers=8, fast=True, names=("a", "b"), timeout_s=3.0
    )


def test_a_list_from_the_environment_is_separated_by_commas() -> None:
    """Or written as TOML writes it."""
    for text in ("a, b", '["a", "b"]'):
        config = Config(environment={"JACKFIELD_CAM_NAMES": text})
        assert config.options("cam", Options)[0] == Options(names=("a", "b"))


def test_wrong_options_are_findings_with_the_nearest_spelling() -> None:
    """Nothing is coerced: text is no number, a number no truth, a text no list."""
    table = {"bufers": 1, "buffers": "8", "fast": 1, "names": "a", "device": 3}
    options, findings = Config(tables={"cam": table}).options("cam", Options)
    found = {finding.key: finding.fix for finding in findings}
    assert options is None
    assert found["[cam] bufers"] == "did you mean buffers?"
    assert found["[cam] buffers"] == "allowed is a whole number"
    assert found["[cam] fast"] == "allowed is true or false"
    assert found["[cam] names"] == "allowed is a list of texts"
    assert found["[cam] device"] == "allowed is text"


def test_an_option_out_of_range_is_a_finding_and_a_secret_one_is_not_shown() -> None:
    """Validators of the options class speak; what is not in its ``repr`` is not in the finding."""
    _, (low,) = Config(tables={"cam": {"buffers": 0}}).options("cam", Options)
    assert "buffers" in low.fix
    _, (secret,) = Config(tables={"cam": {"token": 4711}}).options("cam", Options)
    assert "4711" not in str(secret)


def test_the_longest_name_takes_a_variable() -> None:
    """Where one plugin's name begins another's, the other's variables are not the first one's."""
    config = Config(environment={"JACKFIELD_TOKENS_HTTP_URL": "x"})
    names = ("tokens", "tokens-http")
    assert config.given("tokens", names) == {}
    assert set(config.given("tokens-http", names)) == {"url"}


@frozen(kw_only=True)
class Door:
    """A table with a name, made for these tests."""

    url: str
    user_name: str = ""
    password: str = field(default="", repr=False)
    size: int | tuple[int, ...] = 0
    command: str | tuple[str, ...] = ""

    def __attrs_post_init__(self) -> None:
        if self.password and not self.user_name:
            raise ValueError("a password needs a user_name")


@frozen(kw_only=True)
class Doors:
    """Options whose other keys are names."""

    fast: bool = False
    doors: dict[str, Door] = named_tables()


def test_tables_by_name_are_read_as_what_they_are() -> None:
    """``[cam.front-door]`` is a table of its own, under the name as it was written, beside the plugin's own keys."""
    table = {"fast": True, "front-door": {"url": "a", "user-name": "ada"}, "rear": {"url": "b", "size": [1, 2]}}
    options, findings = Config(tables={"cam": table}).options("cam", Doors)
    assert findings == []
    assert options == Doors(
        fast=True, doors={"front-door": Door(url="a", user_name="ada"), "rear": Door(url="b", size=(1, 2))}
    )


def test_the_environment_adds_to_a_table_and_makes_one() -> None:
    """A password need not stand in the file; the longest key that fits is meant, and commas in a text are kept."""
    environment = {
        "JACKFIELD_CAM_FRONT_DOOR_PASSWORD": "xyzzy",
        "JACKFIELD_CAM_SIDE_URL": "c",
        "JACKFIELD_CAM_SIDE_USER_NAME": "bob",
        "JACKFIELD_CAM_SIDE_COMMAND": "a,b c",
        "JACKFIELD_CAM_FAST": "yes",
    }
    table = {"front-door": {"url": "a", "user_name": "ada"}}
    options, findings = Config(tables={"cam": table}, environment=environment).options("cam", Doors)
    assert findings == []
    assert options is not None
    assert options.fast
    assert options.doors["front-door"].password == "xyzzy"
    assert options.doors["side"] == Door(url="c", user_name="bob", command="a,b c")
    assert "xyzzy" not in repr(options)


def test_mistakes_in_tables_are_findings_that_name_the_table() -> None:
    """Missing and misspelt keys, wrong values, what does not hold together, and what is no table at all."""
    table = {
        "one": {"ur": "a"},
        "two": {"url": 3, "password": 4711},
        "three": {"url": "c", "password": "xyzzy"},
        "fsat": 1,
        "four": "d",
    }
    options, findings = Config(tables={"cam": table}, environment={"JACKFIELD_CAM_NONE": "x"}).options("cam", Doors)
    severity = {finding.key: finding.severity for finding in findings}
    assert severity["[cam.one] ur"] == severity["[cam.three]"] == "warning"
    assert severity["[cam] fsat"] == severity["[cam] four"] == "error"
    found = {finding.key: f"{finding.found}; {finding.fix}" for finding in findings}
    assert options is None
    assert found["[cam.one] ur"] == "is no option, so [cam.one] is left out; did you mean url?"
    assert "missing" in found["[cam.one] url"]
    assert "allowed is text" in found["[cam.two] url"]
    assert "a password needs a user_name" in found["[cam.three]"]
    assert "did you mean fast?" in found["[cam] fsat"]
    assert "write a table [cam.four] with some of url" in found["[cam] four"]
    assert "JACKFIELD_CAM_<NAME>_" in found["JACKFIELD_CAM_NONE"]
    assert "4711" not in str(findings)
    assert "xyzzy" not in str(findings)


def test_a_table_that_does_not_hold_costs_no_other() -> None:
    """It is left out, and told of as a warning; the rest of the options holds."""
    table = {"fast": True, "front": {"url": "a"}, "rear": {"ulr": "b"}}
    options, findings = Config(tables={"cam": table}).options("cam", Doors)
    assert options == Doors(fast=True, doors={"front": Door(url="a")})
    assert {finding.severity for finding in findings} == {"warning"}


def test_a_variable_that_nothing_reads_is_a_warning() -> None:
    """A misspelt one names the nearest."""
    config = Config(environment={"JACKFIELD_CONFG": "x", "JACKFIELD_STATE_DIR": "y", "JACKFIELD_CALL_TITLE": "z"})
    (finding,) = unknown_variables(config, ())
    assert (finding.severity, finding.key) == ("warning", "JACKFIELD_CONFG")
    assert "JACKFIELD_CONFIG" in finding.fix


def test_keys_of_a_server_are_read_in_livekits_form() -> None:
    """``JACKFIELD_KEYS`` holds pairs, by comma or line; a table of the file does too."""
    for text in ("a: x, b: y", "a: x\nb: y"):
        assert load_config(env={"JACKFIELD_KEYS": text}).server.key_pairs() == {"a": "x", "b": "y"}
    assert "xyzzy" not in repr(load_config(env={"JACKFIELD_API_SECRET": "xyzzy"}))


def test_settings_of_a_call_lie_over_those_of_the_file(tmp_path: Path) -> None:
    """Mistakes in either are reported together."""
    config = load_config(written(tmp_path, '[call]\ntitle = "Stand-up"\nlayout = "SPOTLIGHT"'), env={})
    assert config.session_settings({"layout": "TILE"}).layout == "TILE"
    assert config.session_settings({"layout": "TILE"}).title == "Stand-up"
    broken = load_config(written(tmp_path, "[call]\nlayout = 3"), env={})
    with pytest.raises(SettingsError) as caught:
        broken.session_settings({"titel": "x"})
    assert [finding.key for finding in caught.value.findings] == ["[call] layout", "titel"]


def test_a_setting_from_the_environment_is_read_as_its_type() -> None:
    """Truths, numbers, lists and plain words are told apart by what the setting takes."""
    env = {
        "JACKFIELD_CALL_START_AUDIO_MUTED": "true",
        "JACKFIELD_CALL_IDLE_TIMEOUT_BEFORE_PROMPT_S": "5",
        "JACKFIELD_CALL_VIDEO_CODECS": "VP8,H264",
        "JACKFIELD_CALL_TITLE": "2026",
        "JACKFIELD_CALL_VIDEO": "{width = 640}",
    }
    found = load_config(env=env).session_settings()
    assert found.start_audio_muted is True
    assert found.idle_timeout_before_prompt_s == 5
    assert found.video_codecs == ("VP8", "H264")
    assert found.title == "2026"
    assert found.video.width == 640
    (finding,) = load_config(env={"JACKFIELD_CALL_LAYOUT": "round"}).findings
    assert finding.key == "JACKFIELD_CALL_LAYOUT"
