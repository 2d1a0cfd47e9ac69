"""FFmpeg's RTSP client, as a program of its own: it can be ended whatever it waits for, and take nothing with it.

Its standard input says where to go (`Task`, as JSON); its standard output is a row of records (`records.py`).
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, NoReturn

import av

from jackfield_rtsp.offers import Offers
from jackfield_rtsp.records import ERROR, HEADER, PACKET, record
from jackfield_rtsp.redirects import Redirects, listen_to

#: No packet waits longer than this for one that was overtaken, in microseconds.
_REORDER_US = 100_000
_ANALYSE_US = 500_000
#: Who has not answered as a camera does is listened to once more, for so long.
_FIRST_WORDS_S = 0.5


class Failure(Exception):
    """Why there is no media: one of ``records.KINDS``, and the words of whoever said so."""

    def __init__(self, kind: str, said: str = "") -> None:
        super().__init__(kind, said)
        self.kind, self.said = kind, said


@contextmanager
def translated(connected: bool, limit_s: float) -> Iterator[None]:
    """What FFmpeg and the network raise leaves as `Failure`. FFmpeg calls a time that ran out by several names."""
    began = time.monotonic()
    try:
        yield
    except (av.error.HTTPUnauthorizedError, av.error.HTTPForbiddenError) as error:
        raise Failure("denied", error.strerror or "") from error
    except av.error.HTTPServerError as error:
        raise Failure("trouble", error.strerror or "") from error
    except av.error.HTTPNotFoundError as error:
        raise Failure("absent", error.strerror or "") from error
    except socket.gaierror as error:
        raise Failure("unknown", error.strerror or "") from error
    except UnicodeError as error:  # of a name that cannot be one, as `a..b`
        raise Failure("unknown") from error
    except (av.error.ExitError, TimeoutError) as error:
        raise Failure("stalled" if connected else "silent") from error
    except ConnectionRefusedError as error:
        raise Failure("refused") from error
    except av.error.EOFError as error:
        raise Failure("ended") from error
    except BrokenPipeError:
        raise  # nobody reads us any more
    except (av.FFmpegError, OSError) as error:
        if not connected and time.monotonic() - began > limit_s - 0.1:
            raise Failure("silent") from error
        if isinstance(error, av.error.InvalidDataError):
            raise Failure("foreign") from error
        raise Failure("lost" if connected else "other", error.strerror or type(error).__name__) from error


def run(task: dict[str, Any], out: BinaryIO) -> None:
    """Connects, describes the stream, and hands on its packets until something ends it."""
    offers = Offers()
    listen_to(Redirects(task["url"], lambda kind, said: _leave(out, Failure(kind, said))), offers)
    container = _connected(task)
    streams = container.streams.video if task["kind"] == "video" else container.streams.audio
    if not streams:
        raise Failure("nothing", f"it offers {offers.said}" if offers.said else "")
    stream = next((each for each in streams if each.codec_context is not None), None)
    if stream is None:  # FFmpeg does not know its codec, or has no decoder of it
        raise Failure("codec", f"it offers {offers.said}" if offers.said else "")
    out.write(record(HEADER, json.dumps(_description(stream)).encode()))
    out.flush()
    with translated(connected=True, limit_s=task["timeout_s"]):
        for packet in container.demux(stream):
            if packet.size:
                out.write(record(PACKET, bytes(packet)))
                out.flush()
    raise Failure("ended")


def _connected(task: dict[str, Any]) -> Any:
    limit_s = task["timeout_s"]
    try:
        with translated(connected=False, limit_s=limit_s):
            socket.getaddrinfo(task["host"], task["port"], type=socket.SOCK_STREAM)
            return av.open(task["url"], format="rtsp", options=_options(task), timeout=(limit_s, limit_s))
    except Failure as failure:
        words = _first_words(task) if failure.kind == "silent" else ""
        if not words:
            raise
        raise Failure("foreign", f"it says {words!r}") from failure


def _first_words(task: dict[str, Any]) -> str:
    """What a server says that FFmpeg waits in vain for: the beginning of it, where it is no RTSP."""
    if not task["url"].startswith("rtsp://"):
        return ""
    try:
        with socket.create_connection((task["host"], task["port"]), _FIRST_WORDS_S) as server:
            server.settimeout(_FIRST_WORDS_S)
            server.sendall(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n")
            said = server.recv(256)
    except OSError:
        return ""
    line = said.partition(b"\n")[0].strip()[:40].decode("ascii", "replace")
    return "" if said.startswith(b"RTSP/") else line


def _options(task: dict[str, Any]) -> dict[str, str]:
    return {
        "rtsp_transport": task["transport"],
        "allowed_media_types": task["kind"],
        "timeout": str(int(task["timeout_s"] * 1e6)),
        "max_delay": str(_REORDER_US),
        "analyzeduration": str(_ANALYSE_US),
        # packets are handed on as they come: a parser would keep each picture until the next one begins
        "fflags": "nobuffer+noparse+nofillin",
    }


def _description(stream: Any) -> dict[str, Any]:
    context = stream.codec_context
    found = {"codec": context.codec.canonical_name, "extradata": bytes(context.extradata or b"").hex()}
    if stream.type == "video":
        rate = stream.average_rate or stream.guessed_rate or 0
        return found | {"width": context.width or 0, "height": context.height or 0, "fps": float(rate)}
    return found | {"rate": context.sample_rate or 0, "channels": context.channels or 0}


def main() -> None:
    """Until the end, of which the last record says why. Prints no traceback: one would hold URL and password."""
    task, out = json.load(sys.stdin), sys.stdout.buffer
    try:
        try:
            run(task, out)
        except Failure as failure:
            _tell(out, failure)
        except BrokenPipeError:
            raise
        except Exception as error:
            _tell(out, Failure("other", type(error).__name__))
    except BrokenPipeError:
        os._exit(0)  # nobody reads any more, and there is nothing to flush


def _leave(out: BinaryIO, failure: Failure) -> NoReturn:
    """The process ends here, in the middle of what FFmpeg does."""
    try:
        _tell(out, failure)
    finally:
        os._exit(0)


def _tell(out: BinaryIO, failure: Failure) -> None:
    out.write(record(ERROR, json.dumps({"kind": failure.kind, "said": failure.said}).encode()))
    out.flush()


if __name__ == "__main__":
    main()
