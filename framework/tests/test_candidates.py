"""Candidates beside a description."""

from __future__ import annotations

import json

import pytest

from jackfield.rtc.candidates import candidate_init, candidate_line


def test_candidates_travel_as_json() -> None:
    """The line, with or without a=; the end of candidates is empty; garbage is a value error."""
    init = candidate_init("candidate:1 1 udp 1 192.0.2.1 5 typ host")
    assert json.loads(init)["sdpMid"] == "0"
    assert candidate_line(init).startswith("candidate:1")
    assert candidate_line('{"candidate": "a=candidate:1"}') == "candidate:1"
    assert [candidate_line(end) for end in ("", "{}", "[]", '{"candidate": null}')] == [""] * 4
    for wrong in ('{"candidate": 5}', "{"):
        with pytest.raises(ValueError):
            candidate_line(wrong)
