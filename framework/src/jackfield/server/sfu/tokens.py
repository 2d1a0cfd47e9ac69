"""Access tokens (LiveKit's JWT, HS256): who may do what, or in words why not.

A refusal never shows the token, nor anything of the secret that it was checked with.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import jwt
from attrs import field, frozen
from livekit.protocol import models

_NOT_BEFORE_LEEWAY_S = 60
_EXPIRY_LEEWAY_S = 2
_NAME_MAX = 256
_TIME_MAX = 1e15
_SOURCES = {
    "camera": models.TrackSource.CAMERA,
    "microphone": models.TrackSource.MICROPHONE,
    "screen_share": models.TrackSource.SCREEN_SHARE,
    "screen_share_audio": models.TrackSource.SCREEN_SHARE_AUDIO,
}
_KINDS = {
    "standard": models.ParticipantInfo.Kind.STANDARD,
    "ingress": models.ParticipantInfo.Kind.INGRESS,
    "egress": models.ParticipantInfo.Kind.EGRESS,
    "sip": models.ParticipantInfo.Kind.SIP,
    "agent": models.ParticipantInfo.Kind.AGENT,
}
_TIMES_UNCHECKED: jwt.types.Options = {
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_sub": False,
}


class Refused(Exception):
    """A request is not allowed. ``reason`` is for its sender; ``status`` is the HTTP status that says the same."""

    def __init__(self, reason: str, status: int = 401) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status


@frozen
class Grants:
    """What a verified token says of its holder. ``expires_at`` is seconds since the epoch."""

    identity: str
    expires_at: float
    name: str = ""
    metadata: str = ""
    attributes: Mapping[str, str] = field(factory=dict)
    kind: models.ParticipantInfo.Kind = models.ParticipantInfo.Kind.STANDARD
    room: str = ""
    room_join: bool = False
    room_admin: bool = False
    room_list: bool = False
    room_create: bool = False
    permission: models.ParticipantPermission = field(factory=models.ParticipantPermission)
    #: All that the token says, as it says it.
    claims: Mapping[str, Any] = field(factory=dict, eq=False, repr=False)

    @property
    def is_recorder(self) -> bool:
        """Its holder records the room."""
        return self.permission.recorder

    @property
    def is_dependent(self) -> bool:
        """Its holder is there for others: it takes nobody's place, and does not keep a room open (as on LiveKit)."""
        kinds = models.ParticipantInfo.Kind
        return self.kind in (kinds.EGRESS, kinds.AGENT) or self.permission.recorder or self.permission.agent

    def require_join(self) -> None:
        """Raises `Refused` unless the holder may join a room."""
        if not self.room_join:
            raise Refused("the token does not allow joining a room (it has no roomJoin grant)", 403)
        if not self.room:
            raise Refused("the token names no room", 403)
        if not self.identity:
            raise Refused("the token names no participant (its sub claim is empty)", 403)
        if max(len(self.room), len(self.identity), len(self.name)) > _NAME_MAX:
            raise Refused(f"room, identity and name may each have {_NAME_MAX} characters at most", 400)
        if any("\ud800" <= character <= "\udfff" for character in self.room + self.identity + self.name):
            raise Refused("room, identity or name is no text: it has half of a character in it", 400)

    def require_admin(self, room: str) -> None:
        """Raises `Refused` unless the holder moderates this room."""
        if not self.room_admin:
            raise Refused("the token does not allow this (it has no roomAdmin grant)", 403)
        if self.room != room:
            raise Refused("the token is for another room", 403)


class Verifier:
    """Checks tokens against API keys, each a pair of key name and secret."""

    def __init__(self, keys: Mapping[str, str], *, clock: Callable[[], float] = time.time) -> None:
        self._keys = dict(keys)
        self._clock = clock

    def verify(self, token: str) -> Grants:
        """What the token grants; `Refused` says why it does not hold."""
        if not token:
            raise Refused("no access token was sent")
        claims = self._authentic(token)
        now = self._clock()
        expires_at = _seconds(claims, "exp")
        if expires_at is None:
            raise Refused("the token never expires (it has no exp claim); one that does is required")
        if now > expires_at + _EXPIRY_LEEWAY_S:
            raise Refused(f"the token expired {_ago(now - expires_at)} ago")
        not_before = _seconds(claims, "nbf")
        if not_before is not None and now < not_before - _NOT_BEFORE_LEEWAY_S:
            raise Refused(f"the token is not valid before {_ago(not_before - now)} from now")
        return _grants(claims, expires_at)

    def renew(self, grants: Grants, permission: models.ParticipantPermission, ttl_s: float) -> str:
        """A token that grants what ``grants`` came from, with what ``permission`` allows by now, and lasts at least so
        long: for whom is in a call, and may have to come back to it."""
        now = round(self._clock())
        claims = dict(grants.claims)
        allowed = {
            "canPublish": permission.can_publish,
            "canSubscribe": permission.can_subscribe,
            "canPublishData": permission.can_publish_data,
            "canUpdateOwnMetadata": permission.can_update_metadata,
            "hidden": permission.hidden,
        }
        video = {**claims.get("video", {}), **allowed}
        names = {number: name for name, number in _SOURCES.items()}
        video["canPublishSources"] = [names[source] for source in permission.can_publish_sources if source in names]
        if not video["canPublishSources"]:
            del video["canPublishSources"]  # which stands for every source
            video["canPublish"] = permission.can_publish and not permission.can_publish_sources
        claims |= {"video": video, "nbf": now, "exp": max(round(grants.expires_at), now + round(ttl_s))}
        claims.pop("iat", None)
        return jwt.encode(claims, self._keys[claims["iss"]], algorithm="HS256")

    def _authentic(self, token: str) -> dict[str, Any]:
        try:
            issuer = jwt.decode(token, options={"verify_signature": False}).get("iss")
            secret = self._keys.get(issuer) if isinstance(issuer, str) else None
            if secret is None:
                raise Refused("the token was issued with an API key that this server does not have")
            return jwt.decode(token, secret, algorithms=["HS256"], options=_TIMES_UNCHECKED)
        except jwt.InvalidSignatureError:
            raise Refused("the token's signature does not match its API key") from None
        except jwt.InvalidAlgorithmError:
            raise Refused("the token is not signed with HS256") from None
        except (jwt.PyJWTError, ValueError, TypeError, AttributeError, RecursionError):
            raise Refused("the token cannot be read; it is not a JSON web token") from None


def _seconds(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _TIME_MAX:
        raise Refused(f"the token's {name} claim is not a time")
    return float(value)


def _ago(seconds: float) -> str:
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    return value if isinstance(value, str) else ""


def _grants(claims: Mapping[str, Any], expires_at: float) -> Grants:
    video = claims.get("video")
    video = video if isinstance(video, dict) else {}
    attributes = claims.get("attributes")
    pairs = attributes.items() if isinstance(attributes, dict) else ()
    return Grants(
        identity=_text(claims, "sub"),
        expires_at=expires_at,
        name=_text(claims, "name"),
        metadata=_text(claims, "metadata"),
        attributes={str(key): str(value) for key, value in pairs},
        kind=_KINDS.get(_text(claims, "kind"), models.ParticipantInfo.Kind.STANDARD),
        room=_text(video, "room"),
        room_join=video.get("roomJoin") is True,
        room_admin=video.get("roomAdmin") is True,
        room_list=video.get("roomList") is True,
        room_create=video.get("roomCreate") is True,
        permission=_permission(video),
        claims=claims,
    )


def _permission(video: Mapping[str, Any]) -> models.ParticipantPermission:
    sources = video.get("canPublishSources")
    names = [str(name).lower() for name in sources] if isinstance(sources, list) else []
    known = [_SOURCES[name] for name in names if name in _SOURCES]
    return models.ParticipantPermission(
        can_subscribe=video.get("canSubscribe") is not False,
        can_publish=video.get("canPublish") is not False and bool(known or not names),
        can_publish_data=video.get("canPublishData") is not False,
        can_publish_sources=known,
        hidden=video.get("hidden") is True,
        recorder=video.get("recorder") is True,
        agent=video.get("agent") is True,
        can_update_metadata=video.get("canUpdateOwnMetadata") is True,
    )
