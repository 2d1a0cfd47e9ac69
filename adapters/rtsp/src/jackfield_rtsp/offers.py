"""What a camera says that it has: FFmpeg reads its description (SDP, RFC 8866), and tells it in its log alone.

Seen with FFmpeg 8.0 (libavformat/rtsp.c, ``SDP:``); PyAV cuts a line of the log after a thousand bytes.
"""

from __future__ import annotations

import logging
import re

_MOST = 6
_PLAIN = re.compile(r"[\w.+-]{1,40}", re.ASCII)
#: Payload types that need no name (RFC 3551, section 6).
_STATIC = {"0": "PCMU", "3": "GSM", "8": "PCMA", "9": "G722", "14": "MPA", "26": "JPEG", "31": "H261", "32": "MPV"}
_STATIC |= {"33": "MP2T", "34": "H263"}


def offered(description: str) -> str:
    """Each stream as its kind and the name of its codec: "video H265 and audio PCMU"; "nothing" where it has none."""
    names = dict(re.findall(r"^a=rtpmap:(\d{1,3})[ \t]+([^/\s]+)", description, re.MULTILINE))
    streams = []
    for kind, number in re.findall(r"^m=(\S+)[ \t]+\S+[ \t]+\S+[ \t]+(\d{1,3})", description, re.MULTILINE)[:_MOST]:
        name = names.get(number, _STATIC.get(number, f"payload type {number}"))
        streams.append(f"{_shown(kind)} {name if name.startswith('payload') else _shown(name)}")
    return " and ".join([", ".join(streams[:-1]), streams[-1]] if len(streams) > 1 else streams) or "nothing"


def _shown(word: str) -> str:
    return word if _PLAIN.fullmatch(word) else "something without a name"


class Offers(logging.Handler):
    """Hears FFmpeg's log (`redirects.listen_to`). ``said`` is what the camera has; "" while it has not said so."""

    def __init__(self) -> None:
        super().__init__()
        self.said = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Looks at a line of the log."""
        before, found, description = record.getMessage().partition("SDP:\n")
        if found and not before:
            self.said = offered(description)
