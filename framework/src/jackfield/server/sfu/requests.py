"""What each signal request of a client does."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from livekit.protocol import models, rtc

from jackfield.rtc import sdp
from jackfield.server.sfu.answer import Announced
from jackfield.server.sfu.participant import RECONNECT, Participant, Reason
from jackfield.server.sfu.publication import Publication
from jackfield.server.sfu.single import SingleSubscriber

RequestReason = rtc.RequestResponse.Reason


def handle(participant: Participant, request: rtc.SignalRequest) -> None:
    """Acts on one request. `ValueError` when it does not hold; unknown kinds are passed over."""
    name = request.WhichOneof("message")
    handler = _HANDLERS.get(name or "")
    if handler is not None and not participant.has_ended:
        handler(participant, getattr(request, name or ""))


def _offer(participant: Participant, description: rtc.SessionDescription) -> None:
    offer = sdp.parse(description.sdp)
    if len(offer.media) > participant.limits.media_sections:
        raise ValueError(f"an offer with {len(offer.media)} sections; {participant.limits.media_sections} at most")
    publications = list(participant.publications.values())
    newest = {item.cid: item for item in publications}
    announced = [Announced(item.cid, item.kind, item.preferred_codec) for item in newest.values()]
    single = participant.subscriber if isinstance(participant.subscriber, SingleSubscriber) else None
    answer = participant.publisher.answer(offer, announced, partial(single.fill, offer) if single else None)
    mids = single.mids() if single else {}
    participant.send(
        answer=rtc.SessionDescription(type="answer", sdp=str(answer), id=description.id, mid_to_track_id=mids)
    )
    if single:
        single.filled(offer)
    tracks = participant.publisher.tracks
    fresh = []
    for publication in publications:
        track = tracks.get(publication.cid)
        if track is None or newest[publication.cid] is not publication:
            if publication.track is not None:
                participant.unpublish(publication, told=False)
        elif publication.track is not track:
            publication.bind(track, participant.publisher.mid_of(publication.cid))
            fresh.append(publication)
    participant.room.published(fresh)


def _answer(participant: Participant, description: rtc.SessionDescription) -> None:
    participant.subscriber.answered(description)


def _add_track(participant: Participant, request: rtc.AddTrackRequest) -> None:
    refusal = _refusal(participant, request)
    if refusal is not None:
        response = rtc.RequestResponse(reason=refusal[0], message=refusal[1])
        response.add_track.cid = request.cid[: participant.limits.name_length]
        participant.send(response=rtc.SignalResponse(request_response=response))
        return
    # A cid that flows already is a track published anew before its first publication has ended.
    waiting = (item for item in participant.publications.values() if item.track is None)
    known = next((item for item in waiting if item.cid == request.cid), None)
    publication = known or Publication(participant, request)
    participant.publications[publication.sid] = publication
    published = rtc.TrackPublishedResponse(cid=request.cid, track=publication.info)
    participant.send(response=rtc.SignalResponse(track_published=published))


def _refusal(participant: Participant, request: rtc.AddTrackRequest) -> tuple[RequestReason, str] | None:
    limit = participant.limits.tracks_per_participant
    if request.type not in (models.TrackType.AUDIO, models.TrackType.VIDEO):
        return RequestReason.UNSUPPORTED_TYPE, "only audio and video tracks are published this way"
    if not participant.may_publish(request.source):
        return RequestReason.NOT_ALLOWED, "the token does not allow publishing from this source"
    if len({request.cid, *(item.cid for item in participant.publications.values())}) > limit:
        return RequestReason.LIMIT_EXCEEDED, f"a participant may publish {limit} tracks"
    if not request.cid or max(len(request.cid), len(request.name)) > participant.limits.name_length:
        return RequestReason.INVALID_NAME, "cid or name is missing or too long"
    if request.ByteSize() > participant.limits.track_bytes:
        return RequestReason.LIMIT_EXCEEDED, f"what is said of a track may have {participant.limits.track_bytes} bytes"
    return None


def _tell_of(participant: Participant) -> None:
    participant.room.tell_of(participant)


def _mute(participant: Participant, request: rtc.MuteTrackRequest) -> None:
    publication = participant.publications.get(request.sid)
    if publication is not None and publication.mute(request.muted):
        participant.in_time("how it stands", _tell_of)


def _sync_state(participant: Participant, state: rtc.SyncState) -> None:
    """What a client that is back believes: where it publishes what we do not know, it connects anew."""
    if any(item.track.sid not in participant.publications for item in state.publish_tracks):
        participant.end(Reason.STATE_MISMATCH, RECONNECT)


def _subscription(participant: Participant, request: rtc.UpdateSubscription) -> None:
    sids = [*request.track_sids, *(sid for group in request.participant_tracks for sid in group.track_sids)]
    choose(participant, sids, request.subscribe)


def choose(participant: Participant, track_sids: list[str], subscribe: bool) -> None:
    """``participant`` is to receive these tracks, or not."""
    for track_sid in track_sids[: 4 * participant.limits.participants_per_room]:
        publication = participant.room.find(track_sid)
        if publication is not None:
            participant.choices[track_sid] = subscribe
            participant.consider(publication)
        elif subscribe:
            response = rtc.SubscriptionResponse(track_sid=track_sid, err=models.SubscriptionError.SE_TRACK_NOTFOUND)
            participant.send(response=rtc.SignalResponse(subscription_response=response))


def _track_setting(participant: Participant, request: rtc.UpdateTrackSettings) -> None:
    for track_sid in request.track_sids[: 4 * participant.limits.participants_per_room]:
        publication = participant.room.find(track_sid)
        if publication is None:
            continue
        participant.settings[track_sid] = request
        down = participant.subscriber.downs.get(track_sid)
        if down is not None:
            down.want(publication.layer_index(request), disabled=request.disabled)


def _leave(participant: Participant, request: rtc.LeaveRequest) -> None:
    participant.end(Reason.CLIENT_INITIATED)


def _permission(participant: Participant, request: rtc.SubscriptionPermission) -> None:
    if request.ByteSize() > participant.limits.permission_bytes:
        # Passed over, it would leave those in whom the publisher wants out.
        raise ValueError(f"who may subscribe is told in over {participant.limits.permission_bytes} bytes")
    participant.allow(request)
    participant.in_time("who may subscribe", _admit)


def _admit(participant: Participant) -> None:
    """Whoever may not have what it publishes gets it no more, and hears so; whoever may, gets it."""
    for publication in participant.publications.values():
        if publication.track is None:
            continue
        for other in participant.room.participants.values():
            was = publication.sid in other.subscriber.downs
            other.consider(publication)
            may = participant.admits(publication, other)
            if other is not participant and (was or other.choices.get(publication.sid, other.auto_subscribe)):
                update = rtc.SubscriptionPermissionUpdate(
                    participant_sid=participant.sid, track_sid=publication.sid, allowed=may
                )
                other.send(response=rtc.SignalResponse(subscription_permission_update=update))


def _ping(participant: Participant, timestamp: int) -> None:
    participant.send(response=rtc.SignalResponse(pong=_now_ms()))


def _ping_request(participant: Participant, request: rtc.Ping) -> None:
    pong = rtc.Pong(last_ping_timestamp=request.timestamp, timestamp=_now_ms())
    participant.send(response=rtc.SignalResponse(pong_resp=pong))


def _now_ms() -> int:
    return round(time.time() * 1000)


def _update_metadata(participant: Participant, request: rtc.UpdateParticipantMetadata) -> None:
    reason, message = RequestReason.OK, ""
    if not participant.permission.can_update_metadata:
        reason, message = RequestReason.NOT_ALLOWED, "the token does not allow this (no canUpdateOwnMetadata grant)"
    elif not participant.changes.take(time.monotonic_ns()):
        reason, message = RequestReason.LIMIT_EXCEEDED, f"{participant.limits.changes_per_second} changes a second"
    elif message := participant.reserved(request.attributes):
        reason = RequestReason.NOT_ALLOWED
    else:
        attributes = dict(request.attributes)
        message = participant.describe(
            name=request.name or None, metadata=request.metadata or None, attributes=attributes
        )
        reason = RequestReason.LIMIT_EXCEEDED if message else RequestReason.OK
    if reason == RequestReason.OK:
        participant.room.tell_of(participant)  # first: whoever is answered sees it done
    response = rtc.RequestResponse(request_id=request.request_id, reason=reason, message=message)
    participant.send(response=rtc.SignalResponse(request_response=response))


def _update_audio(participant: Participant, request: rtc.UpdateLocalAudioTrack) -> None:
    publication = participant.publications.get(request.track_sid)
    features = list(request.features[:16])
    if publication is not None and list(publication.info.audio_features) != features:
        del publication.info.audio_features[:]
        publication.info.audio_features.extend(features)
        participant.in_time("how it stands", _tell_of)


def _update_video(participant: Participant, request: rtc.UpdateLocalVideoTrack) -> None:
    publication = participant.publications.get(request.track_sid)
    size = request.width, request.height
    if publication is not None and (publication.info.width, publication.info.height) != size:
        publication.info.width, publication.info.height = size
        participant.in_time("how it stands", _tell_of)


#: Candidates of clients are not needed: where they are is learnt from their checks.
_HANDLERS: dict[str, Callable[[Participant, Any], None]] = {
    "offer": _offer,
    "answer": _answer,
    "add_track": _add_track,
    "mute": _mute,
    "sync_state": _sync_state,
    "subscription": _subscription,
    "track_setting": _track_setting,
    "leave": _leave,
    "subscription_permission": _permission,
    "ping": _ping,
    "ping_req": _ping_request,
    "update_metadata": _update_metadata,
    "update_audio_track": _update_audio,
    "update_video_track": _update_video,
}
