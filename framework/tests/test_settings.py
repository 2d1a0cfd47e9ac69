"""Settings: every way in runs the same rules, and every mistake is reported at once."""

from __future__ import annotations

import copy
from typing import Any

import attrs
import pytest

import jackfield
from jackfield.values import settings as module
from jackfield.values.errors import SettingsError
from jackfield.values.settings import (
    SETTINGS,
    AudioMode,
    CameraFacing,
    Layout,
    SessionSettings,
    SessionType,
    VideoWish,
)
from jackfield.values.settings_builder import SessionSettingsBuilder

HIDDEN = {"recording", "transcription", "closed_caption", "share_invite", "chat"}


def findings(values: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(SettingsError) as caught:
        SessionSettings.from_dict(values)
    return {finding.key: f"{finding.found}; {finding.fix}" for finding in caught.value.findings}


def test_the_defaults_are_those_of_the_parity_table() -> None:
    """What nobody set is what the vendor's users expect."""
    found = SessionSettings()
    assert (found.type, found.layout) == (SessionType.VIDEO, Layout.TILE)
    assert (found.audio_mode, found.camera_facing) == (AudioMode.SPEAKER, CameraFacing.FRONT)
    assert (found.idle_timeout_before_prompt_s, found.idle_timeout_after_prompt_s) == (60, 180)
    assert found.caption_language == "en-US"
    hidden = {name for name in SETTINGS if name.startswith("hide_") and getattr(found, name)}
    assert hidden == {f"hide_{name}_button" for name in HIDDEN} | {"hide_network_indicator"}
    assert (found.video.width, found.video.height, found.video.fps) == (1280, 720, 30)
    assert found.video_codecs == ("H264", "VP8")
    assert found.changed() == {}


def test_settings_are_frozen() -> None:
    """Nothing changes once settings are made."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        SessionSettings().title = "x"  # type: ignore[misc]


def test_the_javascript_seed_parses_as_it_stands() -> None:
    """The object of the vendor's JavaScript example is settings."""
    found = SessionSettings.from_dict(
        {"sessionType": "VIDEO", "layout": "TILE", "startAudioMuted": False, "startVideoPaused": False}
    )
    assert found == SessionSettings()


def test_the_flutter_seed_builds_line_by_line() -> None:
    """The builder of the vendor's Flutter example, with its own names, makes the same settings as ours."""
    theirs = SessionSettingsBuilder().setDisplayName("John Doe").setType(SessionType.video).build()
    ours = SessionSettingsBuilder().set_display_name("John Doe").set_type("VIDEO").build()
    assert theirs == ours == SessionSettings(display_name="John Doe")


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_every_setting_has_a_documented_setter_and_both_spellings(name: str) -> None:
    """``set_<setting>`` is there with a docstring, and from_dict takes snake_case and camelCase."""
    assert getattr(SessionSettingsBuilder, f"set_{name}").__doc__
    first, *rest = name.split("_")
    camel = first + "".join(part.capitalize() for part in rest)
    value = getattr(SessionSettings(), name)
    plain = attrs.asdict(value) if attrs.has(type(value)) else value
    assert SessionSettings.from_dict({name: plain}) == SessionSettings.from_dict({camel: plain}) == SessionSettings()


@pytest.mark.parametrize(
    ("key", "value", "name", "read"),
    [
        ("sessionType", "audio", "type", SessionType.VOICE),
        ("type", "Voice", "type", SessionType.VOICE),
        ("initialCameraFacing", "back", "camera_facing", CameraFacing.REAR),
        ("enableLowBandwidthMode", True, "low_bandwidth", True),
        ("enableAutoStartRecording", True, "auto_start_recording", True),
        ("idleTimeoutPeriodBeforePrompt", 30_000, "idle_timeout_before_prompt_s", 30.0),
        ("idleTimeoutPeriodAfterPrompt", 0, "idle_timeout_after_prompt_s", 0.0),
        ("idle_timeout_before_prompt_s", 30, "idle_timeout_before_prompt_s", 30.0),
        ("video_codecs", ["h.264", "vp8", "H264"], "video_codecs", ("H264", "VP8")),
        ("camera", "none", "camera", "none"),
        ("camera", [], "camera", "none"),
        ("camera", "best", "camera", None),
        ("camera", ["a", "b"], "camera", ("a", "b")),
        ("renderers", "web", "renderers", ("web",)),
        ("video", {"maxBitrate": 900_000}, "video", VideoWish(max_bitrate_bps=900_000)),
    ],
)
def test_values_are_understood_in_the_vendors_words(key: str, value: object, name: str, read: object) -> None:
    """Aliases, cases, milliseconds and lists become one kind of value each."""
    assert getattr(SessionSettings.from_dict({key: value}), name) == read


def test_every_mistake_is_reported_at_once_with_its_fix() -> None:
    """Unknown keys, wrong types and values out of range stand in one error, each with what is allowed."""
    found = findings(
        {
            "titel": "x",
            "startAudioMutd": True,
            "layout": "tiles",
            "start_audio_muted": "no",
            "video": {"widht": 1, "fps": 900},
            "idle_timeout_before_prompt_s": -1,
            "video_codecs": ["H274"],
            "caption_language": "english!",
        }
    )
    assert set(found) == {
        "titel",
        "startAudioMutd",
        "layout",
        "start_audio_muted",
        "video.widht",
        "video.fps",
        "idle_timeout_before_prompt_s",
        "video_codecs",
        "caption_language",
    }
    assert "did you mean title?" in found["titel"]
    assert "did you mean startAudioMuted?" in found["startAudioMutd"]
    assert "'tiles'" in found["layout"]
    assert "TILE, SIDEBAR, SPOTLIGHT" in found["layout"]
    assert "true or false" in found["start_audio_muted"]
    assert "from 1 to 240" in found["video.fps"]
    assert "did you mean H264?" in found["video_codecs"]
    assert "en-US" in found["caption_language"]


def test_a_range_of_the_vendors_is_told_in_milliseconds() -> None:
    """Whoever wrote milliseconds is not told about seconds alone."""
    assert "milliseconds" in findings({"idleTimeoutPeriodAfterPrompt": -5})["idleTimeoutPeriodAfterPrompt"]


def test_two_spellings_of_one_setting_are_a_mistake() -> None:
    """Which of the two counts is not left to chance."""
    assert "type" in findings({"type": "VIDEO", "sessionType": "VOICE"})["sessionType"]


def test_a_secret_is_not_shown() -> None:
    """The key of encryption stands neither in the text of an error nor in ``repr``."""
    assert "7777" not in findings({"e2ee_key": 7777})["e2ee_key"]
    assert "hush" not in repr(SessionSettings(e2ee_key="hush"))


def test_keyword_arguments_run_the_same_rules() -> None:
    """Settings made by hand are read, not believed."""
    assert SessionSettings(type="voice").type is SessionType.VOICE  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match=r"video\.width"):
        SessionSettings(video=VideoWish(width=-1))


def test_settings_can_be_laid_over_others() -> None:
    """What a mapping does not name is taken from the base."""
    base = SessionSettings(title="Stand-up", start_audio_muted=True)
    found = SessionSettings.from_dict({"startAudioMuted": False}, base=base)
    assert (found.title, found.start_audio_muted) == ("Stand-up", False)


def test_what_was_given_is_known_though_it_is_the_default() -> None:
    """Who says "not muted" means it, whatever a configuration says."""
    given = SessionSettings(start_audio_muted=False, title="x")
    assert given.explicit() == {"start_audio_muted": False, "title": "x"}
    assert given.changed() == {"title": "x"}
    assert given == SessionSettings(title="x")
    assert SessionSettings.from_dict({"layout": "TILE"}, base=given).given == {"start_audio_muted", "title", "layout"}
    assert SessionSettingsBuilder().set_simulcast(False).build().given == {"simulcast"}
    assert copy.deepcopy(given).explicit() == given.explicit()
    assert attrs.evolve(given, title="y").title == "y"


def test_a_misspelt_setter_names_the_right_one() -> None:
    """Python's own error, with the nearest method."""
    with pytest.raises(AttributeError, match="did you mean set_layout"):
        SessionSettingsBuilder().setLayuot("TILE")  # type: ignore[attr-defined]


def test_the_last_call_of_a_setter_counts() -> None:
    """Setting again is no mistake, in whatever spelling."""
    assert SessionSettingsBuilder().set_type("VIDEO").setSessionType("VOICE").build().type is SessionType.VOICE  # type: ignore[attr-defined]


def test_the_bitrate_follows_from_size_and_rate() -> None:
    """With none asked for it grows with the picture, and one that is asked for stands."""
    small, usual, large = (VideoWish(width=w, height=h).bitrate_bps for w, h in ((320, 180), (1280, 720), (1920, 1080)))
    assert small < usual == 1_700_000 < large
    assert VideoWish(max_bitrate_bps=500_000).bitrate_bps == 500_000


def test_the_public_names_are_at_the_top() -> None:
    """Every type of the table is imported from ``jackfield``."""
    for name in ("SessionSettings", "SessionSettingsBuilder", "SessionType", "Layout", "AudioMode", "CameraFacing"):
        assert hasattr(jackfield, name)
    assert module.LayoutType is Layout


def test_a_finding_repeats_the_beginning_of_what_is_long() -> None:
    """Whoever reads it learns what was found, and is not buried in it."""
    (finding,) = module.check({"display_name": "🎉" * 500})
    assert "… (502 characters)" in finding.found
    assert len(str(finding)) < 300
