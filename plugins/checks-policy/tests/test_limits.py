"""What each limit lets through, and what it says."""

from __future__ import annotations

from pathlib import Path

import pytest
from jackfield_checks_policy.limits import findings
from jackfield_checks_policy.options import Options

from jackfield.plugins import Config, load
from jackfield.values.settings import SessionSettings


def keys(options: Options, **settings: object) -> list[str]:
    return [finding.key for finding in findings(options, SessionSettings.from_dict(settings))]


def test_what_is_just_within_the_limits_passes() -> None:
    """A limit is the largest value that is allowed."""
    options = Options(max_width=1280, max_height=720, max_fps=30, max_bitrate_bps=1_700_000)
    assert keys(options) == []


def test_a_bitrate_that_follows_from_the_size_is_limited_too() -> None:
    """With no bitrate asked for, the one that the size leads to counts."""
    assert keys(Options(max_bitrate_bps=2_000_000), video={"width": 1920, "height": 1080}) == ["video.max_bitrate_bps"]


def test_a_voice_call_has_no_picture_to_limit() -> None:
    """Limits of the picture say nothing about a call without one."""
    assert keys(Options(max_width=320, allow_video=False), type="VOICE") == []


def test_video_can_be_ruled_out() -> None:
    """With ``allow_video = false`` the fix is a voice call."""
    (found,) = findings(Options(allow_video=False), SessionSettings())
    assert (found.key, found.fix) == ("type", 'set type to "VOICE"')


@pytest.mark.parametrize(
    ("target", "passes"), [("in/a.mkv", True), ("in", True), ("other/a.mkv", False), ("in/../x", False)]
)
def test_recordings_stay_in_their_folder(tmp_path: Path, target: str, passes: bool) -> None:
    """A path that leads out of the folder, by whatever spelling, is refused."""
    options = Options(record_under=tmp_path / "in")
    assert (keys(options, record_to=str(tmp_path / target)) == []) is passes


def test_limits_can_be_mere_advice() -> None:
    """``severity = "warning"`` reports and refuses nothing."""
    (found,) = findings(Options(severity="warning", max_fps=15), SessionSettings())
    assert found.severity == "warning"


def test_an_option_out_of_range_is_a_finding_at_its_key() -> None:
    """A limit of zero, or a misspelt one, is reported and not guessed at."""
    table = {"max_width": 0, "max_hight": 720, "severity": "fatal"}
    loaded = load(Config(tables={"checks-policy": table}), only={"checks-policy"})
    assert [finding.key for finding in loaded.findings if finding.severity == "error"] == [
        "[checks-policy] max_width",
        "[checks-policy] max_hight",
        "[checks-policy] severity",
    ]
    assert "did you mean max_height?" in loaded.findings[1].fix
    assert "one of error, warning" in loaded.findings[2].fix
