"""A run says what it did not run, and why."""

from __future__ import annotations

import pytest

from tests.lab import needs
from tests.lab.machine import NEEDS, Need

pytest_plugins = ["pytester"]

TESTS = """
import pytest

@pytest.mark.needs("unicorn")
def test_rides():
    pass

def test_skips():
    pytest.skip("it rains")

@pytest.mark.soak
def test_long():
    pass
"""


@pytest.fixture
def unicorn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        NEEDS, "unicorn", Need("unicorn", lambda: "no unicorn is here", "apt-get install unicorn", "unicorn")
    )


def run(pytester: pytest.Pytester) -> pytest.RunResult:
    pytester.makepyfile(TESTS)
    pytester.makeini("[pytest]\nmarkers =\n    needs\n    soak\n")
    return pytester.runpytest_inprocess("-m", "not soak", "-p", "no:cacheprovider", "-p", "no:asyncio", plugins=[needs])


@pytest.mark.usefixtures("unicorn")
def test_what_was_not_run_is_listed_with_the_command_that_mends_it(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unmet need, a plain skip and a suite of its own are all in the list, each with its test."""
    monkeypatch.setattr(needs, "IN_CI", False)
    result = run(pytester)
    result.assert_outcomes(skipped=2, deselected=1)
    result.stdout.fnmatch_lines(
        [
            "*not run, and why*",
            "1 not run: a soak test. To run it: make soak",
            "    *::test_long",
            "1 not run: it rains",
            "    *::test_skips",
            "1 not run: no unicorn is here. To run it: apt-get install unicorn",
            "    *::test_rides",
            "*2 skipped*",
        ]
    )


@pytest.mark.usefixtures("unicorn")
def test_in_ci_a_need_that_could_be_met_is_a_failure(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CI installs what has a package, so its absence is a fault there and not a skip."""
    monkeypatch.setattr(needs, "IN_CI", True)
    result = run(pytester)
    result.assert_outcomes(errors=1, skipped=1, deselected=1)
    assert "CI must have unicorn: no unicorn is here" in result.stdout.str()


def test_an_unknown_need_is_a_mistake() -> None:
    """A misspelt need fails by name instead of never running."""
    with pytest.raises(pytest.fail.Exception, match="no need is named 'chromum'"):
        needs.require("chromum")
