"""The support table is whole, and says no more than the tests of each adapter can show."""

from __future__ import annotations

import re

import pytest

from tests.test_house_rules import MEMBERS, ROOT

PAGE = (ROOT / "docs" / "hardware.md").read_text(encoding="utf-8")
WORDS = {"hardware", "lab", "service", "fake", "written", "–"}
ADAPTERS = [member for member in MEMBERS if member.parent.name == "adapters"]
#: adapter → what is said of Linux, macOS and Windows: one word each, or several
ROWS = {
    found[1]: [{word.strip() for word in cell.split(",")} for cell in found[2].split("|")]
    for found in re.finditer(r"^\| \[`([\w-]+)`\]\([^)]*\) \|([^|]*\|[^|]*\|[^|]*)\|", PAGE, re.MULTILINE)
}


def test_every_adapter_has_its_row_and_every_row_its_adapter() -> None:
    """In words that the page explains; none is nowhere."""
    assert set(ROWS) == {member.name for member in ADAPTERS}
    for adapter, cells in ROWS.items():
        assert len(cells) == 3, adapter
        assert set.union(*cells) <= WORDS, adapter
        assert set.union(*cells) != {"–"}, adapter
    assert set(re.findall(r"^\| (\S+) \| [^|\n]+ \|$", PAGE, re.MULTILINE)) - {"Word"} >= WORDS


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda path: path.name)
def test_what_is_said_to_be_tested_has_a_test(adapter: object) -> None:
    """Who says "lab" has tests marked for the lab, who says "service" names a service that its tests need."""
    name = adapter.name  # type: ignore[attr-defined]
    places = [*(ROOT / "adapters" / name / "tests").glob("*.py"), *(ROOT / "tests").glob("test_*.py")]
    own = [path.read_text(encoding="utf-8") for path in places]
    about = [text for text, path in zip(own, places, strict=True) if "adapters" in path.parts or name in text]
    said = set.union(*ROWS[name])
    if "lab" in said:
        assert any(f"mark.{'vm'}" in text for text in about)  # the lab reads every module that holds it whole
    if "service" in said:
        assert any(re.search(r"needs\(|require\(", text) for text in about)
    if "hardware" in said:
        assert name == "synthetic", "name the device in the adapter's page, and here"
