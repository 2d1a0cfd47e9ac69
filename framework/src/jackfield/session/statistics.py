"""Statistics by their W3C names (https://www.w3.org/TR/webrtc-stats/), in W3C units: seconds, bits per second."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

from jackfield.media.clock import Alarm, Clock, LoopClock
from jackfield.session.quality import Sample
from jackfield.values.events import Event
from jackfield.values.statistics import CallStats, CandidatePairStats, CandidateStats, TrackStats, TransportStats

if TYPE_CHECKING:
    from jackfield.session.connection import Connection
    from jackfield.session.participant import Participant
    from jackfield.session.publication import Publication
    from jackfield.session.reconnect import State
    from jackfield.session.remote_track import RemoteTrack
    from jackfield.session.room import Room

_MS = 0.001
_WATCH_NS = 1_000_000_000
#: For so many looks a connection may be on its way back before it counts as lost: signalling is back in a moment.
_BLINK = 1
#: What the RTP layer calls it → the W3C's name, and the factor to its unit.
NAMES: Mapping[str, tuple[str, float]] = {
    "bitrate_bps": ("bitrate", 1),
    "buffered_ns": ("jitterBufferDelay", 1e-9),
    "bytes_received": ("bytesReceived", 1),
    "bytes_repaired": ("retransmittedBytesSent", 1),
    "bytes_retransmitted": ("retransmittedBytesReceived", 1),
    "bytes_sent": ("bytesSent", 1),
    "delay_ms": ("targetDelay", _MS),
    "emitted": ("jitterBufferEmittedCount", 1),
    "fps": ("framesPerSecond", 1),
    "frames_dropped": ("framesDropped", 1),
    "frames_lost": ("framesLost", 1),
    "frames_received": ("framesReceived", 1),
    "frames_sent": ("framesSent", 1),
    "full_requests": ("firCount", 1),
    "height": ("frameHeight", 1),
    "jitter_ms": ("jitter", _MS),
    "keyframe_requests": ("pliCount", 1),
    "keyframes_received": ("keyFramesReceived", 1),
    "keyframes_sent": ("keyFramesSent", 1),
    "nacks_received": ("nackCount", 1),
    "nacks_sent": ("nackCount", 1),
    "packets_late": ("packetsDiscarded", 1),
    "packets_lost": ("packetsLost", 1),
    "packets_received": ("packetsReceived", 1),
    "packets_redundant": ("packetsRedundant", 1),
    "packets_recovered": ("packetsRecovered", 1),
    "packets_repaired": ("retransmittedPacketsSent", 1),
    "packets_retransmitted": ("retransmittedPacketsReceived", 1),
    "packets_sent": ("packetsSent", 1),
    "remote_fraction_lost": ("fractionLost", 1),
    "remote_jitter_ms": ("jitter", _MS),
    "remote_packets_lost": ("packetsLost", 1),
    "rtt_count": ("roundTripTimeMeasurements", 1),
    "rtt_ms": ("roundTripTime", _MS),
    "rtt_total_ms": ("totalRoundTripTime", _MS),
    "target_bitrate_bps": ("targetBitrate", 1),
    "width": ("frameWidth", 1),
    "srtp_profile": ("srtpCipher", 1),
    "waiting_for_keyframe": ("waitingForKeyframe", 1),
}
#: What of a connection's counters is shown elsewhere: its tracks by themselves, the rest with its pair.
_ELSEWHERE = frozenset({"tracks", "path", "pair_rtt_s", "pair_rtt_total_s", "answered", "estimate_bps", "told_bps"})


def w3c(counters: Mapping[str, Any]) -> dict[str, Any]:
    """The same figures by W3C name; what has none keeps its own."""
    found: dict[str, Any] = {}
    for name, value in counters.items():
        known, factor = NAMES.get(name, (name, 1))
        if isinstance(value, list):
            found[known] = [w3c(each) if isinstance(each, Mapping) else each for each in value]
            continue
        scaled = isinstance(value, int | float) and not isinstance(value, bool) and factor != 1
        found[known] = value * factor if scaled else value
    return found


def transport_stats(counters: Mapping[str, Any]) -> TransportStats:
    """Counters of a peer connection by W3C name, without those of its tracks."""
    found = w3c({name: value for name, value in counters.items() if name not in _ELSEWHERE})
    return cast("TransportStats", found | {"selectedCandidatePair": _pair(counters)})


def _pair(counters: Mapping[str, Any]) -> CandidatePairStats | None:
    if not counters.get("path"):
        return None
    local, remote = counters["path"]
    found: CandidatePairStats = {
        "local": _candidate(local),
        "remote": _candidate(remote),
        "currentRoundTripTime": counters.get("pair_rtt_s"),
        "totalRoundTripTime": counters.get("pair_rtt_total_s", 0.0),
        "responsesReceived": counters.get("answered", 0),
    }
    if "estimate_bps" in counters:
        found["availableOutgoingBitrate"] = counters["estimate_bps"]
    if counters.get("told_bps") is not None:
        found["availableIncomingBitrate"] = counters["told_bps"]
    return found


def _candidate(line: str) -> CandidateStats:
    """A candidate line in parts: foundation, component, transport, priority, address, port, "typ", type (RFC 8839)."""
    parts = line.split()
    return {"address": parts[4], "port": int(parts[5]), "candidateType": parts[7], "protocol": parts[2].lower()}


def track_stats(track: RemoteTrack) -> TrackStats:
    """Counters of a remote track, and whose it is."""
    whose = {"sid": track.sid, "name": track.name, "uid": track.participant.uid, "participant": track.participant.name}
    return cast("TrackStats", whose | track.stats())


class CallStatistics:
    """What is counted of one call, and a look at it once a second: what limits our media, and how good everybody's
    connection is, which ``emit`` hears of when it changes. Runs on the event loop."""

    def __init__(
        self,
        room: Room,
        connection: Callable[[], Connection],
        publications: Callable[[], Iterable[Publication]],
        emit: Callable[[Event], None],
        clock: Clock | None = None,
    ) -> None:
        self._room, self._connection, self._publications, self._emit = room, connection, publications, emit
        #: Whether the call holds at the moment.
        self.state: Callable[[], State] = lambda: "connected"
        self._away = 0
        self._clock = clock or LoopClock()
        self._alarm = Alarm(self._clock, self._look)

    def start(self) -> None:
        """Looks each second until `stop`."""
        self._alarm.set(self._clock.now_ns() + _WATCH_NS)

    def stop(self) -> None:
        """No timer is left."""
        self._alarm.cancel()

    def snapshot(self, tracks: Iterable[RemoteTrack]) -> CallStats:
        """Sums since the beginning, and rates over the last second."""
        connection, room = self._connection(), self._room
        return {
            "session_id": room.session_id,
            "uid": room.local.uid,
            "participants": 1 + len(room.participants),
            "connection": {
                "state": self.state(),
                "signalRoundTripTime": connection.signal.rtt_ms / 1000,
                "publisher": transport_stats(connection.publisher.stats()),
                "subscriber": transport_stats(connection.subscriber.stats()),
            },
            "publications": [each.stats() for each in self._publications()],
            "tracks": [track_stats(track) for track in tracks],
        }

    def _look(self) -> None:
        self._alarm.set(self._clock.now_ns() + _WATCH_NS)
        for publication in self._publications():
            publication.look()
        samples = {person: sampled(person) for person in self._room.participants.values()}
        samples[self._room.local] = self._ours()
        for event in self._room.quality.measured(samples):
            self._emit(event)

    def _ours(self) -> Sample:
        """Our own connection: what comes in of everybody, and what is reported of what we send."""
        connection = self._connection()
        publisher, subscriber = connection.publisher, connection.subscriber
        down = sampled(*self._room.participants.values())
        reports = [each.reported for each in self._publications()]
        losses = [loss for loss, _ in reports if loss is not None]
        trips = [rtt_s for _, rtt_s in reports if rtt_s is not None]
        pairs = [peer.round_trip_s for peer in (publisher, subscriber)]
        trips += [rtt_s for rtt_s in pairs if rtt_s is not None]
        self._away = self._away + 1 if self.state() == "reconnecting" else 0
        lost = self._away > _BLINK or {"disconnected", "failed"} & {publisher.state, subscriber.state}
        loss, rtt_s = max(losses, default=None), max(trips, default=None)
        return Sample(down.received, down.lost, down.frozen_s, loss, rtt_s, connected=not lost)


def sampled(*people: Participant) -> Sample:
    """What came of the media of these, so far."""
    found = {sid: track.stats() for person in people for sid, track in person.tracks.items()}
    received = sum(stats.get("packetsReceived", 0) for stats in found.values())
    lost = sum(stats.get("packetsLost", 0) for stats in found.values())
    frozen_s = {sid: stats["totalFreezesDuration"] for sid, stats in found.items() if "totalFreezesDuration" in stats}
    return Sample(received, lost, frozen_s)
