"""`make test` runs every module once, in one of its two parts."""

from __future__ import annotations

import pytest

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
