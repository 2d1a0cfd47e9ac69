"""`make test` runs every module once, in one of its two parts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab import suite
from tests.lab.suite import SIDE_BY_SIDE, main, parts
from tests.test_house_rules import ROOT


def test_every_module_is_in_one_part_and_no_more() -> None:
    """What is named beside others is there; what is not named runs alone; nothing is left out."""
    beside, alone = parts(["-k", "name"])
    assert [path for path in SIDE_BY_SIDE if not (ROOT / path).exists()] == []
    assert beside[-2:] == alone[-2:] == ["-k", "name"]
    ignored = {argument.removeprefix("--ignore=") for argument in alone if argument.startswith("--ignore=")}
    folders = ("framework/tests", "plugins/*/tests", "adapters/*/tests", "tests")
    for path in (path for folder in folders for path in ROOT.glob(f"{folder}/test_*.py")):
        name = path.relative_to(ROOT).as_posix()
        is_beside = any(name == each or name.startswith(f"{each}/") for each in SIDE_BY_SIDE)
        is_alone = name.startswith("tests/") and name not in ignored
        assert is_beside is not is_alone, name


def test_a_path_is_run_as_it_is_named(capfd: pytest.CaptureFixture[str]) -> None:
    """One pytest, with its own exit status; nothing found is no success."""
    assert parts(["-q", "tests/test_suite.py"]) == [["-q", "tests/test_suite.py"]]
    assert main(["tests/test_suite.py", "-q", "-k", "no_such_test"]) == pytest.ExitCode.NO_TESTS_COLLECTED
    assert "deselected" in capfd.readouterr().out


_SHAKY = """
from pathlib import Path
import pytest

@pytest.mark.parametrize("number", range({count}))
def test_shaky(number):
    seen = Path(__file__).with_name(f"seen{{number}}")
    if {for_good} or not seen.exists():
        seen.touch()
        raise AssertionError("not this time")
"""


@pytest.mark.parametrize(
    ("count", "for_good", "status", "needed"),
    [(2, False, 0, 2), (2, True, 1, 0), (suite.FEW + 1, False, 1, 0), (0, True, 0, 0)],
)
def test_what_fails_beside_others_counts_as_it_is_alone(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    count: int,
    for_good: bool,
    status: int,
    needed: int,
) -> None:
    """A few get a second run and are named; what fails then too has failed; many get none."""
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    source = _SHAKY.format(count=count, for_good=for_good) + "\n\ndef test_sound():\n    pass\n"
    (tmp_path / "test_it.py").write_text(source)
    monkeypatch.setattr(suite, "ROOT", tmp_path)
    got, names = suite.run_beside(["test_it.py", "-q"], ["-q"])
    assert (got, len(names)) == (status, needed)
    assert ("once more" in capfd.readouterr().out) is (0 < count <= suite.FEW)
