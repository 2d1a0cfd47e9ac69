"""How a client wants to join: protocol v0 says it in the query, v1 in one protobuf message of it (``join_request``)."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping

from attrs import frozen
from google.protobuf.message import DecodeError
from livekit.protocol import rtc

_TRUE = ("1", "true")
#: Either alphabet of base64 (RFC 4648), also where a plus came as the space that it is in a query.
_PLAIN = str.maketrans("-_ ", "+/+")


@frozen
class JoinWishes:
    """``single``: one connection for both directions (v1). ``sid`` is the participant's that is resumed, else "".

    ``requests`` are handled right after the join, as if they had come as signal requests.
    """

    single: bool = False
    auto_subscribe: bool = True
    resumes: bool = False
    sid: str = ""
    requests: tuple[rtc.SignalRequest, ...] = ()


def of_query(query: Mapping[str, str]) -> JoinWishes:
    """What a client of protocol v0 wants."""
    return JoinWishes(
        auto_subscribe=query.get("auto_subscribe", "1") in _TRUE,
        resumes=query.get("reconnect") == "1",
        sid=query.get("sid", ""),
    )


def of_join_request(text: str, most: int) -> JoinWishes:
    """What a client of protocol v1 wants; `ValueError` when it does not hold, or unpacks to over ``most`` bytes."""
    request = _unwrap(text, most)
    wishes = [rtc.SignalRequest(add_track=track) for track in request.add_track_requests]
    if request.publisher_offer.sdp:
        wishes.append(rtc.SignalRequest(offer=request.publisher_offer))
    return JoinWishes(
        single=True,
        auto_subscribe=request.connection_settings.auto_subscribe,
        resumes=request.reconnect,
        sid=request.participant_sid,
        requests=tuple(wishes),
    )


def _unwrap(text: str, most: int) -> rtc.JoinRequest:
    plain = text.rstrip("=").translate(_PLAIN)
    try:
        wrapped = rtc.WrappedJoinRequest.FromString(base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True))
        packed = wrapped.join_request
        if wrapped.compression == rtc.WrappedJoinRequest.Compression.GZIP:
            packed = _unpacked(packed, most)
        return rtc.JoinRequest.FromString(packed)
    except (ValueError, zlib.error, DecodeError) as exc:
        raise ValueError(f"join_request cannot be read: {exc}") from exc


def _unpacked(data: bytes, most: int) -> bytes:
    unpacker = zlib.decompressobj(wbits=31)
    unpacked = unpacker.decompress(data, most)
    if unpacker.unconsumed_tail:
        raise ValueError(f"it unpacks to over {most} bytes")
    return unpacked
