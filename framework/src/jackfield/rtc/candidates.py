"""Candidates as they travel beside a description: the JSON of an RTCIceCandidateInit (W3C webrtc-pc)."""

from __future__ import annotations

import json


def candidate_init(line: str, *, mid: str = "0", index: int = 0) -> str:
    """The JSON for a line ``candidate:…``; "" says that there are no more."""
    return json.dumps({"candidate": line, "sdpMid": mid, "sdpMLineIndex": index})


def candidate_line(init: str) -> str:
    """The line ``candidate:…`` in the JSON; "" at the end of candidates. ``ValueError`` when garbled."""
    try:
        parsed = json.loads(init) if init else {}
    except RecursionError:
        raise ValueError("the candidate is nested too deeply") from None
    line = parsed.get("candidate", "") if isinstance(parsed, dict) else None
    if line is not None and not isinstance(line, str):
        raise ValueError("the candidate is no text")
    return (line or "").removeprefix("a=")
