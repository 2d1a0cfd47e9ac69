"""The call as the page is told of it: plain values, in the words of the page's own components."""

from __future__ import annotations

from typing import Any

import attrs

from jackfield.roles import RenderedCall
from jackfield.values.events import ChatMessage, Transcription
from jackfield.values.names import shown_name
from jackfield.values.settings import SessionSettings

_KINDS = ("camera", "microphone", "speaker")
#: Characters of a caption that the page is told: its newest.
CAPTION_MAX = 500
_SOURCES = {"camera": "camera", "screen": "screen"}


def state_of(call: RenderedCall) -> dict[str, Any]:
    """How everything stands at this moment."""
    pictures: dict[str, list[dict[str, Any]]] = {}
    for track in (*call.tracks(), *call.own_tracks()):
        if track.kind == "video" and not _rests(track):
            source = _SOURCES.get(track.source, "other")
            told = {"id": track.sid, "source": source, "name": track.name if source == "other" else ""}
            pictures.setdefault(track.participant.uid, []).append(told)
    everyone = [*call.participants.values(), call.local]
    return {
        "title": call.settings.title or call.session_id,
        "state": call.connection_state,
        "startedAt": round(call.joined_at * 1000),
        "people": [_person(person, pictures.get(person.uid, [])) for person in everyone],
        "isMuted": call.is_audio_muted,
        "isCameraOn": not call.is_video_paused,
        "isSharing": call.is_screen_sharing,
        "isRecording": call.is_recording,
        "mayModerate": call.role == "moderator",
        "idleSecondsLeft": call.idle_seconds_left,
        "layout": call.layout.value,
        "pinned": call.pinned.uid if call.pinned else "",
        "unread": call.chat_unread_count,
        "showsPeople": call.is_participant_list_visible,
        "isSmall": call.is_picture_in_picture,
        "hidden": hidden_by(call.settings),
        "current": {kind: device.id if (device := call.device(kind)) else "" for kind in _KINDS},  # type: ignore[arg-type]
        "background": _background(call),
        "captions": [_caption(line) for line in call.captions[-5:]],
    }


def _background(call: RenderedCall) -> dict[str, Any] | None:
    """What is to be seen behind us; None where that cannot be changed."""
    if not call.can_set_background:
        return None
    chosen = call.background
    if chosen is None:
        return {"kind": "none"}
    return {"kind": "image"} if chosen.picture else {"kind": "blur", "level": chosen.blur}


def hidden_by(settings: SessionSettings) -> list[str]:
    """The parts of the page that the settings leave out, by the names that it knows them by."""
    names = (each.name for each in attrs.fields(type(settings)))
    return [name.removeprefix("hide_") for name in names if name.startswith("hide_") and getattr(settings, name)]


def _caption(line: Transcription) -> dict[str, Any]:
    person = line.participant
    name = shown_name(person.name, person.uid) if person else ""
    return {"id": line.id, "name": name, "text": line.text[-CAPTION_MAX:], "isFinal": line.final}


def _rests(track: Any) -> bool:
    """Whether the picture of a track is off for now."""
    person = track.participant
    return track.source == "camera" and person.video_paused


def _person(person: Any, pictures: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": person.uid,
        "name": shown_name(person.name, person.uid),
        "isLocal": person.is_local,
        "isMuted": person.audio_muted,
        "isSpeaking": person.is_speaking,
        "hasPoorNetwork": person.network_quality in ("poor", "lost"),
        "role": person.role,
        "raisedHandAt": person.raised_hand_at,
        "isRecording": person.is_recording,
        "pictures": pictures,
    }


def message_of(message: ChatMessage) -> dict[str, Any]:
    """One message of the chat."""
    person = message.participant
    return {
        "id": message.id,
        "from": person.uid,
        "name": shown_name(person.name, person.uid),
        "isOwn": message.is_own,
        "text": message.text,
        "at": round(message.sent_at * 1000),
    }
