"""Every setting, action, state and event that users of other call SDKs look for is here, and some test uses it."""

from __future__ import annotations

import pytest
from attrs import fields

import jackfield
from jackfield.session.participant import Participant
from jackfield.values.events import EVENTS
from jackfield.values.settings import SETTINGS
from scripts.reference import parity
from tests.test_house_rules import ROOT

ROWS = [(kind, name) for kind, names in parity.rows().items() for name in names]
#: Ours beyond what others have.
MORE_SETTINGS = {"reconnect_s"}
#: Rows whose feature is not there yet, or has no test of its own yet.
AWAITED: set[str] = set()


def is_there(kind: str, name: str) -> bool:
    """Whether the code has it."""
    match kind:
        case "settings":
            return name in SETTINGS
        case "events":
            return name in EVENTS
        case "participant":
            return name in {field.name for field in fields(Participant)}
        case _:
            return hasattr(jackfield.CallSession, name)


@pytest.mark.parametrize(("kind", "name"), ROWS, ids=lambda value: value)
def test_it_is_there_and_some_test_uses_it(kind: str, name: str) -> None:
    """By its name in the code; and in a test that does something with it, not one that reads every name."""
    missing = [] if is_there(kind, name) else ["the code lacks it"]
    untested = [] if parity.users(kind, name) else ["no test uses it"]
    assert name in AWAITED or missing + untested == []


def test_every_setting_has_its_row() -> None:
    """None that the code has is left out."""
    assert set(SETTINGS) - set(parity.rows()["settings"]) == MORE_SETTINGS


def test_the_page_says_what_the_tests_use() -> None:
    """It has every row in order, and each file that it names is there and uses it; `make docs` writes it anew."""
    told = list(parity.told())
    assert [(kind, name) for kind, name, _ in told] == ROWS, "docs/parity.md is stale: run `make docs`"
    for kind, name, files in told:
        for file in files:
            path = ROOT / file
            assert path.exists(), f"{file}, which docs/parity.md names for {name}, is gone: run `make docs`"
            assert parity.used(kind, name, path.read_text(encoding="utf-8")), f"{file} does not use {name}: `make docs`"


def test_a_use_is_told_from_a_mention() -> None:
    """What a comment or another name says does not count."""
    assert parity.used("actions", "leave", "await session.leave()")
    assert not parity.used("actions", "leave", "# everybody will leave soon; on_leave()")
    assert parity.used("settings", "layout", "settings={'layout': 'TILE'}")
    assert parity.used("settings", "hide_chat_button", "SETTINGS = { hideChatButton: true }")
    assert not parity.used("settings", "layout", "stage.layout")
    assert parity.used("events", "chat_message", 'ada.on("chat_message", print)')
    assert not parity.used("events", "data", "the data of it")
