"""Text streams, byte streams and remote calls, as what they are known by before and after anything flows."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

from attrs import Factory, field, frozen


@frozen(kw_only=True)
class TextStreamInfo:
    """What a text stream says of itself. ``size`` is in bytes of UTF-8, None where its sender did not know it.

    ``timestamp_ms`` is the sender's clock, ``attached`` the ids of byte streams that belong to it, ``reply_to`` the id
    of the stream that it answers.
    """

    stream_id: str
    topic: str = ""
    mime_type: str = "text/plain"
    size: int | None = None
    timestamp_ms: int = 0
    attributes: Mapping[str, str] = Factory(dict)
    attached: tuple[str, ...] = ()
    reply_to: str = ""


@frozen(kw_only=True)
class ByteStreamInfo:
    """What a byte stream says of itself; ``name`` is a file's, as its sender calls it: never a path to write to."""

    stream_id: str
    topic: str = ""
    name: str = ""
    mime_type: str = "application/octet-stream"
    size: int | None = None
    timestamp_ms: int = 0
    attributes: Mapping[str, str] = Factory(dict)


class RpcCode(IntEnum):
    """Why a remote call failed, as LiveKit numbers it; a method's own codes are its author's, outside 1001 to 1999."""

    UNSUPPORTED_METHOD = 1400
    RECIPIENT_NOT_FOUND = 1401
    REQUEST_PAYLOAD_TOO_LARGE = 1402
    UNSUPPORTED_SERVER = 1403
    UNSUPPORTED_VERSION = 1404
    APPLICATION_ERROR = 1500
    CONNECTION_TIMEOUT = 1501
    RESPONSE_TIMEOUT = 1502
    RECIPIENT_DISCONNECTED = 1503
    RESPONSE_PAYLOAD_TOO_LARGE = 1504
    SEND_FAILED = 1505


@frozen(kw_only=True)
class RpcInvocationData:
    """One call of a method of ours. ``response_timeout_s`` is how long its caller waits; ``encrypted``: it came end to
    end encrypted."""

    request_id: str
    caller_identity: str
    method: str
    payload: str = field(repr=False)
    response_timeout_s: float
    encrypted: bool = False
