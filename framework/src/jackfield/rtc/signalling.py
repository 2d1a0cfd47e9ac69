"""LiveKit's signal messages, as both ends read and write them: frames, names of enums, addresses.

Protocol v0 (`/rtc`): a binary WebSocket frame is one protobuf message; to a peer that sends text frames the other side
answers in protojson. Field and enum names follow livekit_rtc.proto and livekit_models.proto.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeVar
from urllib.parse import urlencode, urlsplit, urlunsplit

from google.protobuf import json_format
from google.protobuf.message import DecodeError
from livekit.protocol import models
from livekit.protocol.rtc import (
    AddTrackRequest,
    SignalRequest,
    SignalResponse,
    SignalTarget,
    SimulcastCodec,
    SubscribedQualityUpdate,
)

from jackfield.rtc.layers import Layer
from jackfield.values.events import LeaveReason, NetworkQuality

#: The protocol version we speak as a client (LiveKit's ``?protocol=``).
PROTOCOL = 13
#: How Jackfield's server names itself in a join's ``server_info.node_id``; LiveKit's nodes are called ``ND_…``.
JACKFIELD_NODE = "jackfield"

Source = Literal["camera", "microphone", "screen", "screen_audio", "unknown"]
Kind = Literal["audio", "video"]
Message = TypeVar("Message", SignalRequest, SignalResponse)

PUBLISHER = SignalTarget.PUBLISHER
SUBSCRIBER = SignalTarget.SUBSCRIBER

SOURCES: Mapping[Source, models.TrackSource] = {
    "camera": models.TrackSource.CAMERA,
    "microphone": models.TrackSource.MICROPHONE,
    "screen": models.TrackSource.SCREEN_SHARE,
    "screen_audio": models.TrackSource.SCREEN_SHARE_AUDIO,
    "unknown": models.TrackSource.UNKNOWN,
}
KINDS: Mapping[Kind, models.TrackType] = {"audio": models.TrackType.AUDIO, "video": models.TrackType.VIDEO}
QUALITIES: Mapping[int, NetworkQuality] = {
    models.ConnectionQuality.EXCELLENT: "excellent",
    models.ConnectionQuality.GOOD: "good",
    models.ConnectionQuality.POOR: "poor",
    models.ConnectionQuality.LOST: "lost",
}
REASONS: Mapping[int, LeaveReason] = {
    models.DisconnectReason.CLIENT_INITIATED: "left",
    models.DisconnectReason.DUPLICATE_IDENTITY: "replaced",
    models.DisconnectReason.PARTICIPANT_REMOVED: "removed",
    models.DisconnectReason.ROOM_DELETED: "ended",
    models.DisconnectReason.ROOM_CLOSED: "ended",
    models.DisconnectReason.SERVER_SHUTDOWN: "server",
    models.DisconnectReason.CONNECTION_TIMEOUT: "network",
    models.DisconnectReason.SIGNAL_CLOSE: "network",
    models.DisconnectReason.MEDIA_FAILURE: "network",
}
_SOURCE_NAMES = {number: name for name, number in SOURCES.items()}


def source_name(number: int) -> Source:
    """Our name of a ``TrackSource``; unknown numbers are ``unknown``."""
    return _SOURCE_NAMES.get(number, "unknown")  # type: ignore[call-overload, no-any-return]


def kind_name(number: int) -> Kind | None:
    """``audio`` or ``video``; None for data tracks and what is not known yet."""
    return next((name for name, value in KINDS.items() if value == number), None)


def leave_reason(number: int) -> LeaveReason:
    """Our name of a ``DisconnectReason``; what is not known is the server's doing."""
    return REASONS.get(number, "server")


#: LiveKit's names of the layers.
LAYER_QUALITIES: Mapping[str, models.VideoQuality] = {
    "q": models.VideoQuality.LOW,
    "h": models.VideoQuality.MEDIUM,
    "f": models.VideoQuality.HIGH,
    "": models.VideoQuality.HIGH,
}


def track_request(
    cid: str,
    name: str,
    kind: Kind,
    source: Source,
    codec: str,
    size: tuple[int, int],
    bitrate_bps: int,
    layers: Sequence[Layer] = (Layer(),),
) -> AddTrackRequest:
    """What a client asks of the server before it offers a track of its own, ``cid``, in these layers."""
    width, height = size
    request = AddTrackRequest(
        cid=cid,
        name=name,
        type=KINDS[kind],
        source=SOURCES[source],
        width=width,
        height=height,
        stream=source if source != "unknown" else cid,
    )
    if kind == "video":
        told = [_layer(layer, width, height, bitrate_bps) for layer in layers]
        request.layers.extend(told)
        request.simulcast_codecs.append(SimulcastCodec(codec=codec.lower(), cid=cid, layers=told))
    return request


def _layer(layer: Layer, width: int, height: int, bitrate_bps: int) -> models.VideoLayer:
    return models.VideoLayer(
        quality=LAYER_QUALITIES[layer.rid],
        width=round(width * layer.scale),
        height=round(height * layer.scale),
        bitrate=layer.bitrate_bps or bitrate_bps,
        rid=layer.rid,
    )


def taken_layers(update: SubscribedQualityUpdate, codec: str, rids: Sequence[str]) -> list[str]:
    """Which of a track's layers somebody takes, as the server says. A track without layers is taken in any quality."""
    own = next((each.qualities for each in update.subscribed_codecs if each.codec.lower() == codec.lower()), None)
    told = update.subscribed_qualities if own is None else own
    wanted = {each.quality for each in told if each.enabled}
    return [rid for rid in rids if LAYER_QUALITIES[rid] in wanted or (not rid and wanted)]


def encode(message: SignalRequest | SignalResponse, *, text: bool = False) -> bytes | str:
    """One frame: bytes for a binary one, str (protojson) for a text one."""
    if text:
        return json_format.MessageToJson(message, indent=None)
    return message.SerializeToString()


def decode(kind: type[Message], frame: bytes | str) -> Message:
    """The message in a frame of either sort. ``ValueError`` when it is neither; unknown fields are left out."""
    try:
        if isinstance(frame, str):
            return json_format.Parse(frame, kind(), ignore_unknown_fields=True)
        message = kind()
        message.ParseFromString(frame)
    except (DecodeError, json_format.ParseError, RecursionError) as exc:
        raise ValueError(f"not a {kind.__name__}: {exc}") from exc
    return message


def join_url(server: str, query: Mapping[str, str], *, websocket: bool = True) -> str:
    """Where to join on a server known by its http(s) or ws(s) address; ``websocket=False``: where to ask why not."""
    parts = urlsplit(server)
    secure = parts.scheme in ("https", "wss")
    scheme = ("wss" if secure else "ws") if websocket else ("https" if secure else "http")
    path = parts.path.rstrip("/") + ("/rtc" if websocket else "/rtc/validate")
    asked = {"protocol": str(PROTOCOL), "auto_subscribe": "1", "adaptive_stream": "0", "sdk": "python", **query}
    return urlunsplit((scheme, parts.netloc, path, urlencode(asked), ""))
